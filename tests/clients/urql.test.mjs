// The gateway behind urql: POST, GET, subscriptions over WebSocket and by its own fetch.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client, CombinedError, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

import { ACCOUNT, DATA_STATUS, FINISH, INITIATE } from './documents.mjs';
import {
  Inbox,
  ask,
  cast,
  deferred,
  pull,
  startDemo,
  startLive,
  untilConnections,
  untilWanted,
} from './support.mjs';

/** urql by fetch alone. `exchanged` collects the requests and responses that it made. */
function overFetch(gateway, options = {}) {
  const exchanged = [];
  const client = new Client({
    url: gateway.graphql,
    exchanges: [fetchExchange],
    fetchSubscriptions: true,
    preferGetMethod: false,
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      exchanged.push({ method: init.method, response });
      return response;
    },
    ...options,
  });
  return { client, exchanged };
}

/** urql with graphql-ws for subscriptions, as urql's documentation has it. */
function overSocket(t, gateway, options = {}) {
  const socket = createClient({
    url: gateway.socket,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...options,
  });
  t.after(() => socket.dispose());
  return new Client({
    url: gateway.graphql,
    preferGetMethod: false,
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe(sink) {
            // graphql-ws sends the payload anew when it is back, with the cursor last heard.
            const payload = { query, variables: { ...variables } };
            const next = (result) => {
              payload.variables.after = result.data?.dataStatusChanged?.cursor;
              sink.next(result);
            };
            return { unsubscribe: socket.subscribe(payload, { ...sink, next }) };
          },
        }),
      }),
    ],
  });
}

/** Everything that a subscription says, until it is closed. */
function listen(client, variables, query = DATA_STATUS) {
  const inbox = new Inbox();
  const { unsubscribe } = client.subscription(query, variables).subscribe((result) => {
    inbox.put(result);
  });
  inbox.close = unsubscribe;
  return inbox;
}

const to = (status) => ({ data }) =>
  data?.dataStatusChanged.kind === 'CHANGE' && data.dataStatusChanged.to === status;
const moves = (inbox) =>
  inbox.all.map(({ data, error }) => {
    assert.equal(error, undefined);
    return [data.dataStatusChanged.kind, data.dataStatusChanged.to];
  });
const codes = (error) => {
  assert.ok(error instanceof CombinedError, `${error}`);
  assert.equal(error.networkError, undefined);
  return error.graphQLErrors.map(({ extensions }) => extensions.code);
};

