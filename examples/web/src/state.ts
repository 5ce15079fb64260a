// Everything that the page knows, and the one function that changes it: pure, so that each story
// can be told to it in a test. It answers with what is to be done next; main.ts does that.
//
// Only the gateway says what is true. What the address claims (`returned`) chooses what to ask the
// gateway about, and a sentence that promises nothing.

import type { About, Account, Connection, Effect, Event, News, State, Step } from './model.ts';
import type { Link, LinkChangesData, ReauthChangesData, Session } from './operations.ts';

export const INITIAL: State = {
  connection: 'connecting',
  reading: 'no',
  loaded: false,
  demo: false,
  accounts: {},
  links: {},
  transactions: {},
  busy: [],
  problems: {},
  returned: null,
  said: null,
};

/** What the page knows once `event` happened, and what is to be done about it. */
export function reduce(state: State, event: Event): Step {
  switch (event.type) {
    case 'connection':
      return connection(state, event.to);
    case 'accounts read':
      return accountsRead({ ...state, demo: event.demo }, event.accounts);
    case 'accounts not read':
      return readOn({
        ...state,
        problems: { ...state.problems, accounts: event.problem },
      });
    case 'account read':
      return accountRead(state, event.account);
    case 'data changed':
    case 'reauth changed':
      return accountChanged(state, event.change);
    case 'link changed':
      return linkChanged(state, event.change);
    case 'link read':
      // A link of another database, or of another person: not to be asked for again.
      return event.link === null ? forget(state, event.id) : linkNow(state, event.link);
    case 'reauthorise':
      return press(state, event.account, { do: 'initiate reauth', account: event.account });
    case 'cancel reauth': {
      const { account, session } = event;
      const effect = {
        do: 'cancel reauth',
        account,
        session,
        reason: 'cancelled_on_page',
      } as const;
      return press(state, account, effect);
    }
    case 'link':
      return press(state, 'link', { do: 'initiate link', name: event.name, email: event.email });
    case 'cancel link': {
      const effect = { do: 'cancel link', link: event.link, reason: 'cancelled_on_page' } as const;
      return press(state, event.link, effect);
    }
    case 'dismiss link':
      return forget(state, event.link);
    case 'done':
      return done(state, event);
    case 'not done':
      return step({
        ...released(state, event.key),
        problems: { ...state.problems, [event.key]: event.problem },
      });
    case 'open':
      return open(state, event.account, event.page);
    case 'close':
      return step({ ...state, transactions: without(state.transactions, event.account) });
    case 'page read':
      return pageRead(state, event);
    case 'returned': {
      const { reference } = event.returned;
      if (reference === null) {
        return step({ ...state, returned: { ...event.returned, about: null } });
      }
      return step({ ...state, returned: event.returned }, { do: 'recognise', reference });
    }
    case 'recognised':
      return recognised(state, event.reauth, event.link);
    case 'dismiss return':
      return step({ ...state, returned: null });
    case 'shown again':
      // The browser kept the page while the customer was at the bank.
      return step({ ...state, busy: [] });
  }
}

const step = (state: State, ...effects: readonly Effect[]): Step => ({ state, effects });

function connection(state: State, to: Connection): Step {
  const lostOrFound = state.connection !== to && (to === 'lost' || state.connection === 'lost');
  const said: News | null = lostOrFound ? { kind: 'connection' } : state.said;
  return step({ ...state, connection: to, said });
}

function accountsRead(state: State, read: readonly Account[]): Step {
  const accounts: Record<string, Account> = {};
  for (const account of read) {
    accounts[account.kept.id] = merged(state.accounts[account.kept.id], account);
  }
  const transactions = pick(state.transactions, Object.keys(accounts));
  const problems = without(state.problems, 'accounts');
  return readOn({ ...state, loaded: true, accounts, transactions, problems });
}

