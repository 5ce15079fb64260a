// What to show of a state: sentences and actions, but no elements. Pure, like state.ts.

import type { Kept, Link, Session } from './operations.ts';
import type { Account, News, State, Transactions } from './state.ts';

/** How a thing stands, as a colour and a mark; the words beside it say the same. */
export type Tone = 'good' | 'waiting' | 'wanted' | 'bad';

export type Action =
  | { readonly kind: 'reauthorise'; readonly label: string }
  | { readonly kind: 'go'; readonly label: string; readonly url: string }
  | { readonly kind: 'cancel reauth'; readonly label: string; readonly session: string }
  | { readonly kind: 'cancel link'; readonly label: string; readonly link: string }
  | { readonly kind: 'dismiss link'; readonly label: string; readonly link: string };

export type Standing = {
  readonly tone: Tone;
  /** One or two words. */
  readonly badge: string;
  readonly sentence: string;
  readonly actions: readonly Action[];
};

export type Card = Standing & {
  readonly id: string;
  readonly title: string;
  /** What tells it from others of the same bank. */
  readonly subtitle: string;
  readonly balance: string | null;
  readonly needsYou: boolean;
  readonly busy: boolean;
  readonly problem: string | null;
  readonly list: List | null;
};

export type LinkCard = Standing & {
  readonly id: string;
  readonly busy: boolean;
  readonly problem: string | null;
};

export type List = {
  readonly freshness: string | null;
  readonly isFresh: boolean;
  readonly items: readonly Item[];
  readonly older: number | null;
  readonly newer: number | null;
  readonly place: string | null;
  readonly loading: boolean;
  readonly problem: string | null;
  readonly page: number;
};

export type Item = {
  readonly id: string;
  readonly narration: string;
  readonly date: string;
  readonly amount: string;
  readonly credit: boolean;
};

export type View = {
  readonly title: string;
  readonly connection: { readonly tone: Tone; readonly text: string };
  /** For screen readers, whenever it changes. */
  readonly said: string;
  /** A sentence about a return from the bank; null if there is nothing to say. */
  readonly notice: string | null;
  readonly problem: string | null;
  readonly loading: boolean;
  readonly needYou: readonly Card[];
  readonly others: readonly Card[];
  readonly links: readonly LinkCard[];
  readonly linkBusy: boolean;
  readonly linkProblem: string | null;
};

const LOCALE = 'en-GB';

export function show(state: State): View {
  const cards = Object.values(state.accounts).map((account) => card(state, account));
  const needYou = cards.filter(({ needsYou }) => needsYou);
  return {
    title: needYou.length > 0 ? `(${needYou.length}) Bank accounts` : 'Bank accounts',
    connection: CONNECTIONS[state.connection],
    said: state.said === null ? '' : said(state, state.said),
    notice: notice(state),
    problem: state.problems['accounts'] ?? null,
    loading: !state.loaded && state.problems['accounts'] === undefined,
    needYou,
    others: cards.filter(({ needsYou }) => !needsYou),
    links: Object.values(state.links).map((link) => ({
      id: link.id,
      ...linkStanding(link),
      busy: state.busy.includes(link.id),
      problem: state.problems[link.id] ?? null,
    })),
    linkBusy: state.busy.includes('link'),
    linkProblem: state.problems['link'] ?? null,
  };
}

const CONNECTIONS = {
  connecting: { tone: 'waiting', text: 'Connecting' },
  live: { tone: 'good', text: 'Live' },
  lost: { tone: 'bad', text: 'Reconnecting' },
} as const;

function card(state: State, account: Account): Card {
  const { kept, details } = account;
  const list = state.transactions[kept.id];
  const holder = details?.name ?? null;
  const number = details?.accountNumber ? `•••• ${details.accountNumber.slice(-4)}` : null;
  const standing = accountStanding(kept);
  return {
    id: kept.id,
    title: details?.institution?.name ?? 'Bank account',
    subtitle: [holder, number].filter(Boolean).join(' · ') || kept.id,
    balance: details?.balance ? money(details.balance) : null,
    ...standing,
    needsYou: standing.tone === 'wanted',
    busy: state.busy.includes(kept.id),
    problem: state.problems[kept.id] ?? null,
    list: list === undefined ? null : shownList(list),
  };
}

