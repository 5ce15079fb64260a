// Holds the state, does what the reducer asks for, and draws.

import { Gateway } from './api.ts';
import type { Answer } from './api.ts';
import type { Account, Effect, Event } from './model.ts';
import * as operations from './operations.ts';
import type { Details, Kept, Link, Problem, Session } from './operations.ts';
import { readReturn } from './return.ts';
import { show } from './show.ts';
import { address } from './standing.ts';
import { INITIAL, reduce } from './state.ts';
import { draw } from './view.ts';

/** Lists longer than this many pages of 50 are for another kind of page. */
const MOST_PAGES = 10;

/** Only which links to ask the gateway about after a lost tab; how they stand, it says. */
const REMEMBERED = 'mono-gateway:links';

const page = document.getElementById('page') as HTMLElement;
const gateway = new Gateway('/graphql', (to) => dispatch({ type: 'connection', to }));

let state = INITIAL;
let drawn: number | undefined;

function dispatch(event: Event): void {
  const next = reduce(state, event);
  state = next.state;
  // Several events may come before the browser paints.
  drawn ??= requestAnimationFrame(paint);
  for (const effect of next.effects) void perform(effect);
}

function paint(): void {
  drawn = undefined;
  draw(page, show(state), dispatch);
}

async function perform(effect: Effect): Promise<void> {
  switch (effect.do) {
    case 'read accounts':
      return readAccounts();
    case 'read account': {
      const { data } = await gateway.ask(operations.OneAccount, { id: effect.account });
      if (data?.account) dispatch({ type: 'account read', account: account(data.account) });
      return;
    }
    case 'read links':
      await Promise.all([...new Set([...remembered(), ...Object.keys(state.links)])].map(readLink));
      return;
    case 'read page': {
      const { account, page, asked } = effect;
      const { data, errors } = await gateway.ask(operations.Transactions, { id: account, page });
      const read = data?.account?.transactions ?? null;
      const problem = read === null ? (errors[0] ?? 'There is no such account any more.') : null;
      return dispatch({ type: 'page read', account, asked, page: read, problem });
    }
    case 'initiate reauth': {
      const input = { accountId: effect.account, redirectUrl: here() };
      const { data, errors } = await gateway.ask(operations.InitiateReauth, { input });
      return leaveFor(effect.account, data?.initiateReauth?.reauth, data?.initiateReauth, errors);
    }
    case 'cancel reauth': {
      const input = { reauthId: effect.session, reason: effect.reason };
      const { data, errors } = await gateway.ask(operations.CancelReauth, { input });
      return answered(effect.account, data?.cancelReauth, errors);
    }
    case 'initiate link': {
      const customer = { name: effect.name, email: effect.email };
      const input = { customer, redirectUrl: here() };
      const { data, errors } = await gateway.ask(operations.InitiateLink, { input });
      return leaveFor('link', data?.initiateLink?.link, data?.initiateLink, errors);
    }
    case 'complete link': {
      const input = { code: effect.code, linkId: effect.link };
      const { data, errors } = await gateway.ask(operations.CompleteLink, { input });
      return answered(effect.link, data?.completeLink, errors, data?.completeLink?.link);
    }
    case 'cancel link': {
      const input = { linkId: effect.link, reason: effect.reason };
      const { data, errors } = await gateway.ask(operations.CancelLink, { input });
      return answered(effect.link, data?.cancelLink, errors, data?.cancelLink?.link);
    }
    case 'recognise':
      return recognise(effect.reference);
    case 'remember links':
      return remember(effect.links);
    case 'leave':
      return location.assign(effect.url);
  }
}

