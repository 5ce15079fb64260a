// Accounts, sessions and links as the gateway tells them, for the tests beside this file.

import { INITIAL, reduce } from '../.build/state.js';

export const session = (status, more = {}) => ({
  id: 'reauth_1',
  reference: 'ref-1',
  status,
  url: status === 'LINK_ISSUED' ? 'https://bank.example.test/1' : null,
  failure: null,
  ...more,
});

export const link = (status, more = {}) => ({
  id: 'link_1',
  reference: 'ref-2',
  status,
  url: status === 'LINK_ISSUED' ? 'https://bank.example.test/2' : null,
  failure: null,
  account: null,
  ...more,
});

export const kept = ({
  version = 1,
  status = 'AVAILABLE',
  required,
  active,
  last,
  ...more
} = {}) => ({
  id: 'acc_1',
  version,
  dataStatus: status,
  replacedBy: null,
  sync: { asOf: '2026-02-03T10:00:00.000Z', waitingUntil: null, failure: null },
  reauth: {
    required: required ?? false,
    since: required ? '2026-02-03T11:00:00.000Z' : null,
    active: active ?? null,
    sessions: { nodes: last ? [last] : active ? [active] : [] },
  },
  ...more,
});

export const DETAILS = {
  name: 'ADA TEST',
  accountNumber: '0123456789',
  balance: { decimal: '90071992547409.93', currency: 'NGN' },
  institution: { name: 'Example Bank' },
};

export const page = (state, more = {}) => ({
  nodes: [],
  page: 1,
  nextPage: null,
  previousPage: null,
  totalCount: 0,
  freshness: { state, asOf: null, reason: null },
  ...more,
});

export const read = (...accounts) => ({
  type: 'accounts read',
  demo: false,
  accounts: accounts.map((one) => ({ kept: one, details: DETAILS })),
});

/** The state after these events, and what was asked for at the last of them. */
export function after(...events) {
  return events.reduce(({ state }, event) => reduce(state, event), { state: INITIAL, effects: [] });
}
