// What Mono appends to the address when the bank sends the customer back. Anybody can write such
// an address: it tells what may have happened, and what to ask the gateway about, and no more.
//
// Source: seen in integrators' code; Mono documents none of it. `code` may be missing from a visit
// that went well.

export type Returned = {
  readonly outcome: 'linked' | 'failed';
  /** For example account_linked, widget_closed, login_failed. An open list. */
  readonly reason: string | null;
  readonly reference: string | null;
  readonly code: string | null;
};

const NAMES = ['status', 'reason', 'reference', 'code'];

/** What the gateway takes for a reference. */
const REFERENCE = /^[A-Za-z0-9._-]{1,64}$/;

/** Long enough for any code of Mono's, short enough to send. */
const CODE = /^[\x21-\x7e]{1,256}$/;

/** Reads a return off an address, and gives the address without it. */
export function readReturn(address: string): { returned: Returned | null; address: string } {
  const url = new URL(address);
  const [status, reason, reference, code] = NAMES.map((name) => url.searchParams.get(name));
  for (const name of NAMES) url.searchParams.delete(name);
  const clean = url.pathname + url.search + url.hash;
  if (status !== 'linked' && status !== 'failed') return { returned: null, address: clean };
  const fits = (pattern: RegExp, text: string | null | undefined) =>
    text && pattern.test(text) ? text : null;
  return {
    returned: {
      outcome: status,
      reason: fits(/^[a-z_]{1,64}$/, reason),
      reference: fits(REFERENCE, reference),
      code: fits(CODE, code),
    },
    address: clean,
  };
}