async function readAccounts(): Promise<void> {
  const accounts: Account[] = [];
  let after: string | null = null;
  let demo = false;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const { data, errors }: Answer<operations.AccountsData> = await gateway.ask(
      operations.Accounts,
      { after },
    );
    if (data === null) {
      const problem = errors[0] ?? 'The accounts could not be read.';
      return dispatch({ type: 'accounts not read', problem });
    }
    demo = data.gateway.mode === 'DEMO';
    accounts.push(...data.accounts.nodes.map(account));
    if (!data.accounts.pageInfo.hasNextPage) break;
    after = data.accounts.pageInfo.endCursor;
  }
  dispatch({ type: 'accounts read', accounts, demo });
}

function account({ name, accountNumber, balance, institution, ...kept }: Kept & Details): Account {
  // All of these come from one call to Mono, and fail together.
  const failed = name === null && accountNumber === null && institution === null;
  return { kept, details: failed ? null : { name, accountNumber, balance, institution } };
}

async function readLink(id: string): Promise<void> {
  const { data, errors } = await gateway.ask(operations.OneLink, { id });
  if (data !== null && errors.length === 0)
    dispatch({ type: 'link read', link: data.linkSession, id });
}

async function recognise(reference: string): Promise<void> {
  const { data } = await gateway.ask(operations.ByReference, { reference });
  const session = data?.reauthSessionByReference;
  const reauth = session ? { account: session.account.id, session } : null;
  dispatch({ type: 'recognised', reauth, link: data?.linkSessionByReference ?? null });
}

type Payload = { readonly errors: readonly Problem[] } | null | undefined;

function answered(
  key: string,
  payload: Payload,
  errors: readonly string[],
  link?: Link | null,
): void {
  const problem =
    payload?.errors[0]?.message ?? (payload ? undefined : (errors[0] ?? 'Nothing came.'));
  if (problem !== undefined) return dispatch({ type: 'not done', key, problem });
  dispatch({ type: 'done', key, ...(link ? { link } : {}) });
}

/** Sends the customer to the bank, if there is a link to it. */
function leaveFor(
  key: string,
  session: Session | Link | null | undefined,
  payload: Payload,
  errors: readonly string[],
): void {
  const goTo = address(session?.url ?? null);
  if (goTo === null) {
    const none = { errors: [{ code: '', message: 'There is no link to the bank.' }] };
    return answered(key, payload && payload.errors.length === 0 ? none : payload, errors);
  }
  const link = key === 'link' ? { link: session as Link } : {};
  dispatch({ type: 'done', key, goTo, ...link });
}

/** Where the bank sends the customer back to: always the same, so that an open link will do. */
const here = () => location.origin + location.pathname;

function remembered(): readonly string[] {
  try {
    const ids: unknown = JSON.parse(localStorage.getItem(REMEMBERED) ?? '[]');
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string').slice(-20) : [];
  } catch {
    return [];
  }
}

function remember(links: readonly string[]): void {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(links));
  } catch {
    // A private window may keep nothing; then a lost tab loses sight of its links.
  }
}

const { returned, address: clean } = readReturn(location.href);
if (returned !== null) {
  // So that neither a reload nor a bookmark tells it again.
  history.replaceState(null, '', clean);
  dispatch({ type: 'returned', returned });
}

gateway.listen(
  operations.DataStatusChanges,
  ({ dataStatusChanged: change }, goOnAfter) => {
    goOnAfter(change.cursor);
    dispatch({ type: 'data changed', change });
  },
  refused,
);
gateway.listen(
  operations.ReauthChanges,
  ({ reauthChanged: change }, goOnAfter) => {
    goOnAfter(change.cursor);
    dispatch({ type: 'reauth changed', change });
  },
  refused,
);
gateway.listen(
  operations.LinkChanges,
  ({ linkChanged: change }, goOnAfter) => {
    goOnAfter(change.cursor);
    dispatch({ type: 'link changed', change });
  },
  refused,
);

function refused(problem: string): void {
  dispatch({ type: 'accounts not read', problem });
}

// Back from the bank by the browser's own button, with the page as it was left.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) dispatch({ type: 'shown again' });
});
