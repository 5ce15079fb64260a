// Subscriptions as npm graphql-ws, the usual client of graphql-transport-ws, lives with them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

import { ACCOUNT, DATA_STATUS, FINISH, INITIATE, REAUTH, SESSION } from './documents.mjs';
import {
  Inbox,
  ask,
  cast,
  deferred,
  pull,
  startDemo,
  startLive,
  untilWanted,
  within,
} from './support.mjs';

/** A client of the gateway's, which ends with the test. */
function connect(t, gateway, options = {}) {
  const client = clientOf(gateway, options);
  t.after(() => client.dispose());
  return client;
}

const clientOf = (gateway, options) =>
  createClient({
    url: gateway.socket,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    onNonLazyError: () => {},
    ...options,
  });

/** Everything that an operation says, until it is closed. */
function listen(client, payload) {
  const inbox = new Inbox();
  inbox.close = client.subscribe(payload, {
    next: (result) => inbox.put(result),
    error: (error) => inbox.end(error),
    complete: () => inbox.end(),
  });
  return inbox;
}

/** The events of a subscription, without their wrapping. Errors stay, so that tests see them. */
const events = (inbox) =>
  inbox.all.map((result) => (result.errors ? result : Object.values(result.data)[0]));

/** The first event that fits. */
const event = async (inbox, what, fits) =>
  Object.values(
    (await inbox.find(what, ({ data }) => data && fits(Object.values(data)[0]))).data,
  )[0];

/** The answer of a query or a mutation, and that it was the only one. */
async function answer(client, payload) {
  const inbox = listen(client, payload);
  const error = await inbox.ended();
  if (error?.code) throw new Error(`the socket closed: ${error.code} ${error.reason}`);
  if (error) throw new Error(`an error: ${JSON.stringify(error)}`);
  assert.equal(inbox.all.length, 1);
  return inbox.all[0];
}