/** Reads the accounts again if something asked for it while they were read. */
function readOn(state: State): Step {
  const settled = settleReturn(state);
  if (settled.reading === 'again')
    return step({ ...settled, reading: 'yes' }, { do: 'read accounts' });
  return step({ ...settled, reading: 'no' });
}

function accountRead(state: State, account: Account): Step {
  const { id } = account.kept;
  const accounts = { ...state.accounts, [id]: merged(state.accounts[id], account) };
  return step(settleReturn({ ...state, accounts }));
}

/** Answers and events overtake each other; the account's version says which is newer. */
function merged(known: Account | undefined, read: Account): Account {
  if (known === undefined) return read;
  return {
    kept: known.kept.version > read.kept.version ? known.kept : read.kept,
    // Mono may be out of reach for once; what it said before is still a name.
    details: read.details ?? known.details,
  };
}

type Change = Pick<ReauthChangesData['reauthChanged'], 'kind' | 'account'> & {
  readonly to?: unknown;
};

function accountChanged(state: State, { kind, account, to }: Change): Step {
  if (kind === 'RESYNC') return readAll(state);
  if (account === null) return step(state);
  const { id } = account;
  const known = state.accounts[id];
  const now = merged(known, { kept: account, details: null });
  const changed = settleReturn({
    ...state,
    accounts: { ...state.accounts, [id]: now },
    said: kind === 'CHANGE' ? { kind: 'account', account: id } : state.said,
  });
  const effects: Effect[] = [];
  const dataCame = to === 'AVAILABLE' || to === 'PARTIAL';
  if (now.details === null || dataCame) effects.push({ do: 'read account', account: id });
  const list = changed.transactions[id];
  if (list === undefined || to === undefined) return step(changed, ...effects);
  const again = open(changed, id, list.page);
  return step(again.state, ...effects, ...again.effects);
}

function readAll(state: State): Step {
  if (state.reading !== 'no') return step({ ...state, reading: 'again' });
  return step({ ...state, reading: 'yes' }, { do: 'read accounts' });
}

function linkChanged(state: State, { kind, link }: LinkChangesData['linkChanged']): Step {
  if (kind === 'RESYNC') return step(state, { do: 'read links' });
  // Links that this page was never told of are another window's.
  if (link === null || state.links[link.id] === undefined) return step(state);
  const now = linkNow(state, link);
  return step({ ...now.state, said: { kind: 'link', link: link.id } }, ...now.effects);
}

function linkNow(state: State, link: Link): Step {
  const known = state.links[link.id];
  const newer = known === undefined || further(link) >= further(known) ? link : known;
  const links = { ...state.links, [link.id]: newer };
  const effects: Effect[] = [];
  if (known === undefined) effects.push({ do: 'remember links', links: Object.keys(links) });
  const now = settleReturn({ ...state, links });
  const account = newer.account?.id;
  if (newer.status === 'COMPLETED' && known !== undefined && known.status !== 'COMPLETED') {
    // The new account may take the place of one that is listed: Mono gives a new id each time.
    const all = readAll(now);
    return step(all.state, ...effects, ...all.effects);
  }
  if (account !== undefined && state.accounts[account] === undefined) {
    effects.push({ do: 'read account', account });
  }
  return step(now, ...effects);
}

/** How far a link is: it has no version, but it only moves on. */
function further({ status }: Link): number {
  switch (status) {
    case 'REQUESTED':
      return 0;
    case 'LINK_ISSUED':
      return 1;
    case 'FAILED':
    case 'EXPIRED':
    case 'CANCELLED':
      return 2;
    // Mono's word beats the page's and the clock's: a link that was given up may still succeed.
    case 'CONNECTED':
      return 3;
    case 'COMPLETED':
      return 4;
  }
}

function forget(state: State, link: string): Step {
  const links = without(state.links, link);
  return step({ ...state, links }, { do: 'remember links', links: Object.keys(links) });
}

