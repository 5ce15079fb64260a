// What comes back has the shape of what was asked: keys in the query's order whatever is ready
// first, null where something failed, and nothing else lost. SEED repeats a run.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import {
  GraphQLError,
  Kind,
  TypeInfo,
  execute,
  isAbstractType,
  parse,
  print,
  visit,
  visitWithTypeInfo,
} from 'graphql';

import { generate } from './generate.mjs';
import { VALID, forEach, judge, post, schema } from './oracle.mjs';
import { Random } from './random.mjs';
import { cast, pull, startDemo, within } from './support.mjs';

const SEED = Number(process.env.SEED ?? 20_260_806);
const DOCUMENTS = 200;

let gateway;
let accounts;
before(async () => {
  gateway = await startDemo({ GATEWAY_CACHE: 'off' });
  accounts = await cast(gateway.simulator);
});
afterEach(() => pull(gateway.simulator, 'faults', undefined, 'DELETE'));
after(() => gateway?.stop());

const run = (query, variables) => post(gateway, JSON.stringify({ query, variables }));

/** Requests to Mono with this in their path fail, or come late. */
const fault = (path, more = { kind: 'status', status: 422 }) =>
  pull(gateway.simulator, 'faults', { path, count: 100, ...more });

/** Each error's code and path. */
const places = (errors = []) => errors.map(({ path, extensions }) => [extensions.code, path]);

test('a field that fails is null, and all beside it stays', async () => {
  const id = accounts.healthy;
  await fault('/transactions');
  const { data, errors } = await run(
    'query($id:ID!){a:account(id:$id){id t:transactions{page}name}gateway{version}}',
    { id },
  );
  assert.deepEqual(places(errors), [['UPSTREAM_REJECTED', ['a', 't']]]);
  assert.deepEqual(Object.keys(data), ['a', 'gateway']);
  assert.deepEqual(Object.keys(data.a), ['id', 't', 'name']);
  assert.equal(data.a.id, id);
  assert.equal(data.a.t, null);
  assert.equal(typeof data.a.name, 'string');
  assert.equal(typeof data.gateway.version, 'string');
});

test('each failure has its own error, with the path by which it was asked', async () => {
  const { data, errors } = await run(
    '{a:account(id:"nobody"){id}...F gateway{version}}fragment F on Query{b:account(id:"noone"){id}}',
  );
  assert.deepEqual(places(errors).toSorted(), [
    ['NOT_FOUND', ['a']],
    ['NOT_FOUND', ['b']],
  ]);
  assert.deepEqual(Object.keys(data), ['a', 'b', 'gateway']);
  assert.equal(data.a, null);
  assert.equal(data.b, null);
});

test('a path through a list says which item failed, and the others keep what they have', async () => {
  const id = accounts.healthy;
  await fault(`${id}/transactions`);
  const { data, errors } = await run(
    '{list:accounts(first:100){items:edges{node{id t:transactions(first:1){page}}}}}',
  );
  const at = data.list.items.findIndex(({ node }) => node.id === id);
  assert.ok(at >= 0, 'the account is in the list');
  const mine = places(errors).filter(([, path]) => path[2] === at);
  assert.deepEqual(mine, [['UPSTREAM_REJECTED', ['list', 'items', at, 'node', 't']]]);
  assert.equal(data.list.items[at].node.t, null);
  const others = data.list.items.filter(({ node }) => node.t !== null);
  assert.ok(others.length > 0, 'some account has transactions');
  for (const [, path] of places(errors)) {
    assert.equal(data.list.items[path[2]].node.t, null, `something is at ${path}`);
  }
});

test('a field that must not be null takes the nearest place that may be', async () => {
  const id = accounts.healthy;
  const { data, errors } = await run(
    `query ($id: ID!) {
      gateway { version }
      a: account(id: $id) { id reauth { required all: sessions(first: 0) { nodes { id } } } }
      b: account(id: $id) { id }
    }`,
    { id },
  );
  assert.deepEqual(places(errors), [['BAD_USER_INPUT', ['a', 'reauth', 'all']]]);
  assert.equal(data.a, null);
  assert.equal(data.b.id, id);
  assert.deepEqual(Object.keys(data), ['gateway', 'a', 'b']);
});

test('where no place may be null there is no data, and the error says where', async () => {
  const answer = await run('{gateway{version}x:accounts(first:0){totalCount}}');
  assert.deepEqual(places(answer.errors), [['BAD_USER_INPUT', ['x']]]);
  assert.equal(answer.data, null);
});

test('keys come in the order of the query, whatever is ready first', async () => {
  const id = accounts.healthy;
  await fault(id, { kind: 'slow', delay_ms: 300 });
  const { data, errors } = await run(
    `query ($id: ID!) {
      slow: account(id: $id) { name id reauth { required } version currency }
      zeta: gateway { mode version }
      alpha: __typename
      nobody: account(id: "nobody") { id }
      gateway { schemaHash }
    }`,
    { id },
  );
  assert.deepEqual(places(errors), [['NOT_FOUND', ['nobody']]]);
  assert.deepEqual(Object.keys(data), ['slow', 'zeta', 'alpha', 'nobody', 'gateway']);
  assert.deepEqual(Object.keys(data.slow), ['name', 'id', 'reauth', 'version', 'currency']);
  assert.deepEqual(Object.keys(data.zeta), ['mode', 'version']);
});

