// The gateway through nginx, as any guide configures it: what passes, when, and who notices an end.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import { WebSocket } from 'ws';

import { ACCOUNT, DATA_STATUS, INITIATE } from './documents.mjs';
import { behindNginx } from './nginx.mjs';
import {
  Inbox,
  ask,
  cast,
  deferred,
  pull,
  startDemo,
  startLive,
  untilConnections,
} from './support.mjs';

/** A gateway in demo mode, and itself as seen through nginx. */
async function start(t, settings) {
  const gateway = await startDemo();
  t.after(() => gateway.stop());
  const proxy = await behindNginx(gateway, settings);
  t.after(() => proxy.stop());
  const id = (await cast(gateway.simulator)).healthy;
  await ask(proxy, ACCOUNT, { id });
  const set = (data_status) =>
    pull(gateway.simulator, `accounts/${id}/status`, { data_status, announce: true });
  return { gateway, proxy, id, set };
}

function overSocket(t, gateway, options = {}) {
  const client = createSocketClient({
    url: gateway.socket,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...options,
  });
  t.after(() => client.dispose());
  return client;
}

function overEvents(t, gateway, options = {}) {
  const client = createSseClient({ url: gateway.graphql, retryAttempts: 0, ...options });
  t.after(() => client.dispose());
  return client;
}

/** Apollo Client with nothing but its HttpLink, which asks for subscriptions in many parts. */
function overParts(t, gateway) {
  const link = new HttpLink({ uri: gateway.graphql });
  const client = new ApolloClient({ cache: new InMemoryCache(), link });
  t.after(() => client.stop());
  return {
    subscribe({ query, variables }, sink) {
      const subscription = client.subscribe({ query: gql(query), variables }).subscribe(sink);
      return () => subscription.unsubscribe();
    },
  };
}

/** Everything that an operation says, until it is closed. */
function listen(client, query, variables) {
  const inbox = new Inbox();
  inbox.close = client.subscribe(
    { query, variables },
    {
      next: (result) => inbox.put(result),
      error: (error) => inbox.end(error),
      complete: () => inbox.end(),
    },
  );
  return inbox;
}

const isTo = (status) => ({ data }) =>
  data?.dataStatusChanged.kind === 'CHANGE' && data.dataStatusChanged.to === status;