function press(state: State, key: string, effect: Effect): Step {
  if (state.busy.includes(key)) return step(state);
  const problems = without(state.problems, key);
  return step({ ...state, busy: [...state.busy, key], problems, returned: null }, effect);
}

function released(state: State, key: string): State {
  return { ...state, busy: state.busy.filter((one) => one !== key) };
}

function done(state: State, { key, link, goTo }: Event & { type: 'done' }): Step {
  const noted = link === undefined ? step(state) : linkNow(state, link);
  // Busy until the browser has left: a second press would ask for a second link.
  if (goTo !== undefined) return step(noted.state, ...noted.effects, { do: 'leave', url: goTo });
  return step(released(noted.state, key), ...noted.effects);
}

function open(state: State, account: string, page: number): Step {
  const known = state.transactions[account];
  const asked = (known?.asked ?? 0) + 1;
  const list = { page, asked, loading: true, shown: known?.shown ?? null, problem: null };
  const transactions = { ...state.transactions, [account]: list };
  return step({ ...state, transactions }, { do: 'read page', account, page, asked });
}

function pageRead(state: State, event: Event & { type: 'page read' }): Step {
  const { account, asked, page, problem } = event;
  const list = state.transactions[account];
  if (list === undefined || list.asked !== asked) return step(state);
  const now = { ...list, loading: false, shown: page ?? list.shown, problem };
  return step({ ...state, transactions: { ...state.transactions, [account]: now } });
}

function recognised(
  state: State,
  reauth: { readonly account: string; readonly session: Session } | null,
  link: Link | null,
): Step {
  const { returned } = state;
  if (returned === null) return step(state);
  if (reauth !== null) {
    const { account, session } = reauth;
    const about: About = { kind: 'reauth', account, session: session.id };
    const told = { ...state, returned: { ...returned, about } };
    // The page's own word on how that session stands may be older, or not have come yet.
    if (session.status !== 'LINK_ISSUED') return step({ ...told, returned: null });
    if (returned.outcome === 'linked') return step(settleReturn(told));
    const reason = returned.reason ?? 'failed';
    return step(told, { do: 'cancel reauth', account, session: session.id, reason });
  }
  if (link !== null) {
    const about: About = { kind: 'link', link: link.id };
    const now = linkNow({ ...state, returned: { ...returned, about } }, link);
    if (link.status !== 'LINK_ISSUED' && link.status !== 'CONNECTED') {
      return step({ ...now.state, returned: null }, ...now.effects);
    }
    const { code, reason } = returned;
    if (returned.outcome === 'failed') {
      const cancel = { do: 'cancel link', link: link.id, reason: reason ?? 'failed' } as const;
      return step(now.state, ...now.effects, cancel);
    }
    // Without a code the webhook will tell.
    if (code === null) return now;
    return step(now.state, ...now.effects, { do: 'complete link', link: link.id, code });
  }
  return step({ ...state, returned: { ...returned, about: null } });
}

/** Drops the sentence about a return once the gateway knows better. */
function settleReturn(state: State): State {
  const { returned } = state;
  const status = returned?.about ? statusOf(state, returned.about) : undefined;
  const waits =
    returned?.outcome === 'failed'
      ? status !== 'AUTHORIZED' && status !== 'CONNECTED' && status !== 'COMPLETED'
      : status === undefined || status === 'LINK_ISSUED';
  return waits ? state : { ...state, returned: null };
}

function statusOf(state: State, about: About) {
  if (about.kind === 'link') return state.links[about.link]?.status;
  const reauth = state.accounts[about.account]?.kept.reauth;
  if (reauth === undefined) return undefined;
  const sessions = [reauth.active, ...reauth.sessions.nodes];
  return sessions.find((session) => session?.id === about.session)?.status;
}

function without<T>(from: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> {
  const { [key]: _, ...rest } = from;
  return rest;
}

function pick<T>(from: Readonly<Record<string, T>>, keys: readonly string[]) {
  return Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)));
}
