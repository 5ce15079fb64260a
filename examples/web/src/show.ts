// What to show of a state: sentences and actions, but no elements. Pure, like state.ts.

import { day, money, time } from './format.ts';
import type { Account, News, State, Transactions } from './model.ts';
import { accountStanding, linkStanding } from './standing.ts';
import type { Standing, Tone } from './standing.ts';

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
  readonly demo: boolean;
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

export function show(state: State): View {
  // Events may tell of an account before its name was read.
  const accounts = state.loaded ? Object.values(state.accounts) : [];
  const cards = accounts.map((account) => card(state, account));
  const needYou = cards.filter(({ needsYou }) => needsYou);
  return {
    title: needYou.length > 0 ? `(${needYou.length}) Bank accounts` : 'Bank accounts',
    demo: state.demo,
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
  const number = details?.accountNumber ? `••••\u00a0${details.accountNumber.slice(-4)}` : null;
  // Otherwise it would be called as the account that took its place.
  const earlier = kept.replacedBy === null ? null : 'earlier link';
  const standing = accountStanding(kept);
  return {
    id: kept.id,
    title: details?.institution?.name ?? 'Bank account',
    subtitle: [holder ?? kept.id, number, earlier].filter(Boolean).join(' · '),
    balance: details?.balance ? money(details.balance) : null,
    ...standing,
    needsYou: standing.tone === 'wanted',
    busy: state.busy.includes(kept.id),
    problem: state.problems[kept.id] ?? null,
    list: list === undefined ? null : shownList(list),
  };
}

/** Says nothing that the address alone claims: that it went well, only the gateway may say. */
function notice({ returned }: State): string | null {
  if (returned === null) return null;
  if (returned.about === undefined) return 'You are back. Asking how it went …';
  if (returned.about === null) return 'You are back. The list below is how things stand.';
  if (returned.outcome === 'linked') return 'You are back. Your bank’s confirmation is awaited.';
  return returned.reason === 'widget_closed'
    ? 'You left your bank before the end. Try again when you like.'
    : 'It did not work out at your bank. Try again when you like.';
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
  return totalCount === null
    ? `Page ${page}`
    : `Page ${page} of ${Math.max(1, Math.ceil(totalCount / 10))}`;
}

function freshness({ state, asOf, reason }: Shown['freshness']): string {
  const when = asOf === null ? '' : ` as of ${time(asOf)}`;
  const because = reason === null ? '' : `: ${REASONS[reason]}`;
  switch (state) {
    case 'FRESH':
      return `Fresh${when}`;
    case 'STALE':
      return `Older than it should be${when === '' ? '' : `,${when}`}${because}`;
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