/** How an account stands: what is under way first, then what is wanted, then what is there. */
export function accountStanding(kept: Kept): Standing {
  const { reauth, sync, dataStatus } = kept;
  if (reauth.active !== null) return sessionStanding(reauth.active, sync.waitingUntil);
  if (reauth.required) {
    const since = reauth.since === null ? '' : ` since ${time(reauth.since)}`;
    return {
      tone: 'wanted',
      badge: 'Needs you',
      sentence: `Your bank asks for your consent again${since}.${lastAttempt(reauth.sessions.nodes[0])}`,
      actions: [{ kind: 'reauthorise', label: 'Re-authorise' }],
    };
  }
  const asOf = sync.asOf === null ? '' : ` As of ${time(sync.asOf)}.`;
  const failure = sync.failure === null ? '' : ` ${sentence(sync.failure.message)}`;
  const told = (tone: Tone, badge: string, text: string): Standing => ({
    tone,
    badge,
    sentence: `${text}${failure}${asOf}`,
    actions: [],
  });
  switch (dataStatus) {
    case 'AVAILABLE':
      if (sync.failure !== null) return told('bad', 'Not refreshed', 'The data is older than it should be.');
      return told('good', 'Up to date', 'Balance and transactions are here.');
    case 'PARTIAL':
      return told('bad', 'In part', 'Only a part of the data is here.');
    case 'PROCESSING':
      return fetching(sync.waitingUntil);
    case 'UNAVAILABLE':
      return told('bad', 'Not available', 'The bank gave no data.');
    case 'FAILED':
      return told('bad', 'Failed', 'The data could not be fetched.');
    case 'UNKNOWN':
    case null:
      return told('waiting', 'Unknown', 'How far the data is, is not known.');
  }
}

function sessionStanding(session: Session, waitingUntil: string | null): Standing {
  switch (session.status) {
    case 'REQUESTED':
      return {
        tone: 'waiting',
        badge: 'Asking',
        sentence: 'A link to your bank is being asked for.',
        actions: [],
      };
    case 'LINK_ISSUED': {
      const go = address(session.url);
      return {
        tone: 'wanted',
        badge: 'Waiting for you',
        sentence: 'A link to your bank is open. Go on there, or give it up.',
        actions: [
          ...(go === null ? [] : [{ kind: 'go', label: 'Continue at your bank', url: go } as const]),
          { kind: 'cancel reauth', label: 'Give up', session: session.id },
        ],
      };
    }
    case 'AUTHORIZED':
      return fetching(waitingUntil, 'Your bank has your consent. ');
    // The gateway offers none of these as active; if it ever does, their data is what is known.
    case 'COMPLETED':
    case 'FAILED':
    case 'EXPIRED':
    case 'CANCELLED':
    case 'SUPERSEDED':
      return { tone: 'waiting', badge: 'Ended', sentence: lastAttempt(session).trim(), actions: [] };
  }
}

function fetching(until: string | null, before = ''): Standing {
  const latest = until === null ? '' : `, until ${time(until)} at the latest`;
  const sentence = `${before}The data is being fetched${latest}.`;
  return { tone: 'waiting', badge: 'Fetching', sentence, actions: [] };
}

function lastAttempt(session: Session | undefined): string {
  switch (session?.status) {
    case 'FAILED':
      return ` The last attempt failed. ${sentence(session.failure?.message ?? '')}`.trimEnd();
    case 'EXPIRED':
      return ' The last link was not used in time.';
    case 'CANCELLED':
      return ' The last attempt was given up.';
    case 'REQUESTED':
    case 'LINK_ISSUED':
    case 'AUTHORIZED':
    case 'COMPLETED':
    case 'SUPERSEDED':
    case undefined:
      return '';
  }
}

export function linkStanding(link: Link): Standing {
  const dismiss = { kind: 'dismiss link', label: 'Dismiss', link: link.id } as const;
  switch (link.status) {
    case 'REQUESTED':
      return { tone: 'waiting', badge: 'Asking', sentence: 'A link is being asked for.', actions: [] };
    case 'LINK_ISSUED': {
      const go = address(link.url);
      return {
        tone: 'wanted',
        badge: 'Waiting for you',
        sentence: 'A new account is being linked. Go on at your bank, or give it up.',
        actions: [
          ...(go === null ? [] : [{ kind: 'go', label: 'Continue at your bank', url: go } as const]),
          { kind: 'cancel link', label: 'Give up', link: link.id },
        ],
      };
    }
    case 'CONNECTED':
      return {
        tone: 'waiting',
        badge: 'Linked',
        sentence: 'The new account is linked; its data is being fetched.',
        actions: [],
      };
    case 'COMPLETED':
      return {
        tone: 'good',
        badge: 'Linked',
        sentence: 'The new account is linked, and its data is here.',
        actions: [dismiss],
      };
    case 'FAILED': {
      const why = sentence(link.failure?.message ?? '');
      const text = `The account was not linked. ${why}`.trimEnd();
      return { tone: 'bad', badge: 'Failed', sentence: text, actions: [dismiss] };
    }
    case 'EXPIRED':
      return {
        tone: 'bad',
        badge: 'Expired',
        sentence: 'The link was not used in time.',
        actions: [dismiss],
      };
    case 'CANCELLED':
      return {
        tone: 'bad',
        badge: 'Given up',
        sentence: 'Linking was given up.',
        actions: [dismiss],
      };
  }
}