test('what is asked in several places is one field, where it is asked first', async () => {
  const { data } = await run(`
    query ($no: Boolean = false) {
      skipped: __typename @skip(if: true)
      gateway { version a: mode @include(if: $no) }
      x: __typename
      gateway { mode version }
      ...F
      ... @include(if: $no) { never: __typename }
      last: __typename
    }
    fragment F on Query {
      y: __typename
      gateway { schemaHash a: mode }
      x: __typename
      skipped: __typename
    }
  `);
  assert.deepEqual(Object.keys(data), ['gateway', 'x', 'y', 'skipped', 'last']);
  assert.deepEqual(Object.keys(data.gateway), ['version', 'mode', 'schemaHash', 'a']);
});

test('a field of a mutation runs once, in however many places it is asked', async () => {
  const id = accounts.healthy;
  const sessions = async () => {
    const { data } = await run(
      'query($id:ID!){account(id:$id){reauth{sessions(first:100){nodes{id}}}}}',
      { id },
    );
    return data.account.reauth.sessions.nodes.length;
  };
  const field = `initiateReauth(input: { accountId: "${id}", reuseActive: false }) { reused }`;
  const F = `fragment F on Mutation { ${field} }`;
  for (const query of [
    `mutation { ${field} ${field} }`,
    `mutation { ...F ...F } ${F}`,
    `mutation { ...F ...G } ${F} fragment G on Mutation { ...F }`,
    `mutation { ...F ... { ...F } } ${F}`,
    `mutation { ...F ... on Mutation { ${field} } } ${F}`,
  ]) {
    const before = await sessions();
    // Answered or refused: that is for the gateway to say.
    await run(query);
    const more = (await sessions()) - before;
    assert.ok(more <= 1, `${more} sessions were started by ${query}`);
  }
});

test('a subscription asks for its one field in several places', async (t) => {
  const field = (set) => `dataStatusChanged(accountId: "${accounts.healthy}") { ${set} }`;
  for (const query of [
    `subscription { ${field('kind')} ${field('to')} }`,
    `subscription { ...F ...F } fragment F on Subscription { ${field('kind to')} }`,
    `subscription { ...F ... { ${field('to')} } } fragment F on Subscription { ${field('kind')} }`,
    `subscription { ${field('kind to')} reauthChanged @skip(if: true) { kind } }`,
  ]) {
    const controller = new AbortController();
    t.after(() => controller.abort());
    const response = await fetch(gateway.graphql, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query }),
      signal: controller.signal,
    });
    let said = '';
    const first = async () => {
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        said += chunk;
        const data = /^data: ?(\{.*\})\n/m.exec(said);
        if (data) return JSON.parse(data[1]);
      }
      throw new Error(`the stream ended after ${said}`);
    };
    const answer = await within(`an event to ${query}`, first());
    const expected = { kind: 'SNAPSHOT', to: 'AVAILABLE' };
    assert.deepEqual(answer, { data: { dataStatusChanged: expected } }, query);
    controller.abort();
  }
});

/** The document, asking also for the type of whatever could be of several. */
function naming(text) {
  const types = new TypeInfo(schema);
  const name = (value) => ({ kind: Kind.NAME, value });
  const type = { kind: Kind.FIELD, alias: name('type__'), name: name('__typename') };
  const named = visit(
    parse(text),
    visitWithTypeInfo(types, {
      SelectionSet(set) {
        if (!isAbstractType(types.getParentType())) return undefined;
        return { ...set, selections: [...set.selections, type] };
      },
    }),
  );
  return print(named);
}

/** What graphql-js makes of the same answers: its merging, its order and its nulls. */
function replay(query, data) {
  return execute({
    schema,
    document: parse(query),
    rootValue: data,
    fieldResolver(source, _, __, { path }) {
      const value = source[path.key];
      if (value === undefined) throw new GraphQLError(`${path.key} is missing`);
      return value;
    },
    typeResolver: ({ type__ }) => type__,
  });
}

test('answers to documents at random have the shape that graphql-js gives them', async (t) => {
  const random = new Random(SEED);
  const ids = accounts.all.map((id) => JSON.stringify(id));
  const literals = { ID: [...ids, '"nobody"', '"nobody"'], Int: ['0', '1', '2', '3', 'null'] };
  const options = { kinds: ['query'], literals, hasVariables: false };
  const queries = [];
  while (queries.length < DOCUMENTS) {
    const query = naming(generate(random, options));
    if (judge(query) === VALID) queries.push(query);
  }
  await fault('/transactions', { kind: 'status', status: 422, count: 20 });
  let answered = 0;
  let failed = 0;
  await forEach(queries, async (query) => {
    const { data, errors = [] } = await run(query);
    for (const { path } of errors) {
      assert.ok(path, `${JSON.stringify(errors)} to ${query}`);
      // Where something failed there is null, there or above.
      let at = data;
      for (const key of path) at = at?.[key];
      assert.equal(at ?? null, null, `something is at ${path} of ${query}`);
    }
    failed += errors.length;
    if (data === null) return;
    answered += 1;
    const theirs = replay(query, data);
    assert.equal(JSON.stringify(data), JSON.stringify(theirs.data), `${theirs.errors}: ${query}`);
  });
  t.diagnostic(`SEED=${SEED}: ${answered} of ${DOCUMENTS} have data, ${failed} errors in all`);
  assert.ok(answered > DOCUMENTS / 2, `only ${answered} have data`);
  assert.ok(failed > DOCUMENTS / 10, `only ${failed} errors`);
});