describe('against a demo', () => {
  let gateway;
  let accounts;
  before(async () => {
    gateway = await startDemo();
    accounts = await cast(gateway.simulator);
    await untilWanted(gateway, accounts.needsReauth);
  });
  after(() => gateway?.stop());

  for (const [method, preferGetMethod] of [
    ['POST', false],
    ['GET', 'force'],
  ]) {
    test(`a query by ${method}`, async () => {
      const { client, exchanged } = overFetch(gateway, { preferGetMethod });
      const { data, error } = await client.query(ACCOUNT, { id: accounts.healthy });
      assert.equal(error, undefined);
      assert.equal(data.account.dataStatus, 'AVAILABLE');
      assert.ok(data.account.transactions.nodes.length > 0);
      const [{ response }, ...others] = exchanged;
      assert.equal(exchanged[0].method, method);
      assert.equal(others.length, 0);
      // It takes streams as gladly, but one answer is no stream.
      assert.match(response.headers.get('content-type'), /^application\/graphql-response\+json/);
    });
  }

  test('a mutation is posted, though queries are got', async () => {
    const { client, exchanged } = overFetch(gateway, { preferGetMethod: 'force' });
    const input = { accountId: accounts.healthy };
    const { data, error } = await client.mutation(INITIATE, { input });
    assert.equal(error, undefined);
    assert.equal(data.initiateReauth.reauth.status, 'LINK_ISSUED');
    assert.deepEqual(exchanged.map((each) => each.method), ['POST']);
  });

  test('a mutation, and the subscription over WebSocket that tells of it', async (t) => {
    const client = overSocket(t, gateway);
    const id = accounts.needsReauth;
    await client.query(ACCOUNT, { id });
    const told = listen(client, { id });
    await told.take(1);
    const started = await client.mutation(INITIATE, { input: { accountId: id } });
    const input = { reauthId: started.data.initiateReauth.reauth.id, outcome: 'APPROVE' };
    const finished = await client.mutation(FINISH, { input });
    assert.equal(finished.error, undefined);
    await told.find('AVAILABLE', to('AVAILABLE'));
    assert.deepEqual(moves(told), [
      ['SNAPSHOT', 'AVAILABLE'],
      ['CHANGE', 'PROCESSING'],
      ['CHANGE', 'AVAILABLE'],
    ]);
    told.close();
  });

  test('a subscription by fetch is a stream of events, and ends when it is left', async () => {
    const { client, exchanged } = overFetch(gateway);
    const id = accounts.all[6];
    const set = (data_status) =>
      pull(gateway.simulator, `accounts/${id}/status`, { data_status, announce: true });
    await ask(gateway, ACCOUNT, { id });
    const told = listen(client, { id });
    await told.take(1);
    const [{ response }] = exchanged;
    assert.match(response.headers.get('content-type'), /^text\/event-stream/);
    for (const status of ['PARTIAL', 'AVAILABLE']) {
      await set(status);
      await told.find(status, to(status));
    }
    assert.deepEqual(moves(told), [
      ['SNAPSHOT', 'AVAILABLE'],
      ['CHANGE', 'PARTIAL'],
      ['CHANGE', 'AVAILABLE'],
    ]);
    await untilConnections(gateway, 'sse', 1);
    told.close();
    await untilConnections(gateway, 'sse', 0);
  });

  for (const preferGetMethod of [false, 'force']) {
    test(`errors with their codes, ${preferGetMethod ? 'by GET' : 'by POST'}`, async () => {
      const { client } = overFetch(gateway, { preferGetMethod });
      const unknown = await client.query(ACCOUNT, { id: 'unknown' });
      assert.deepEqual(codes(unknown.error), ['NOT_FOUND']);
      assert.deepEqual(unknown.error.graphQLErrors[0].path, ['account']);
      assert.deepEqual(unknown.data, { account: null });
      const wrong = await client.query('{ noSuchField }', {});
      assert.deepEqual(codes(wrong.error), ['GRAPHQL_VALIDATION_FAILED']);
      assert.equal(wrong.data, undefined);
      const refused = await client.mutation(INITIATE, {
        input: { accountId: accounts.healthy, redirectUrl: 'javascript:alert(1)' },
      });
      assert.deepEqual(codes(refused.error), ['BAD_USER_INPUT']);
    });
  }

  test('a subscription that cannot start tells why, over WebSocket and by fetch', async (t) => {
    for (const client of [overSocket(t, gateway), overFetch(gateway).client]) {
      const told = listen(client, {}, 'subscription { noSuchField }');
      const [{ data, error }] = await told.take(1);
      assert.deepEqual(codes(error), ['GRAPHQL_VALIDATION_FAILED']);
      assert.ok(!data);
      told.close();
    }
  });
});

test('after a restart it goes on behind the last event that it heard', async (t) => {
  const world = await startLive();
  t.after(() => world.stop());
  const id = (await cast(world.simulator)).healthy;
  const set = (data_status) =>
    pull(world.simulator, `accounts/${id}/status`, { data_status, announce: true });
  await ask(world.gateway, ACCOUNT, { id });
  const back = deferred();
  const client = overSocket(t, world.gateway, {
    retryAttempts: 5,
    retryWait: () => back.promise,
    shouldRetry: () => true,
  });
  const told = listen(client, { id });
  await told.take(1);

  await world.restart('SIGTERM', () => set('PARTIAL'));
  // Mono's news comes while nobody listens.
  await world.deliver();
  back.resolve();
  await told.find('PARTIAL', to('PARTIAL'));
  await set('AVAILABLE');
  await world.deliver();
  await told.find('AVAILABLE', to('AVAILABLE'));
  assert.deepEqual(moves(told), [
    ['SNAPSHOT', 'AVAILABLE'],
    ['CHANGE', 'PARTIAL'],
    ['CHANGE', 'AVAILABLE'],
  ]);
  told.close();
});
