// The gateway behind Apollo Client with nothing but its HttpLink: subscriptions come by multipart
// responses, as Apollo's clients ask for them by default.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
  ApolloClient,
  CombinedGraphQLErrors,
  CombinedProtocolErrors,
  HttpLink,
  InMemoryCache,
  gql,
} from '@apollo/client';

import { ACCOUNT, DATA_STATUS } from './documents.mjs';
import { Inbox, ask, cast, pull, startDemo } from './support.mjs';

let gateway;
let accounts;
before(async () => {
  gateway = await startDemo();
  accounts = await cast(gateway.simulator);
});
after(() => gateway?.stop());

/** A client, and what it was answered with. */
function connect(t, { graphql } = gateway, options = {}) {
  const seen = [];
  const watched = async (...request) => {
    const response = await fetch(...request);
    seen.push([response.status, response.headers.get('content-type')]);
    return response;
  };
  const link = new HttpLink({ uri: graphql, fetch: watched, ...options });
  const client = new ApolloClient({ cache: new InMemoryCache(), link });
  t.after(() => client.stop());
  return { client, seen };
}

function listen(t, client, query, variables) {
  const inbox = new Inbox();
  const observable = client.subscribe({ query: gql(query), variables });
  const subscription = observable.subscribe({
    next: (value) => inbox.put(value),
    error: (error) => inbox.end(error),
    complete: () => inbox.end(),
  });
  inbox.close = () => subscription.unsubscribe();
  t.after(inbox.close);
  return inbox;
}

const set = (id, data_status) =>
  pull(gateway.simulator, `accounts/${id}/status`, { data_status, announce: true });

const MULTIPART = 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0';

test('a query and its error come in one piece', async (t) => {
  const { client, seen } = connect(t);
  const { data } = await client.query({ query: gql(ACCOUNT), variables: { id: accounts.healthy } });
  assert.equal(data.account.dataStatus, 'AVAILABLE');
  await assert.rejects(client.query({ query: gql('{ noSuchField }') }), CombinedGraphQLErrors.is);
  const type = 'application/graphql-response+json; charset=utf-8';
  assert.deepEqual(seen, [[200, type], [400, type]]);
});

test('a subscription begins with its snapshot and tells changes in order', async (t) => {
  const { client, seen } = connect(t);
  const id = accounts.all[6];
  await ask(gateway, ACCOUNT, { id });
  const inbox = listen(t, client, DATA_STATUS, { id });
  await inbox.take(1);
  assert.deepEqual(seen, [[200, MULTIPART]]);
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

test('by GET too', async (t) => {
  const { client, seen } = connect(t, gateway, { useGETForQueries: true });
  const id = accounts.healthy;
  await ask(gateway, ACCOUNT, { id });
  const [{ data }] = await listen(t, client, DATA_STATUS, { id }).take(1);
  assert.equal(data.dataStatusChanged.kind, 'SNAPSHOT');
  assert.deepEqual(seen, [[200, MULTIPART]]);
});

test('a subscription that cannot run is an error with its code, then the end', async (t) => {
  const { client, seen } = connect(t);
  const type = 'application/graphql-response+json; charset=utf-8';
  for (const [query, variables, code, answer] of [
    ['subscription { noSuchField }', {}, 'GRAPHQL_VALIDATION_FAILED', [400, type]],
    [DATA_STATUS, { after: 'no cursor' }, 'BAD_USER_INPUT', [400, type]],
  ]) {
    const inbox = listen(t, client, query, variables);
    assert.equal(await inbox.ended(), undefined);
    assert.equal(inbox.all.length, 1);
    const [{ error }] = inbox.all;
    assert.ok(CombinedGraphQLErrors.is(error), `${error}`);
    assert.equal(error.errors[0].extensions.code, code);
    assert.deepEqual(seen.pop(), answer);
  }
});

test('a gateway that stops is an error of the protocol, not an end in silence', async (t) => {
  const stopping = await startDemo();
  let stopped = false;
  t.after(() => stopped || stopping.stop());
  const { healthy: id } = await cast(stopping.simulator);
  const inbox = listen(t, connect(t, stopping).client, DATA_STATUS, { id });
  await inbox.take(1);
  stopped = true;
  assert.equal(await stopping.stop(), 0);
  assert.equal(await inbox.ended(), undefined);
  const { data, error } = inbox.all.at(-1);
  assert.equal(data, undefined);
  assert.ok(CombinedProtocolErrors.is(error), `${error}`);
  const { code, retryable } = error.errors[0].extensions;
  assert.deepEqual([code, retryable], ['OVERLOADED', true]);
});
