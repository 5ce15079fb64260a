// Subscriptions over server-sent events, as npm graphql-sse and a bare reader see them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createClient } from 'graphql-sse';

import { ACCOUNT, DATA_STATUS, INITIATE } from './documents.mjs';
import { Inbox, ask, cast, pull, startDemo } from './support.mjs';

function listen(client, payload) {
  const inbox = new Inbox();
  inbox.close = client.subscribe(payload, {
    next: (result) => inbox.put(result),
    error: (error) => inbox.end(error),
    complete: () => inbox.end(),
  });
  return inbox;
}

function connect(t, gateway, options = {}) {
  const client = createClient({ url: gateway.graphql, retryAttempts: 0, ...options });
  t.after(() => client.dispose());
  return client;
}

/** A stream of events as they are on the wire: each a list of [field, value]. */
async function stream(t, gateway, { headers = {}, ...init } = {}, query = '') {
  const controller = new AbortController();
  t.after(() => controller.abort());
  const response = await fetch(`${gateway.graphql}${query}`, {
    ...init,
    headers: { accept: 'text/event-stream', ...headers },
    signal: controller.signal,
  });
  const inbox = new Inbox();
  inbox.response = response;
  inbox.text = '';
  const read = async () => {
    let rest = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      inbox.text += chunk;
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) {
        const lines = block.split('\n').map((line) => {
          const at = line.indexOf(':');
          return [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
        });
        inbox.put(lines);
      }
    }
  };
  read().then(() => inbox.end(), (error) => inbox.end(error));
  return inbox;
}

const field = (event, name) => event.find(([key]) => key === name)?.[1];
const post = (body) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

let gateway;
let accounts;
before(async () => {
  gateway = await startDemo();
  accounts = await cast(gateway.simulator);
});
after(() => gateway?.stop());

const set = (id, data_status) =>
  pull(gateway.simulator, `accounts/${id}/status`, { data_status, announce: true });

test('a query and a mutation are answered once and completed', async (t) => {
  const client = connect(t, gateway);
  const id = accounts.healthy;
  for (const [query, variables] of [
    [ACCOUNT, { id }],
    [INITIATE, { input: { accountId: id } }],
  ]) {
    const inbox = listen(client, { query, variables });
    assert.equal(await inbox.ended(), undefined);
    assert.equal(inbox.all.length, 1);
    assert.equal(inbox.all[0].errors, undefined);
    assert.ok(inbox.all[0].data);
  }
});

test('a subscription begins with its snapshot and tells changes in order', async (t) => {
  const id = accounts.all[6];
  await ask(gateway, ACCOUNT, { id });
  const inbox = listen(connect(t, gateway), { query: DATA_STATUS, variables: { id } });
  await inbox.take(1);
  await set(id, 'PARTIAL');
  await inbox.take(2);
  await set(id, 'AVAILABLE');
  const told = (await inbox.take(3)).map(({ data }) => data.dataStatusChanged);
  assert.deepEqual(told.map(({ kind, from, to }) => [kind, from, to]), [
    ['SNAPSHOT', null, 'AVAILABLE'],
    ['CHANGE', 'AVAILABLE', 'PARTIAL'],
    ['CHANGE', 'PARTIAL', 'AVAILABLE'],
  ]);
  inbox.close();
});

describe('what cannot run is a next with errors, then the end', () => {
  const cases = [
    ['an unknown field', { query: '{ noSuchField }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['a document that ends early', { query: 'subscription {' }, 'GRAPHQL_PARSE_FAILED'],
    ['a missing variable', { query: ACCOUNT }, 'BAD_USER_INPUT'],
    [
      'a cursor that is none',
      { query: DATA_STATUS, variables: { after: 'no cursor' } },
      'BAD_USER_INPUT',
    ],
  ];
  for (const [name, payload, code] of cases) {
    test(name, async (t) => {
      const inbox = listen(connect(t, gateway), payload);
      assert.equal(await inbox.ended(), undefined);
      assert.equal(inbox.all.length, 1);
      const { data, errors } = inbox.all[0];
      assert.equal(errors[0].extensions.code, code, JSON.stringify(inbox.all));
      assert.equal(data, undefined, 'a request error has no data');
    });
  }
});

test('an error of a field comes beside the data', async (t) => {
  const query = '{ account(id: "unknown") { id } gateway { mode } }';
  const inbox = listen(connect(t, gateway), { query });
  await inbox.ended();
  assert.deepEqual(inbox.all[0].data, { account: null, gateway: { mode: 'DEMO' } });
  assert.equal(inbox.all[0].errors[0].extensions.code, 'NOT_FOUND');
});

test('on the wire: a comment at once, cursors as ids, and an empty data line at the end', async (t) => {
  const finished = await stream(t, gateway, post({ query: '{ gateway { mode } }' }));
  assert.equal(finished.response.status, 200);
  assert.match(finished.response.headers.get('content-type'), /^text\/event-stream/);
  assert.equal(finished.response.headers.get('x-mono-gateway-mode'), 'demo');
  assert.equal(await finished.ended(), undefined);
  assert.equal(finished.all[0][0][0], '', 'it begins with a comment');
  assert.deepEqual(finished.all.slice(1), [
    [
      ['event', 'next'],
      ['data', '{"data":{"gateway":{"mode":"DEMO"}}}'],
    ],
    [
      ['event', 'complete'],
      ['data', ''],
    ],
  ]);

  const id = accounts.healthy;
  await ask(gateway, ACCOUNT, { id });
  const live = await stream(t, gateway, post({ query: DATA_STATUS, variables: { id } }));
  const next = await live.find('a snapshot', (event) => field(event, 'event') === 'next');
  const { cursor } = JSON.parse(field(next, 'data')).data.dataStatusChanged;
  assert.equal(field(next, 'id'), cursor);
});

test('Last-Event-ID resumes, by GET as an EventSource asks', async (t) => {
  const id = accounts.all[7];
  await ask(gateway, ACCOUNT, { id });
  const query = `?${new URLSearchParams({
    query: DATA_STATUS,
    variables: JSON.stringify({ id }),
  })}`;
  const first = await stream(t, gateway, {}, query);
  const isNext = (event) => field(event, 'event') === 'next';
  const seen = field(await first.find('a snapshot', isNext), 'id');
  for (const status of ['PARTIAL', 'FAILED']) {
    await set(id, status);
    await first.find(status, (event) => field(event, 'data')?.includes(`"to":"${status}"`));
  }
  const headers = { 'last-event-id': seen };
  const second = await stream(t, gateway, { headers }, query);
  await second.find('FAILED', (event) => field(event, 'data')?.includes('"to":"FAILED"'));
  await set(id, 'AVAILABLE');
  for (const inbox of [first, second]) {
    const isLast = (event) => /"from":"FAILED","to":"AVAILABLE"/.test(field(event, 'data'));
    await inbox.find('AVAILABLE', isLast);
  }
  const ids = (inbox) => inbox.all.filter(isNext).map((event) => field(event, 'id'));
  assert.deepEqual(ids(second), ids(first).slice(1));
});

test('a stream that ends because the gateway stops has no complete', async (t) => {
  const stopping = await startDemo();
  let stopped = false;
  t.after(() => stopped || stopping.stop());
  const inbox = await stream(t, stopping, post({ query: DATA_STATUS }));
  await inbox.find('the comment at once');
  stopped = true;
  assert.equal(await stopping.stop(), 0);
  assert.equal(await inbox.ended(), undefined);
  assert.doesNotMatch(inbox.text, /complete/);
});
