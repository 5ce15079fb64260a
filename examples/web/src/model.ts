// What the page knows, what can happen to it, and what it can ask for.

import type {
  DataStatusChangesData,
  Details,
  Kept,
  Link,
  LinkChangesData,
  ReauthChangesData,
  Session,
  TransactionsData,
} from './operations.ts';
import type { Returned } from './return.ts';

export type Connection = 'connecting' | 'live' | 'lost';

export type Account = { readonly kept: Kept; readonly details: Details | null };

export type Page = NonNullable<NonNullable<TransactionsData['account']>['transactions']>;

/** An open list of transactions. */
export type Transactions = {
  /** The page that is shown or on its way. */
  readonly page: number;
  /** Counts the questions, so that an answer to an earlier one is known and dropped. */
  readonly asked: number;
  readonly loading: boolean;
  /** The newest answer; kept on show while a newer one is on its way. */
  readonly shown: Page | null;
  readonly problem: string | null;
};

/** Which session of ours a return belongs to: the gateway's word, by the reference. */
export type About =
  | { readonly kind: 'reauth'; readonly account: string; readonly session: string }
  | { readonly kind: 'link'; readonly link: string };

export type State = {
  readonly connection: Connection;
  /** Whether the accounts are being read, and whether that must be done again after. */
  readonly reading: 'no' | 'yes' | 'again';
  /** False until they were read once. */
  readonly loaded: boolean;
  /** Whether everything is invented. */
  readonly demo: boolean;
  /** By id, in the gateway's order. */
  readonly accounts: Readonly<Record<string, Account>>;
  /** By id, oldest first. */
  readonly links: Readonly<Record<string, Link>>;
  /** Of the accounts whose list is open. */
  readonly transactions: Readonly<Record<string, Transactions>>;
  /** What was pressed and is not answered: an account's id, a session's, or `link`. */
  readonly busy: readonly string[];
  /** Why what was pressed was not done, by the same keys; `accounts` for reading. */
  readonly problems: Readonly<Record<string, string>>;
  /** `about` is undefined until the gateway has said whose it is; null if nobody's. */
  readonly returned: (Returned & { readonly about?: About | null }) | null;
  /** The newest change, for those who do not see it. */
  readonly said: News | null;
};

/** Something that changed; `show.ts` has the words. */
export type News =
  | { readonly kind: 'account'; readonly account: string }
  | { readonly kind: 'link'; readonly link: string }
  | { readonly kind: 'connection' };

export type Event =
  | { readonly type: 'connection'; readonly to: Connection }
  | {
      readonly type: 'accounts read';
      readonly accounts: readonly Account[];
      readonly demo: boolean;
    }
  | { readonly type: 'accounts not read'; readonly problem: string }
  | { readonly type: 'account read'; readonly account: Account }
  | { readonly type: 'data changed'; readonly change: DataStatusChangesData['dataStatusChanged'] }
  | { readonly type: 'reauth changed'; readonly change: ReauthChangesData['reauthChanged'] }
  | { readonly type: 'link changed'; readonly change: LinkChangesData['linkChanged'] }
  | { readonly type: 'link read'; readonly link: Link | null; readonly id: string }
  | { readonly type: 'reauthorise'; readonly account: string }
  | { readonly type: 'cancel reauth'; readonly account: string; readonly session: string }
  | { readonly type: 'link'; readonly name: string; readonly email: string }
  | { readonly type: 'cancel link'; readonly link: string }
  | { readonly type: 'dismiss link'; readonly link: string }
  | { readonly type: 'done'; readonly key: string; readonly link?: Link; readonly goTo?: string }
  | { readonly type: 'not done'; readonly key: string; readonly problem: string }
  | { readonly type: 'open'; readonly account: string; readonly page: number }
  | { readonly type: 'close'; readonly account: string }
  | {
      readonly type: 'page read';
      readonly account: string;
      readonly asked: number;
      readonly page: Page | null;
      readonly problem: string | null;
    }
  | { readonly type: 'returned'; readonly returned: Returned }
  | {
      readonly type: 'recognised';
      readonly reauth: { readonly account: string; readonly session: Session } | null;
      readonly link: Link | null;
    }
  | { readonly type: 'dismiss return' }
  | { readonly type: 'shown again' };

export type Effect =
  | { readonly do: 'read accounts' }
  | { readonly do: 'read account'; readonly account: string }
  | { readonly do: 'read links' }
  | {
      readonly do: 'read page';
      readonly account: string;
      readonly page: number;
      readonly asked: number;
    }
  | { readonly do: 'initiate reauth'; readonly account: string }
  | {
      readonly do: 'cancel reauth';
      readonly account: string;
      readonly session: string;
      readonly reason: string;
    }
  | { readonly do: 'initiate link'; readonly name: string; readonly email: string }
  | { readonly do: 'cancel link'; readonly link: string; readonly reason: string }
  | { readonly do: 'complete link'; readonly link: string; readonly code: string }
  | { readonly do: 'recognise'; readonly reference: string }
  | { readonly do: 'remember links'; readonly links: readonly string[] }
  | { readonly do: 'leave'; readonly url: string };

export type Step = { readonly state: State; readonly effects: readonly Effect[] };