describe('against a demo', () => {
  let gateway;
  let accounts;
  before(async () => {
    gateway = await startDemo();
    accounts = await cast(gateway.simulator);
    await untilWanted(gateway, accounts.needsReauth);
  });
  after(() => gateway?.stop());

  test('a query and a mutation are answered once', async (t) => {
    const client = connect(t, gateway);
    const read = await answer(client, { query: ACCOUNT, variables: { id: accounts.healthy } });
    assert.equal(read.errors, undefined);
    assert.equal(read.data.account.id, accounts.healthy);
    assert.equal(read.data.account.dataStatus, 'AVAILABLE');
    assert.equal(read.data.account.transactions.freshness.state, 'FRESH');
    const input = { accountId: accounts.healthy };
    const { data } = await answer(client, { query: INITIATE, variables: { input } });
    assert.equal(data.initiateReauth.reauth.status, 'LINK_ISSUED');
    assert.match(data.initiateReauth.reauth.url, /^http/);
    assert.equal(data.initiateReauth.reused, false);
    const again = await answer(client, { query: INITIATE, variables: { input } });
    assert.equal(again.data.initiateReauth.reused, true);
    assert.equal(again.data.initiateReauth.reauth.id, data.initiateReauth.reauth.id);
  });

  test('a whole re-authorisation is told once and in order', async (t) => {
    const client = connect(t, gateway);
    const id = accounts.needsReauth;
    const status = listen(client, { query: DATA_STATUS, variables: { id } });
    const reauth = listen(client, { query: REAUTH, variables: { id } });
    const [first] = await status.take(1);
    assert.equal(first.errors, undefined);
    const { cursor, occurredAt, ...standing } = first.data.dataStatusChanged;
    assert.ok(cursor && occurredAt);
    assert.deepEqual(standing, {
      kind: 'SNAPSHOT',
      from: null,
      to: 'AVAILABLE',
      cause: null,
      account: { id, dataStatus: 'AVAILABLE' },
      reauth: null,
    });
    const [wanted] = await reauth.take(1);
    assert.equal(wanted.data.reauthChanged.kind, 'SNAPSHOT');
    assert.equal(wanted.data.reauthChanged.required, true);
    assert.equal(wanted.data.reauthChanged.cause, null);

    const variables = { input: { accountId: id } };
    const { data } = await answer(client, { query: INITIATE, variables });
    const session = data.initiateReauth.reauth;
    const issued = await event(reauth, 'LINK_ISSUED', (e) => e.reauthStatus === 'LINK_ISSUED');
    assert.equal(issued.reauth.id, session.id);
    assert.equal(issued.reauth.url, session.url);
    const input = { reauthId: session.id, outcome: 'APPROVE' };
    const finished = await answer(client, { query: FINISH, variables: { input } });
    assert.deepEqual(finished.data, { simulateReauthOutcome: { done: true } });
    await event(status, 'AVAILABLE', (e) => e.kind === 'CHANGE' && e.to === 'AVAILABLE');
    await event(reauth, 'COMPLETED', (e) => e.reauthStatus === 'COMPLETED');
    const { reauthSession } = await ask(gateway, SESSION, { id: session.id });
    assert.deepEqual(reauthSession, {
      status: 'COMPLETED',
      completedVia: 'ACCOUNT_UPDATED',
      url: null,
    });

    // Something else after it shows that nothing more of it was on its way.
    await pull(gateway.simulator, `accounts/${id}/status`, {
      data_status: 'PARTIAL',
      announce: true,
    });
    await event(status, 'PARTIAL', (e) => e.to === 'PARTIAL');
    const next = await answer(client, { query: INITIATE, variables });
    const another = next.data.initiateReauth.reauth;
    assert.notEqual(another.id, session.id);
    const isNext = (e) => e.reauth?.id === another.id && e.reauthStatus === 'LINK_ISSUED';
    await event(reauth, 'the next session', isNext);
    assert.deepEqual(
      events(status).map(({ kind, from, to, cause }) => [kind, from, to, cause]),
      [
        ['SNAPSHOT', null, 'AVAILABLE', null],
        ['CHANGE', 'AVAILABLE', 'PROCESSING', 'ACCOUNT_REAUTHORIZED'],
        ['CHANGE', 'PROCESSING', 'AVAILABLE', 'ACCOUNT_UPDATED'],
        ['CHANGE', 'AVAILABLE', 'PARTIAL', 'ACCOUNT_UPDATED'],
      ],
    );
    const moves = events(reauth).map((e) => [e.kind, e.required, e.reauthStatus, e.cause]);
    // REQUESTED may be told or not: it is over before anybody could act on it.
    assert.deepEqual(
      moves.filter(([, , reauthStatus]) => reauthStatus !== 'REQUESTED'),
      [
        ['SNAPSHOT', true, null, null],
        ['CHANGE', true, 'LINK_ISSUED', 'MUTATION'],
        ['CHANGE', false, 'AUTHORIZED', 'ACCOUNT_REAUTHORIZED'],
        ['CHANGE', false, 'COMPLETED', 'ACCOUNT_UPDATED'],
        ['CHANGE', false, 'LINK_ISSUED', 'MUTATION'],
      ],
    );
    for (const inbox of [status, reauth]) {
      const cursors = events(inbox).map((e) => e.cursor);
      assert.equal(new Set(cursors).size, cursors.length, `a cursor twice: ${cursors}`);
      inbox.close();
      assert.equal(await inbox.ended(), undefined);
    }
  });

  test('who comes back with a cursor hears each change since once', async (t) => {
    const id = accounts.all.at(-1);
    const set = (data_status) =>
      pull(gateway.simulator, `accounts/${id}/status`, { data_status, announce: true });
    await ask(gateway, ACCOUNT, { id });
    // One who stays hears what there is to hear.
    const witness = listen(connect(t, gateway), { query: DATA_STATUS, variables: { id } });
    await witness.take(1);

    let socket;
    const leaver = connect(t, gateway, { on: { connected: (opened) => (socket = opened) } });
    const heard = listen(leaver, { query: DATA_STATUS, variables: { id } });
    await set('PARTIAL');
    const last = await event(heard, 'PARTIAL', (e) => e.to === 'PARTIAL');
    socket.terminate();
    assert.equal((await heard.ended())?.code, 1006);

    for (const status of ['UNAVAILABLE', 'FAILED', 'AVAILABLE']) {
      await set(status);
      await event(witness, status, (e) => e.kind === 'CHANGE' && e.to === status);
    }
    const variables = { id, after: last.cursor };
    const back = listen(connect(t, gateway), { query: DATA_STATUS, variables });
    await event(back, 'what was missed', (e) => e.to === 'AVAILABLE');
    await set('PROCESSING');
    for (const inbox of [witness, back]) {
      await event(inbox, 'what is new', (e) => e.to === 'PROCESSING');
    }
    const plain = (inbox) => events(inbox).map(({ cursor, kind, from, to }) => [cursor, kind, from, to]);
    assert.deepEqual(plain(back).map(([, , , to]) => to), [
      'UNAVAILABLE',
      'FAILED',
      'AVAILABLE',
      'PROCESSING',
    ]);
    assert.deepEqual([...plain(heard).slice(1), ...plain(back)], plain(witness).slice(1));

    // Somebody else's cursor, or one of another log, is no ground to be silent.
    const [head, tail] = [last.cursor.slice(0, 1), last.cursor.slice(1)];
    const foreign = `${head === 'a' ? 'b' : 'a'}${tail}`;
    const lost = listen(connect(t, gateway), {
      query: DATA_STATUS,
      variables: { id, after: foreign },
    });
    const [resync] = await lost.take(1);
    assert.equal(resync.data.dataStatusChanged.kind, 'RESYNC');
    assert.equal(resync.data.dataStatusChanged.to, null);
    assert.equal(resync.data.dataStatusChanged.account, null);
  });

  describe('what cannot start is an error, and the socket goes on', () => {
    const twoRoots = 'subscription { dataStatusChanged { kind } reauthChanged { kind } }';
    const oddCursor = 'subscription { dataStatusChanged(after: "no cursor") { kind } }';
    const cases = [
      ['an unknown field', { query: 'subscription { noSuchField }' }],
      ['a document that ends early', { query: 'subscription {' }, 'GRAPHQL_PARSE_FAILED'],
      ['a missing argument', { query: '{ account { id } }' }],
      ['a missing variable', { query: ACCOUNT }, 'BAD_USER_INPUT'],
      ['a missing variable of a subscription', { query: REAUTH.replace('$id: ID', '$id: ID!') }, 'BAD_USER_INPUT'],
      ['a variable of another type', { query: ACCOUNT, variables: { id: {} } }, 'BAD_USER_INPUT'],
      ['an operation that is not there', { query: ACCOUNT, operationName: 'Other' }, 'BAD_USER_INPUT'],
      ['no choice of two operations', { query: 'query A { __typename } query B { __typename }' }, 'BAD_USER_INPUT'],
      ['two roots of a subscription', { query: twoRoots }],
      ['a cursor that is none', { query: oddCursor }, 'BAD_USER_INPUT'],
    ];
    for (const [name, payload, code = 'GRAPHQL_VALIDATION_FAILED'] of cases) {
      test(name, async (t) => {
        const messages = [];
        let opened = 0;
        const client = connect(t, gateway, {
          on: { message: (message) => messages.push(message), connected: () => (opened += 1) },
        });
        // Keeps the socket open between the operations.
        const variables = { id: accounts.healthy };
        const steady = listen(client, { query: DATA_STATUS, variables });
        await steady.take(1);
        const before = messages.length;
        const inbox = listen(client, payload);
        const errors = await inbox.ended();
        const said = JSON.stringify(messages.slice(before));
        assert.deepEqual(inbox.all, [], `it has an answer: ${said}`);
        assert.ok(Array.isArray(errors), said);
        assert.equal(errors[0].extensions.code, code, said);
        assert.equal(messages.length, before + 1, said);
        assert.equal(messages[before].type, 'error', said);
        const { data } = await answer(client, { query: '{ gateway { mode } }' });
        assert.deepEqual(data, { gateway: { mode: 'DEMO' } });
        assert.equal(opened, 1);
        steady.close();
        await steady.ended();
      });
    }
  });

  test('an error of a field comes beside the data', async (t) => {
    const client = connect(t, gateway);
    const query = '{ account(id: "unknown") { id } gateway { mode } }';
    const { data, errors } = await answer(client, { query });
    assert.deepEqual(data, { account: null, gateway: { mode: 'DEMO' } });
    assert.equal(errors.length, 1);
    assert.deepEqual(errors[0].path, ['account']);
    assert.equal(errors[0].extensions.code, 'NOT_FOUND');
    assert.ok(errors[0].extensions.requestId);
  });

  test('an operation that was completed says nothing more; the others go on', async (t) => {
    const client = connect(t, gateway);
    const variables = { id: accounts.all[2] };
    const [gone, here] = [1, 2].map(() => listen(client, { query: DATA_STATUS, variables }));
    for (const inbox of [gone, here]) await inbox.take(1);
    gone.close();
    await gone.ended();
    const heard = gone.all.length;
    const current = events(here).at(-1).to;
    const next = current === 'PARTIAL' ? 'AVAILABLE' : 'PARTIAL';
    const change = { data_status: next, announce: true };
    await pull(gateway.simulator, `accounts/${variables.id}/status`, change);
    await event(here, next, (e) => e.kind === 'CHANGE' && e.to === next);
    assert.equal(gone.all.length, heard);
    here.close();
  });

  test('a ping is answered with its payload', async (t) => {
    const ponged = deferred();
    const client = connect(t, gateway, {
      keepAlive: 20,
      lazy: false,
      on: { pong: (received, payload) => received && ponged.resolve(payload) },
    });
    assert.ok(client);
    await within('a pong', ponged.promise);

    const socket = await raw(t, gateway);
    socket.send('{"type":"connection_init"}');
    socket.send('{"type":"ping","payload":{"as":"sent"}}');
    const pong = await socket.inbox.find('a pong', (message) => message.type === 'pong');
    assert.deepEqual(pong, { type: 'pong', payload: { as: 'sent' } });
  });

  test('a close is answered with a close', async (t) => {
    const socket = await raw(t, gateway);
    socket.send('{"type":"connection_init"}');
    await socket.inbox.take(1);
    socket.close(1000, 'done');
    assert.equal((await socket.inbox.ended()).code, 1000);
  });

  describe('closes as the protocol says', () => {
    const hello = '{"type":"connection_init"}';
    const subscribe = '{"id":"1","type":"subscribe","payload":{"query":"subscription { reauthChanged { kind } }"}}';
    const cases = [
      ['what is not understood', 4400, [hello, '{"type":"what"}']],
      ['what is not JSON', 4400, [hello, 'what']],
      ['a subscribe without a document', 4400, [hello, '{"id":"1","type":"subscribe","payload":{}}']],
      ['a subscribe before the acknowledgement', 4401, [subscribe]],
      ['no init in time', 4408, []],
      ['an operation id in use', 4409, [hello, subscribe, subscribe]],
      ['a second init', 4429, [hello, hello]],
    ];
    for (const [name, code, messages] of cases) {
      test(`${name}: ${code}`, async (t) => {
        const socket = await raw(t, gateway);
        for (const message of messages) socket.send(message);
        assert.equal((await socket.inbox.ended()).code, code);
      });
    }

    for (const protocols of [[], ['graphql-ws'], ['other', 'another']]) {
      test(`sub-protocols [${protocols}]: 4406`, async (t) => {
        const socket = await raw(t, gateway, { protocols });
        const { code } = await socket.inbox.ended();
        // `ws`, like browsers, gives up on a server that chose none of those that it offered.
        if (protocols.length === 0) assert.equal(code, 4406);
        else assert.notEqual(code, 1000);
      });
    }

    test('another origin: 403 at the upgrade', async (t) => {
      await assert.rejects(raw(t, gateway, { origin: 'https://evil.example' }), /403/);
      await raw(t, gateway, { origin: gateway.url });
    });
  });
});

