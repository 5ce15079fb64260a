// The recipes' clients with the differences between them evened out, so that one story tests all.

import { WebSocket } from 'ws';

// Browsers have one; node has one only from 22 on.
globalThis.WebSocket ??= WebSocket;

export const CLIENTS = ['fetch', 'apollo', 'urql', 'relay'];

/**
 * A client on a copy of its own: `initiate`, `watch` and `details` as the recipe has them, `page`
 * that shows an account, `stored` as text. It ends with the test.
 */
export async function open(t, recipes, name, gateway) {
  const { load } = recipes.copy(gateway);
  const client = await OPEN[name](t, load);
  const { session } = await load('gateway.js');
  return { ...client, load, session };
}

/** What differs between the recipes. `pages: 'apart'`: each page is shown by itself. */
const OPEN = {
  async fetch(t, load) {
    const [{ ask: send, initiate }, { watch }, { ACCOUNT }, { keep }] = await Promise.all(
      ['ask.js', 'events.js', 'documents.js', 'page.js'].map(load),
    );
    return {
      initiate,
      watch(id, told, failed, from) {
        const leaving = new AbortController();
        watch(id, told, { after: from, signal: leaving.signal }).catch(failed);
        t.after(() => leaving.abort());
      },
      keep(id, show, from) {
        const leaving = new AbortController();
        keep(id, show, { after: from, signal: leaving.signal }).catch(() => {});
        t.after(() => leaving.abort());
      },
      page(id, show) {
        const read = async (from) => {
          const { data, errors } = await send(ACCOUNT, { id, after: from });
          show(data.account, errors[0]?.extensions);
        };
        read();
        return { more: read };
      },
      pages: 'apart',
      details: (error) => error,
      stored: () => '',
    };
  },

  async apollo(t, load) {
    const recipe = await load('apollo.js');
    t.after(async () => recipe.client.stop());
    return {
      ...(await common(t, load, recipe)),
      page(id, show) {
        const query = recipe.account(id);
        const watching = query.subscribe(({ data, error }) => {
          if (data || error) show(data?.account, error && recipe.details(error));
        });
        t.after(() => watching.unsubscribe());
        return { more: (from) => query.fetchMore({ variables: { after: from } }) };
      },
      stored: () => JSON.stringify(recipe.client.extract()),
    };
  },

  async urql(t, load) {
    const recipe = await load('urql.js');
    return {
      ...(await common(t, load, recipe)),
      page(id, show) {
        const read = (from) => {
          const watching = recipe.account(id, from).subscribe(({ data, error }) => {
            show(data?.account, error && recipe.details(error));
          });
          t.after(() => watching.unsubscribe());
        };
        read();
        return { more: read };
      },
      pages: 'apart',
      stored: () => '',
    };
  },

  async relay(t, load) {
    const recipe = await load('relay.js');
    return {
      ...(await common(t, load, recipe)),
      page(id, show) {
        const page = recipe.account(id, ({ ok, value, errors }) => {
          show(ok ? value : null, errors?.[0].extensions);
        });
        t.after(() => page.dispose());
        return { more: (from) => recipe.read(id, from) };
      },
      stored: () => JSON.stringify(recipe.environment.getStore().getSource()),
    };
  },
};

/** What the recipes on one WebSocket have in common. */
async function common(t, load, recipe) {
  const { socket, renew } = await load('socket.js');
  t.after(() => socket.dispose());
  return {
    ...recipe,
    socket,
    renew,
    watch: (...all) => t.after(recipe.watch(...all)),
  };
}