describe('through nginx', { concurrency: true }, () => {
  test('a question is answered as if it were not there', async (t) => {
    const { gateway, proxy, id } = await start(t);
    const body = JSON.stringify({ query: ACCOUNT, variables: { id } });
    const headers = { 'content-type': 'application/json' };
    const parameters = new URLSearchParams({ query: '{ gateway { mode } }' });
    for (const [path, init, status] of [
      ['', { method: 'POST', headers, body }, 200],
      [`?${parameters}`, {}, 200],
      ['', { method: 'POST', headers, body: '{' }, 400],
      ['', { method: 'PUT', headers, body }, 405],
    ]) {
      const [direct, proxied] = await Promise.all(
        [gateway, proxy].map((each) => fetch(each.graphql + path, init)),
      );
      assert.equal(proxied.status, status);
      for (const name of ['content-type', 'cache-control', 'vary', 'allow']) {
        assert.equal(proxied.headers.get(name), direct.headers.get(name), name);
      }
      const [one, other] = await Promise.all([direct.json(), proxied.json()]);
      for (const each of [one, other]) delete each.errors?.[0].extensions.requestId;
      assert.deepEqual(other, one);
    }
    const { initiateReauth } = await ask(proxy, INITIATE, { input: { accountId: id } });
    assert.equal(initiateReauth.reauth.status, 'LINK_ISSUED');
  });

  test('its pages are the gateway’s own, others are not', async (t) => {
    const { proxy } = await start(t);
    for (const [origin, status] of [
      [proxy.url, 200],
      ['https://evil.example', 403],
    ]) {
      const response = await fetch(proxy.graphql, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin },
        body: '{"query":"{ gateway { mode } }"}',
      });
      assert.equal(response.status, status, origin);
    }
  });

  for (const [name, transport, connect] of [
    ['websocket', 'websocket', overSocket],
    ['sse', 'sse', overEvents],
    ['sse, bare', 'sse', (t, { bare }) => overEvents(t, bare)],
    ['multipart', 'multipart', overParts],
    ['multipart, bare', 'multipart', (t, { bare }) => overParts(t, bare)],
  ]) {
    // Each event is caused only once the one before has come: an nginx that gathered them before
    // it passed them on would never get to the second.
    test(`each event comes when it happens: ${name}`, async (t) => {
      const { proxy, id, set } = await start(t);
      const told = listen(connect(t, proxy), DATA_STATUS, { id });
      await told.take(1);
      for (const status of ['PARTIAL', 'FAILED', 'AVAILABLE']) {
        await set(status);
        await told.find(status, isTo(status));
      }
      told.close();
    });

    test(`who goes away is gone at the gateway too: ${name}`, async (t) => {
      const { gateway, proxy, id } = await start(t);
      const told = listen(connect(t, proxy), DATA_STATUS, { id });
      await told.take(1);
      await untilConnections(gateway, transport, 1);
      told.close();
      // Nothing happens to the account meanwhile: the end of the connection is enough.
      await untilConnections(gateway, transport, 0);
    });
  }

  test('a socket that breaks is gone at the gateway too', async (t) => {
    const { gateway, proxy, id } = await start(t);
    let socket;
    const client = overSocket(t, proxy, { on: { connected: (opened) => (socket = opened) } });
    await listen(client, DATA_STATUS, { id }).take(1);
    await untilConnections(gateway, 'websocket', 1);
    socket.terminate();
    await untilConnections(gateway, 'websocket', 0);
  });

  test('after a restart behind it a client goes on where it was', async (t) => {
    const world = await startLive();
    t.after(() => world.stop());
    const proxy = await behindNginx(world.gateway);
    t.after(() => proxy.stop());
    const id = (await cast(world.simulator)).healthy;
    await ask(proxy, ACCOUNT, { id });
    const set = (data_status) =>
      pull(world.simulator, `accounts/${id}/status`, { data_status, announce: true });
    const missed = deferred();
    const closes = [];
    const client = overSocket(t, proxy, {
      retryAttempts: 20,
      retryWait: () => missed.promise,
      shouldRetry: () => true,
      on: { closed: ({ code }) => closes.push(code) },
    });
    const variables = { id };
    const told = listen(client, DATA_STATUS, variables);
    const [{ data }] = await told.take(1);
    variables.after = data.dataStatusChanged.cursor;

    await world.restart('SIGTERM', () => set('PARTIAL'));
    await world.deliver();
    missed.resolve();
    const { data: next } = (await told.take(2))[1];
    assert.equal(next.dataStatusChanged.kind, 'CHANGE');
    assert.equal(next.dataStatusChanged.to, 'PARTIAL');
    assert.deepEqual(closes, [1012]);
    told.close();
  });

  test('a quiet stream outlives the patience of nginx', async (t) => {
    // nginx gives up on 60 silent seconds, here on 13: who says nothing for two rounds is cut.
    const { proxy, id, set } = await start(t, 'proxy_read_timeout 13s;');
    const beats = { websocket: new Inbox(), sse: new Inbox() };
    const heard = { connected: (socket) => socket.on('ping', () => beats.websocket.put('ping')) };
    const bySocket = listen(overSocket(t, proxy, { on: heard }), DATA_STATUS, { id });
    await bySocket.take(1);
    const byEvents = await comments(t, proxy, { query: DATA_STATUS, variables: { id } }, beats.sse);
    // The first comment is said at once.
    await Promise.all([
      beats.websocket.find('two pings', () => beats.websocket.all.length >= 2, PATIENCE),
      beats.sse.find('three comments', () => beats.sse.all.length >= 3, PATIENCE),
    ]);
    await set('PARTIAL');
    await bySocket.find('PARTIAL', isTo('PARTIAL'));
    await byEvents.find('PARTIAL', (text) => text.includes('"to":"PARTIAL"'));
  });
});

/** How long two heartbeats, each 12 seconds after the last, may take, in milliseconds. */
const PATIENCE = 30_000;

/** The text of a stream of events, with its comments in an inbox of their own. */
async function comments(t, gateway, payload, beats) {
  const controller = new AbortController();
  t.after(() => controller.abort());
  const response = await fetch(gateway.graphql, {
    method: 'POST',
    headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify(payload),
    signal: controller.signal,
  });
  const inbox = new Inbox();
  const read = async () => {
    let rest = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) (block.startsWith(':') ? beats : inbox).put(block);
    }
  };
  read().then(() => inbox.end(), (error) => inbox.end(error));
  return inbox;
}
