// GraphQL over HTTP as the audit suite of the draft's authors checks it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { serverAudits } from 'graphql-http';

import { startDemo } from './support.mjs';

const AUDITS = 61;

/** The audits that are not ok, and how many there are. */
async function audit(t, settings) {
  const gateway = await startDemo(settings);
  t.after(() => gateway.stop());
  const results = [];
  for (const { fn } of serverAudits({ url: gateway.graphql })) results.push(await fn());
  const others = results.filter((result) => result.status !== 'ok');
  for (const { id, name, status, reason, response } of others) {
    const body = response?.bodyUsed === false ? await response.text() : '';
    t.diagnostic(`${status} ${id} ${name}: ${reason} (HTTP ${response?.status}) ${body}`);
  }
  t.diagnostic(`${results.length - others.length} of ${results.length} audits are ok`);
  assert.equal(results.length, AUDITS);
  return others;
}

const named = ({ status, id, name }) => `${status} ${id} ${name}`;

test('all audits of graphql-http are ok', async (t) => {
  assert.deepEqual((await audit(t, {})).map(named), []);
});

/**
 * What the audits ask for and the draft does not: it has 422 for what was understood and refused,
 * and the same statuses whatever the client takes.
 */
const CONTRADICTED = [
  ...['423L', 'LKJ0', 'LKJ1', 'LKJ2', 'LKJ3', '6C00', '6C01', '6C02', '6C03'],
  ...['4760', '4761', '4762', '4763', '58B0', '58B1', '58B2', '58B3', '3E3A'],
].map((id) => [id, 'notice', /^MAY use 400 status code (on|if) .*parameters?/, 422]);
CONTRADICTED.push(
  ['572B', 'warn', /^SHOULD use 200 .*parsing failure when accepting application\/json$/, 400],
  // Its document has a name that begins with a digit, so it does not parse either.
  ['FDE2', 'warn', /^SHOULD use 200 .*validation failure when accepting application\/json$/, 400],
  ['7B9B', 'warn', /^SHOULD use .* 200 on variable coercion failure .*application\/json$/, 422],
  ['86EE', 'warn', /^SHOULD use .* 400 on variable coercion failure .*graphql-response\+json$/, 422],
);

test('with the statuses of the draft, only the audits that it contradicts are not', async (t) => {
  const others = await audit(t, { GATEWAY_HTTP_STATUS: 'draft' });
  assert.deepEqual(others.map(({ id }) => id), CONTRADICTED.map(([id]) => id));
  for (const [at, [id, status, name, sent]] of CONTRADICTED.entries()) {
    assert.equal(others[at].status, status, id);
    assert.match(others[at].name, name);
    assert.equal(others[at].response.status, sent, id);
  }
});
