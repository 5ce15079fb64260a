// Sends operations to the gateway: queries and mutations by POST, subscriptions by WebSocket.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { Kind, parse } from 'graphql';
import { createClient } from 'graphql-ws';

import { LATEST_REAUTH } from './examples.js';

const LATEST_REAUTH_KEY = 'latestReauth';

export function createFetcher({ subscriptionPath }, storage) {
  const socket = new URL(subscriptionPath, window.location.href);
  socket.protocol = socket.protocol === 'https:' ? 'wss:' : 'ws:';

  return async (params, options) => {
    // One client for each operation, because its header may differ; it connects only if subscribed.
    const send = createGraphiQLFetcher({
      url: '/graphql',
      fetch: fetchJson,
      enableIncrementalDelivery: false,
      wsClient: createClient({
        url: socket.href,
        connectionParams: authorization(options?.headers),
      }),
    });
    const result = await send(...withOwnName(withLatestReauth(params, storage), options));
    const reauth = result.data?.initiateReauth?.reauth?.id;
    if (reauth) storage.setItem(LATEST_REAUTH_KEY, reauth);
    return result;
  };
}

/** A browser cannot set headers on a WebSocket, so this one travels in `connection_init`. */
function authorization(headers = {}) {
  const name = Object.keys(headers).find((key) => key.toLowerCase() === 'authorization');
  return name ? { authorization: headers[name] } : undefined;
}

/**
 * For a moment after a change of tabs GraphiQL still names the other tab's operation; where there
 * is only one to run, that one is meant.
 */
function withOwnName(params, options) {
  let documentAST;
  try {
    documentAST = parse(params.query);
  } catch {
    return [params, options]; // the gateway says what is wrong with it
  }
  const operations = documentAST.definitions.filter(
    ({ kind }) => kind === Kind.OPERATION_DEFINITION,
  );
  if (operations.length !== 1) return [params, options];
  const operationName = operations[0].name?.value;
  return [
    { ...params, operationName },
    { ...options, documentAST },
  ];
}

/** Puts the id of the session that was started last where the example leaves room for it. */
function withLatestReauth(params, storage) {
  const latest = storage.getItem(LATEST_REAUTH_KEY);
  const input = params.variables?.input;
  if (!latest || input?.reauthId !== LATEST_REAUTH) return params;
  return { ...params, variables: { ...params.variables, input: { ...input, reauthId: latest } } };
}

/** Shows an answer that is not JSON, such as a proxy's, as it is instead of a parser's complaint. */
async function fetchJson(url, init) {
  const response = await fetch(url, init);
  if (/\bjson\b/.test(response.headers.get('content-type') ?? '')) return response;
  const text = (await response.text()).slice(0, 500);
  const message = `HTTP ${response.status} ${response.statusText} ${text}`.trim();
  return Response.json({ errors: [{ message }] });
}
