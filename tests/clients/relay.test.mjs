// The gateway behind Relay's runtime, without React: what its hooks do, done by hand, on the
// artifacts of relay/account.js.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { createClient } from 'graphql-ws';
import {
  Environment,
  Network,
  Observable,
  RecordSource,
  Store,
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  getSingularSelector,
  requestSubscription,
} from 'relay-runtime';
import { WebSocket } from 'ws';

import { ACCOUNT, FINISH } from './documents.mjs';
import { compile } from './relay/compile.mjs';
import {
  Inbox,
  ask,
  cast,
  deferred,
  pull,
  repository,
  startDemo,
  startLive,
  untilWanted,
  within,
} from './support.mjs';

let folder;
/** The artifact of this name. */
let artifact;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mono-gateway-relay-'));
  const { code, output, artifacts } = await compile(join(repository, 'schema.graphql'), folder);
  assert.equal(code, 0, output);
  const require = createRequire(join(artifacts, 'index.js'));
  artifact = (name) => require(`./${name}.graphql.js`);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** A Relay environment whose network is fetch and graphql-ws. */
function connect(t, gateway, options = {}) {
  const socket = createClient({
    url: gateway.socket,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...options,
  });
  t.after(() => socket.dispose());
  const post = async ({ text, name }, variables) => {
    const response = await fetch(gateway.graphql, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json',
        'content-type': 'application/json',
      },
      body: JSON.stringify({ query: text, operationName: name, variables }),
    });
    return response.json();
  };
  const subscribe = ({ text, name }, variables) =>
    Observable.create((sink) => {
      // graphql-ws sends the payload anew when it is back, with the cursor last heard.
      const payload = { query: text, operationName: name, variables: { ...variables } };
      const next = (result) => {
        payload.variables.after = result.data?.dataStatusChanged?.cursor;
        sink.next(result);
      };
      return socket.subscribe(payload, {
        next,
        error: (error) => sink.error(error),
        complete: () => sink.complete(),
      });
    });
  return new Environment({
    network: Network.create(post, subscribe),
    store: new Store(new RecordSource()),
  });
}

/** Fetches an operation into the store, and what the store then holds of it. */
async function query(environment, name, variables) {
  const operation = createOperationDescriptor(artifact(name), variables);
  environment.retain(operation);
  await within(name, fetchQuery(environment, artifact(name), variables).toPromise());
  return environment.lookup(operation.fragment);
}

/** What a fragment sees behind its reference. */
const read = (environment, name, reference) =>
  environment.lookup(getSingularSelector(artifact(name), reference)).data;

/** A mutation's answer and its errors. */
const commit = (environment, name, variables) =>
  within(
    name,
    new Promise((resolve, reject) => {
      commitMutation(environment, {
        mutation: artifact(name),
        variables,
        onCompleted: (data, errors) => resolve({ data, errors }),
        onError: reject,
      });
    }),
  );

/** Everything that the subscription says. */
function listen(t, environment, variables) {
  const inbox = new Inbox();
  const { dispose } = requestSubscription(environment, {
    subscription: artifact('accountStatusSubscription'),
    variables,
    onNext: (value) => inbox.put(value.dataStatusChanged),
    onError: (error) => inbox.end(error),
    onCompleted: () => inbox.end(),
  });
  t.after(dispose);
  return inbox;
}

const moves = (inbox) => inbox.all.map(({ kind, to }) => [kind, to]);
const codes = (errors) => errors.map(({ extensions }) => extensions.code);

