// GraphQL over HTTP as the audit suite of the draft's authors checks it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { serverAudits } from 'graphql-http';

import { startDemo } from './support.mjs';

const AUDITS = 61;

let gateway;
before(async () => (gateway = await startDemo()));
after(() => gateway?.stop());

test('all audits of graphql-http are ok', async (t) => {
  const results = [];
  for (const audit of serverAudits({ url: gateway.graphql })) results.push(await audit.fn());
  const others = results.filter((result) => result.status !== 'ok');
  for (const { id, name, status, reason, response } of others) {
    const body = response?.bodyUsed === false ? await response.text() : '';
    t.diagnostic(`${status} ${id} ${name}: ${reason} (HTTP ${response?.status}) ${body}`);
  }
  t.diagnostic(`${results.length - others.length} of ${results.length} audits are ok`);
  assert.equal(results.length, AUDITS);
  assert.deepEqual(others.map((result) => `${result.status} ${result.id} ${result.name}`), []);
});