/** Says nothing that the address alone claims: that it went well, only the gateway may say. */
function notice({ returned }: State): string | null {
  if (returned === null) return null;
  if (returned.about === undefined) return 'You are back. Asking how it went …';
  if (returned.about === null) return 'You are back. The list below is how things stand.';
  if (returned.outcome === 'linked') return 'You are back. Your bank’s confirmation is awaited.';
  return returned.reason === 'widget_closed'
    ? 'You left your bank before the end. Nothing was changed; try again when you like.'
    : 'It did not work out at your bank. Nothing was changed; try again when you like.';
}

function said(state: State, news: News): string {
  switch (news.kind) {
    case 'connection':
      return state.connection === 'lost'
        ? 'The connection is lost. Trying again.'
        : 'The connection is back.';
    case 'link': {
      const link = state.links[news.link];
      return link === undefined ? '' : linkStanding(link).sentence;
    }
    case 'account': {
      const account = state.accounts[news.account];
      if (account === undefined) return '';
      const { title, subtitle, badge, sentence } = card(state, account);
      return `${title}, ${subtitle}: ${badge}. ${sentence}`;
    }
  }
}

function shownList({ page, loading, shown, problem }: Transactions): List {
  const items = (shown?.nodes ?? []).map((item) => ({
    id: item.id,
    narration: item.narration ?? 'No text',
    date: day(item.date),
    amount: `${item.type === 'CREDIT' ? '+' : '−'}${money(item.amount)}`,
    credit: item.type === 'CREDIT',
  }));
  return {
    freshness: shown === null ? null : freshness(shown.freshness),
    isFresh: shown?.freshness.state === 'FRESH',
    items,
    older: shown?.nextPage ?? null,
    newer: shown?.previousPage ?? null,
    place: shown === null ? null : place(shown),
    loading,
    problem,
    page,
  };
}

type Shown = NonNullable<Transactions['shown']>;

function place({ page, totalCount }: Shown): string {
  return totalCount === null ? `Page ${page}` : `Page ${page} of ${Math.max(1, Math.ceil(totalCount / 10))}`;
}

function freshness({ state, asOf, reason }: Shown['freshness']): string {
  const when = asOf === null ? '' : ` as of ${time(asOf)}`;
  const because = reason === null ? '' : `: ${REASONS[reason]}`;
  switch (state) {
    case 'FRESH':
      return `Fresh${when}`;
    case 'STALE':
      return `Older than it should be,${when}${because}`;
    case 'NOT_READY':
      return `Not here yet${because}`;
  }
}

const REASONS = {
  PROCESSING: 'the data is being fetched',
  REAUTH_REQUIRED: 'your bank asks for your consent again',
  SYNC_FAILED: 'the last refresh failed',
  PARTIAL: 'only a part was fetched',
  UNAVAILABLE: 'the bank gave nothing',
  FAILED: 'fetching failed',
  UNKNOWN: 'how far the data is, is not known',
} as const;

/** An address that a browser may be sent to; whatever else it was would be run or opened here. */
export function address(url: string | null): string | null {
  return url !== null && /^https?:\/\//i.test(url) ? url : null;
}

function money({ decimal, currency }: { readonly decimal: string; readonly currency: string }) {
  const format = new Intl.NumberFormat(LOCALE, {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
  });
  // As a text, because a number would be rounded beyond 2^53; this format takes it exactly.
  return format.format(decimal as Intl.StringNumericLiteral);
}

function time(text: string): string {
  return new Date(text).toLocaleString(LOCALE, { dateStyle: 'medium', timeStyle: 'short' });
}

function day(text: string): string {
  return new Date(text).toLocaleDateString(LOCALE, { dateStyle: 'medium' });
}

function sentence(text: string): string {
  if (text === '') return '';
  const ended = /[.!?]$/.test(text) ? text : `${text}.`;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}