describe('against a demo', () => {
  let gateway;
  let accounts;
  before(async () => {
    gateway = await startDemo();
    accounts = await cast(gateway.simulator);
    for (const id of accounts.all) await ask(gateway, ACCOUNT, { id });
    await untilWanted(gateway, accounts.needsReauth);
  });
  after(() => gateway?.stop());

  test('a query whose connection grows page by page', async (t) => {
    const environment = connect(t, gateway);
    const name = 'accountListPaginationQuery';
    const first = await query(environment, name, { count: 3, cursor: null, filter: null });
    const list = () => read(environment, 'account_list', first.data).accounts;
    assert.equal(list().edges.length, 3);
    while (list().pageInfo.hasNextPage) {
      const { length } = list().edges;
      await query(environment, name, { count: 3, cursor: list().pageInfo.endCursor, filter: null });
      assert.ok(list().edges.length > length, 'a page brings something');
    }
    const ids = list().edges.map(({ node }) => node.id);
    assert.deepEqual(ids.toSorted(), accounts.all.toSorted());
  });

  test('a fragment that pages by its node', async (t) => {
    const environment = connect(t, gateway);
    const id = accounts.healthy;
    const { data } = await query(environment, 'accountQuery', { id });
    const { transactions } = read(environment, 'account_transactions', data.account);
    assert.equal(transactions.edges.length, 20);
    assert.equal(transactions.freshness.state, 'FRESH');
    const more = { id, count: 20, cursor: transactions.pageInfo.endCursor };
    await query(environment, 'accountTransactionsPaginationQuery', more);
    const grown = read(environment, 'account_transactions', data.account).transactions.edges;
    assert.equal(grown.length, 40);
    assert.equal(new Set(grown.map(({ node }) => node.id)).size, 40);
  });

  test('a mutation and a subscription move what is on the page', async (t) => {
    const environment = connect(t, gateway);
    const id = accounts.needsReauth;
    const page = await query(environment, 'accountQuery', { id });
    const summary = () => read(environment, 'account_summary', page.data.account);
    assert.equal(summary().reauth.required, true);
    const shown = new Inbox();
    const selector = getSingularSelector(artifact('account_summary'), page.data.account);
    const watch = environment.subscribe(environment.lookup(selector), ({ data }) => shown.put(data));
    t.after(() => watch.dispose());
    const told = listen(t, environment, { id });
    await told.take(1);

    const variables = { input: { accountId: id } };
    const { data, errors } = await commit(environment, 'accountInitiateMutation', variables);
    assert.ok(!errors, JSON.stringify(errors));
    assert.deepEqual(data.initiateReauth.errors, []);
    const link = read(environment, 'account_session', data.initiateReauth.reauth);
    assert.equal(link.status, 'LINK_ISSUED');
    // The answer went into the store, and from there onto the page.
    const { active } = summary().reauth;
    assert.equal(read(environment, 'account_session', active).url, link.url);

    const { account } = await ask(
      gateway,
      'query ($id: ID!) { account(id: $id) { reauth { active { id } } } }',
      { id },
    );
    await ask(gateway, FINISH, { input: { reauthId: account.reauth.active.id, outcome: 'APPROVE' } });
    await told.find('AVAILABLE', ({ kind, to }) => kind === 'CHANGE' && to === 'AVAILABLE');
    assert.deepEqual(moves(told), [
      ['SNAPSHOT', 'AVAILABLE'],
      ['CHANGE', 'PROCESSING'],
      ['CHANGE', 'AVAILABLE'],
    ]);
    const isWell = (seen) => seen.dataStatus === 'AVAILABLE' && !seen.reauth.required;
    await shown.find('the page to be well again', isWell);
    assert.equal(summary().reauth.active, null);
  });

  test('errors with their codes', async (t) => {
    const environment = connect(t, gateway);
    const { data: caught } = await query(environment, 'accountCatchQuery', { id: 'unknown' });
    assert.equal(caught.account.ok, false);
    assert.deepEqual(codes(caught.account.errors), ['NOT_FOUND']);

    await assert.rejects(query(environment, 'accountQuery', {}), ({ source }) => {
      assert.deepEqual(codes(source.errors), ['BAD_USER_INPUT']);
      return true;
    });
    const { data, errors } = await commit(environment, 'accountInitiateMutation', {
      input: { accountId: accounts.healthy, redirectUrl: 'javascript:alert(1)' },
    });
    assert.equal(data.initiateReauth, null);
    assert.deepEqual(codes(errors), ['BAD_USER_INPUT']);
    const told = listen(t, environment, { id: accounts.healthy, after: 'no cursor' });
    assert.deepEqual(codes(await told.ended()), ['BAD_USER_INPUT']);
    assert.deepEqual(told.all, []);
  });
});

test('after a restart it goes on behind the last event that it heard', async (t) => {
  const world = await startLive();
  t.after(() => world.stop());
  const id = (await cast(world.simulator)).healthy;
  const set = (data_status) =>
    pull(world.simulator, `accounts/${id}/status`, { data_status, announce: true });
  const back = deferred();
  const environment = connect(t, world.gateway, {
    retryAttempts: 5,
    retryWait: () => back.promise,
    shouldRetry: () => true,
  });
  const page = await query(environment, 'accountQuery', { id });
  const told = listen(t, environment, { id });
  await told.take(1);

  await world.restart('SIGTERM', () => set('PARTIAL'));
  // Mono's news comes while nobody listens.
  await world.deliver();
  back.resolve();
  await told.find('PARTIAL', ({ to }) => to === 'PARTIAL');
  const shown = () => read(environment, 'account_summary', page.data.account).dataStatus;
  assert.equal(shown(), 'PARTIAL');
  await set('AVAILABLE');
  await world.deliver();
  await told.find('AVAILABLE', ({ kind, to }) => kind === 'CHANGE' && to === 'AVAILABLE');
  assert.equal(shown(), 'AVAILABLE');
  assert.deepEqual(moves(told), [
    ['SNAPSHOT', 'AVAILABLE'],
    ['CHANGE', 'PARTIAL'],
    ['CHANGE', 'AVAILABLE'],
  ]);
});