/** A bare socket, for what the client library would never send. */
async function raw(t, gateway, { protocols = ['graphql-transport-ws'], origin } = {}) {
  const socket = new WebSocket(gateway.socket, protocols, { origin });
  t.after(() => socket.terminate());
  socket.inbox = new Inbox();
  socket.on('message', (data) => socket.inbox.put(JSON.parse(data)));
  const opened = deferred();
  socket.once('open', opened.resolve);
  socket.once('error', (error) => {
    // A handshake that fails after the upgrade is an end like any other.
    if (/subprotocol/i.test(error.message)) opened.resolve();
    else opened.reject(error);
  });
  socket.once('close', (code, reason) => socket.inbox.end({ code, reason: String(reason) }));
  await within('the socket to open', opened.promise);
  return socket;
}

describe('a restart on the same database', () => {
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    test(`after ${signal} the client resumes where it was`, async (t) => {
      const world = await startLive();
      let client;
      t.after(async () => {
        await client?.dispose();
        await world.stop();
      });
      const { needsReauth: id } = await cast(world.simulator);
      await ask(world.gateway, ACCOUNT, { id });

      // As graphql-ws's recipe for resuming has it: the client sends the payload anew, and the
      // cursor in it is the last one heard.
      const back = deferred();
      const closes = [];
      client = clientOf(world.gateway, {
        retryAttempts: 5,
        retryWait: () => back.promise,
        shouldRetry: () => true,
        on: { closed: ({ code }) => closes.push(code) },
      });
      const resuming = (query) => {
        const variables = { id };
        const inbox = listen(client, { query, variables });
        const { put } = inbox;
        inbox.put = (result) => {
          variables.after = Object.values(result.data)[0].cursor;
          put.call(inbox, result);
        };
        return inbox;
      };
      const status = resuming(DATA_STATUS);
      const reauth = resuming(REAUTH);
      await Promise.all([status.take(1), reauth.take(1)]);
      const { initiateReauth } = await ask(world.gateway, INITIATE, { input: { accountId: id } });
      const session = initiateReauth.reauth;
      await event(reauth, 'LINK_ISSUED', (e) => e.reauthStatus === 'LINK_ISSUED');

      await world.restart(signal, () =>
        pull(world.simulator, `links/by-reference/${session.reference}/outcome`, {
          outcome: 'approve',
        }),
      );
      // Mono's news comes while nobody listens.
      const delivered = await world.deliver();
      assert.deepEqual(delivered.map(({ kind }) => kind), [
        'account_reauthorized',
        'account_updated',
      ]);
      const ended = await ask(world.gateway, SESSION, { id: session.id });
      assert.equal(ended.reauthSession.status, 'COMPLETED');
      back.resolve();
      await event(status, 'AVAILABLE', (e) => e.kind === 'CHANGE' && e.to === 'AVAILABLE');
      await event(reauth, 'COMPLETED', (e) => e.reauthStatus === 'COMPLETED');

      // And what happens from now on.
      await pull(world.simulator, `accounts/${id}/status`, {
        data_status: 'PARTIAL',
        announce: true,
      });
      await pull(world.simulator, `accounts/${id}/require-reauth`, {});
      await world.deliver();
      await event(status, 'PARTIAL', (e) => e.to === 'PARTIAL');
      await event(reauth, 'the next need', (e) => e.cause === 'REAUTHORISATION_REQUIRED');
      assert.deepEqual(
        events(status).map(({ kind, from, to }) => [kind, from, to]),
        [
          ['SNAPSHOT', null, 'AVAILABLE'],
          ['CHANGE', 'AVAILABLE', 'PROCESSING'],
          ['CHANGE', 'PROCESSING', 'AVAILABLE'],
          ['CHANGE', 'AVAILABLE', 'PARTIAL'],
        ],
      );
      const moves = events(reauth).filter((e) => e.reauthStatus !== 'REQUESTED');
      assert.deepEqual(moves.map((e) => [e.kind, e.reauthStatus]), [
        ['SNAPSHOT', null],
        ['CHANGE', 'LINK_ISSUED'],
        ['CHANGE', 'AUTHORIZED'],
        ['CHANGE', 'COMPLETED'],
        ['CHANGE', null],
      ]);
      assert.deepEqual(closes, [signal === 'SIGTERM' ? 1012 : 1006]);
    });
  }
});
