// The gateway behind Apollo Client: HTTP for queries and mutations, WebSocket for subscriptions.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
  ApolloClient,
  ApolloLink,
  CombinedGraphQLErrors,
  HttpLink,
  InMemoryCache,
  gql,
} from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

import { ACCOUNT, DATA_STATUS, FINISH, INITIATE } from './documents.mjs';
import { Inbox, cast, pull, startDemo, untilWanted } from './support.mjs';

// GraphQLWsLink names the browser's own; node has one only from 22 on.
globalThis.WebSocket ??= WebSocket;

let gateway;
let accounts;
before(async () => {
  gateway = await startDemo();
  accounts = await cast(gateway.simulator);
  await untilWanted(gateway, accounts.needsReauth);
});
after(() => gateway?.stop());

function connect(t) {
  const socket = createClient({ url: gateway.socket, webSocketImpl: WebSocket, retryAttempts: 0 });
  const client = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes: { Node: ['Account', 'ReauthSession'] } }),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new HttpLink({ uri: gateway.graphql }),
    ),
  });
  t.after(async () => {
    client.stop();
    await socket.dispose();
  });
  return client;
}

/** Everything that an observable says. */
function listen(t, observable) {
  const inbox = new Inbox();
  const subscription = observable.subscribe({
    next: (value) => inbox.put(value),
    error: (error) => inbox.end(error),
    complete: () => inbox.end(),
  });
  t.after(() => subscription.unsubscribe());
  return inbox;
}

test('a query', async (t) => {
  const { data, error } = await connect(t).query({
    query: gql(ACCOUNT),
    variables: { id: accounts.healthy },
  });
  assert.equal(error, undefined);
  assert.equal(data.account.dataStatus, 'AVAILABLE');
  assert.ok(Number.isSafeInteger(data.account.balance.minor));
  assert.ok(data.account.transactions.nodes.length > 0);
});

test('a mutation, and the subscription that moves what is on the page', async (t) => {
  const client = connect(t);
  const id = accounts.needsReauth;
  const page = listen(t, client.watchQuery({ query: gql(ACCOUNT), variables: { id } }));
  await page.find('the account', ({ data }) => data?.account?.dataStatus === 'AVAILABLE');
  const query = gql(DATA_STATUS);
  const told = listen(t, client.subscribe({ query, variables: { id } }));
  const [snapshot] = await told.take(1);
  assert.equal(snapshot.data.dataStatusChanged.kind, 'SNAPSHOT');

  const { data } = await client.mutate({
    mutation: gql(INITIATE),
    variables: { input: { accountId: id } },
  });
  assert.equal(data.initiateReauth.reauth.status, 'LINK_ISSUED');
  assert.deepEqual(data.initiateReauth.errors, []);
  const input = { reauthId: data.initiateReauth.reauth.id, outcome: 'APPROVE' };
  await client.mutate({ mutation: gql(FINISH), variables: { input } });
  const isBack = ({ data: { dataStatusChanged: change } }) =>
    change.kind === 'CHANGE' && change.to === 'AVAILABLE';
  const back = await told.find('AVAILABLE', isBack);
  assert.equal(back.data.dataStatusChanged.account.dataStatus, 'AVAILABLE');

  // No query was sent again: the events went into the cache, and from there onto the page.
  const statuses = () => page.all.map(({ data }) => data?.account?.dataStatus).filter(Boolean);
  await page.find('AVAILABLE again', () => statuses().length >= 3);
  const shown = statuses();
  assert.deepEqual(shown, ['AVAILABLE', 'PROCESSING', 'AVAILABLE']);
});

test('an error with its code', async (t) => {
  const client = connect(t);
  const codes = async (options) => {
    try {
      await client.query({ fetchPolicy: 'network-only', ...options });
    } catch (error) {
      assert.ok(CombinedGraphQLErrors.is(error), `${error}`);
      return error.errors.map(({ extensions }) => extensions.code);
    }
    return assert.fail('there was no error');
  };
  assert.deepEqual(await codes({ query: gql(ACCOUNT), variables: { id: 'unknown' } }), ['NOT_FOUND']);
  assert.deepEqual(await codes({ query: gql('{ noSuchField }') }), ['GRAPHQL_VALIDATION_FAILED']);
  assert.deepEqual(await codes({ query: gql(ACCOUNT) }), ['BAD_USER_INPUT']);
  await assert.rejects(
    client.mutate({
      mutation: gql(INITIATE),
      variables: { input: { accountId: accounts.healthy, redirectUrl: 'javascript:alert(1)' } },
    }),
    (error) => {
      assert.equal(error.errors[0].extensions.code, 'BAD_USER_INPUT');
      return true;
    },
  );
  const wrong = listen(t, client.subscribe({ query: gql('subscription { noSuchField }') }));
  const [{ error }] = await wrong.take(1);
  assert.ok(CombinedGraphQLErrors.is(error), `${error}`);
  assert.equal(error.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
});

test('partial data: what failed is null, with its code and place', async (t) => {
  const client = connect(t);
  const id = accounts.healthy;
  for (const [status, code, retryable] of [
    [422, 'UPSTREAM_REJECTED', undefined],
    [503, 'UPSTREAM_UNAVAILABLE', true],
    [429, 'UPSTREAM_RATE_LIMITED', true],
  ]) {
    const fault = { kind: 'status', status, path: 'transactions', account: id, count: 100 };
    await pull(gateway.simulator, 'faults', fault);
    const { data, error } = await client.query({
      query: gql(ACCOUNT),
      variables: { id },
      errorPolicy: 'all',
      fetchPolicy: 'no-cache',
    });
    await pull(gateway.simulator, 'faults', undefined, 'DELETE');
    assert.equal(data.account.dataStatus, 'AVAILABLE');
    assert.ok(data.account.balance);
    assert.equal(data.account.transactions, null);
    assert.ok(CombinedGraphQLErrors.is(error), `${error}`);
    const [{ path, extensions }] = error.errors;
    assert.equal(error.errors.length, 1);
    assert.deepEqual(path, ['account', 'transactions']);
    assert.equal(extensions.code, code);
    assert.equal(extensions.retryable, retryable);
    assert.ok(extensions.requestId);
  }
});
