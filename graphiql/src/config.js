// What the gateway tells the page about itself: its mode, and accounts that the examples can use.

// Live, because a page must not call data invented that may be real.
const FALLBACK = { mode: 'live', subscriptionPath: '/graphql', accounts: null };

/** Never fails: without an answer the examples carry placeholders instead of ids. */
export async function readConfig() {
  try {
    const response = await fetch('/graphiql/config.json', {
      headers: { accept: 'application/json' },
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return { ...FALLBACK, ...(await response.json()) };
  } catch (error) {
    console.warn('No configuration from the gateway; the examples use placeholders.', error);
    return FALLBACK;
  }
}
