// How accounts, sessions and links stand, in words, and what can be done about it.

import { sentence, time } from './format.ts';
import type { Kept, Link, Session } from './operations.ts';

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

/** How an account stands: whether it is of use first, then what is under way, then what is wanted, then what is there. */
export function accountStanding(kept: Kept): Standing {
  const { reauth, sync, dataStatus, replacedBy } = kept;
  if (replacedBy !== null) {
    return {
      tone: 'waiting',
      badge: 'Linked anew',
      sentence: 'The same account at the bank was linked again later: use that one.',
      actions: [],
    };
  }
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
      if (sync.failure !== null)
        return told('bad', 'Not refreshed', 'The data is older than it should be.');
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
          ...(go === null
            ? []
            : [{ kind: 'go', label: 'Continue at your bank', url: go } as const]),
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
      return {
        tone: 'waiting',
        badge: 'Ended',
        sentence: lastAttempt(session).trim(),
        actions: [],
      };
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
      return {
        tone: 'waiting',
        badge: 'Asking',
        sentence: 'A link is being asked for.',
        actions: [],
      };
    case 'LINK_ISSUED': {
      const go = address(link.url);
      return {
        tone: 'wanted',
        badge: 'Waiting for you',
        sentence: 'A new account is being linked. Go on at your bank, or give it up.',
        actions: [
          ...(go === null
            ? []
            : [{ kind: 'go', label: 'Continue at your bank', url: go } as const]),
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

/** An address that a browser may be sent to; whatever else it was would be run or opened here. */
export function address(url: string | null): string | null {
  return url !== null && /^https?:\/\//i.test(url) ? url : null;
}
