// Speaks to the gateway: queries and mutations by POST, subscriptions over one WebSocket that is
// opened again for as long as the page lives.

import { createClient } from 'graphql-ws';

import type { Operation } from './operations.ts';
import type { Connection } from './model.ts';

/** What came, in part perhaps: a field that failed is null and its error stands in `errors`. */
export type Answer<Data> = {
  readonly data: Data | null;
  readonly errors: readonly string[];
};

/** A cursor of no log: the gateway answers it with one RESYNC, once it listens for us. */
const FROM_NOWHERE = 'none.0';

/** Milliseconds without an answer after which a connection is taken for dead. */
const PATIENCE = 5_000;

export class Gateway {
  readonly #url: string;
  readonly #client;

  /**
   * `url` is where GraphQL is. In live mode a token is needed: send it here as
   * `authorization: Bearer …` and, for the WebSocket, as `connectionParams: { authorization }`.
   */
  constructor(url: string, connection: (to: Connection) => void) {
    this.#url = url;
    let silence: number | undefined;
    this.#client = createClient({
      url: new URL(url, location.href).href.replace(/^http/, 'ws'),
      lazy: false,
      onNonLazyError: () => connection('lost'),
      retryAttempts: Infinity,
      shouldRetry: () => true,
      retryWait: (retries) => pause(Math.min(200 * 2 ** retries, 10_000) * (0.5 + Math.random())),
      keepAlive: 10_000,
      on: {
        connected: () => connection('live'),
        closed: () => {
          clearTimeout(silence);
          connection('lost');
        },
        // A phone that changed its network holds a socket that is dead and does not know it.
        ping: (received) => {
          if (!received) silence = window.setTimeout(() => this.#client.terminate(), PATIENCE);
        },
        pong: (received) => {
          if (received) clearTimeout(silence);
        },
      },
    });
  }

  /** Never throws: what stands in the way is in `errors`, as sentences. */
  async ask<Data, Variables>(
    operation: Operation<Data, Variables>,
    variables: Variables,
  ): Promise<Answer<Data>> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ query: operation.text, variables }),
      });
      const answer = (await response.json()) as {
        readonly data?: Data | null;
        readonly errors?: readonly { readonly message: string }[];
      };
      const errors = (answer.errors ?? []).map(({ message }) => message);
      if (!response.ok && errors.length === 0) errors.push(`HTTP ${response.status}`);
      return { data: answer.data ?? null, errors };
    } catch {
      return { data: null, errors: ['The gateway could not be reached.'] };
    }
  }

  /**
   * Tells every event of a subscription, each once and in order, however often the connection is
   * lost: it begins behind the cursor that was told last.
   */
  listen<Data>(
    operation: Operation<Data, { readonly after: string }>,
    told: (data: Data, goOnAfter: (cursor: string) => void) => void,
    refused: (problem: string) => void,
  ): void {
    // The client sends these variables anew with each connection, so changing them is enough.
    const variables = { after: FROM_NOWHERE };
    this.#client.subscribe<Data>(
      { query: operation.text, variables },
      {
        next: ({ data, errors }) => {
          if (data) told(data, (cursor) => (variables.after = cursor));
          else refused(errors?.[0]?.message ?? 'The gateway told nothing.');
        },
        error: (error) => {
          const first: unknown = Array.isArray(error) ? error[0] : error;
          refused(first instanceof Error ? first.message : 'The gateway does not listen.');
        },
        complete: () => {},
      },
    );
  }
}

/** Waits, but no longer than until the browser says that there is a network again. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener('online', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener('online', end);
  });
}
