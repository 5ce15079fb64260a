// What is shown of a state: a table for each kind of thing.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { readReturn } from '../.build/return.js';
import { show } from '../.build/show.js';
import { accountStanding, address, linkStanding } from '../.build/standing.js';
import { after, kept, link, page, read, session } from './worlds.js';

const SYNC = { asOf: null, waitingUntil: null, failure: { message: 'the bank was down' } };
const ended = (status, more) => ({ required: true, last: session(status, more) });

describe('an account', () => {
  // what the gateway keeps; the badge, its tone, a piece of the sentence, what can be done
  for (const [name, of, badge, tone, piece, can] of [
    ['whose data is there', {}, 'Up to date', 'good', /are here. As of 3 Feb 2026, 10:00/, []],
    ['whose refresh failed', { sync: SYNC }, 'Not refreshed', 'bad', /The bank was down\./, []],
    ['of which a part is there', { status: 'PARTIAL' }, 'In part', 'bad', /Only a part/, []],
    [
      'that is being fetched',
      { status: 'PROCESSING' },
      'Fetching',
      'waiting',
      /being fetched\./,
      [],
    ],
    ['without data', { status: 'UNAVAILABLE' }, 'Not available', 'bad', /gave no data/, []],
    ['that failed', { status: 'FAILED' }, 'Failed', 'bad', /could not be fetched/, []],
    [
      'linked again',
      { required: true, replacedBy: { id: 'acc_2' } },
      'Linked anew',
      'waiting',
      /use that one/,
      [],
    ],
    ['in a new status', { status: 'UNKNOWN' }, 'Unknown', 'waiting', /is not known/, []],
    ['in no status', { status: null }, 'Unknown', 'waiting', /is not known/, []],
    [
      'that is wanted',
      { required: true },
      'Needs you',
      'wanted',
      /since 3 Feb 2026, 11:00\.$/,
      ['reauthorise'],
    ],
    [
      'tried in vain',
      ended('FAILED', { failure: { message: 'no link' } }),
      'Needs you',
      'wanted',
      /failed\. No link\.$/,
      ['reauthorise'],
    ],
    [
      'left too long',
      ended('EXPIRED'),
      'Needs you',
      'wanted',
      /not used in time\.$/,
      ['reauthorise'],
    ],
    ['given up', ended('CANCELLED'), 'Needs you', 'wanted', /was given up\.$/, ['reauthorise']],
    [
      'being asked for',
      { required: true, active: session('REQUESTED') },
      'Asking',
      'waiting',
      /being asked for/,
      [],
    ],
    [
      'with a link out',
      { required: true, active: session('LINK_ISSUED') },
      'Waiting for you',
      'wanted',
      /link .* is open/,
      ['go', 'cancel reauth'],
    ],
    [
      'with a link out that nobody asked for',
      { active: session('LINK_ISSUED') },
      'Waiting for you',
      'wanted',
      /is open/,
      ['go', 'cancel reauth'],
    ],
    [
      'that came back',
      { status: 'PROCESSING', active: session('AUTHORIZED') },
      'Fetching',
      'waiting',
      /has your consent\. .*fetched/,
      [],
    ],
  ]) {
    test(name, () => {
      const standing = accountStanding(kept(of));
      assert.deepEqual([standing.badge, standing.tone], [badge, tone]);
      assert.match(standing.sentence, piece);
      assert.deepEqual(
        standing.actions.map(({ kind }) => kind),
        can,
      );
    });
  }

  test('says until when it is waited for', () => {
    const sync = { ...SYNC, waitingUntil: '2026-02-03T10:30:00.000Z' };
    const { sentence } = accountStanding(kept({ status: 'PROCESSING', sync }));
    assert.equal(sentence, 'The data is being fetched, until 3 Feb 2026, 10:30 at the latest.');
  });

  test('is among those that need their customer, or among the others', () => {
    const wanted = kept({ id: 'acc_2', required: true });
    const { needYou, others, title } = show(after(read(kept(), wanted)).state);
    assert.deepEqual(
      [needYou, others].map((list) => list.map(({ id }) => id)),
      [['acc_2'], ['acc_1']],
    );
    assert.equal(title, '(1) Bank accounts');
  });

  test('is shown with money to the last kobo, and with four digits of its number', () => {
    const [card] = show(after(read(kept())).state).others;
    assert.equal(card.balance, '₦90,071,992,547,409.93');
    assert.match(card.subtitle, /^ADA TEST · ••••.6789$/u);
  });

  test('that was linked again is told from the one that took its place', () => {
    const again = kept({ id: 'acc_2' });
    const { others } = show(after(read(kept({ replacedBy: { id: 'acc_2' } }), again)).state);
    assert.match(others[0].subtitle, /· earlier link$/);
    assert.notEqual(others[0].subtitle, others[1].subtitle);
  });

  test('is shown by its id where Mono cannot be reached', () => {
    const unread = {
      type: 'accounts read',
      demo: true,
      accounts: [{ kept: kept(), details: null }],
    };
    const [card] = show(after(unread).state).others;
    assert.deepEqual([card.title, card.subtitle, card.balance], ['Bank account', 'acc_1', null]);
  });
});

describe('a link', () => {
  for (const [of, badge, tone, can] of [
    [link('REQUESTED'), 'Asking', 'waiting', []],
    [link('LINK_ISSUED'), 'Waiting for you', 'wanted', ['go', 'cancel link']],
    [link('CONNECTED'), 'Linked', 'waiting', []],
    [link('COMPLETED'), 'Linked', 'good', ['dismiss link']],
    [link('FAILED', { failure: { message: 'no' } }), 'Failed', 'bad', ['dismiss link']],
    [link('EXPIRED'), 'Expired', 'bad', ['dismiss link']],
    [link('CANCELLED'), 'Given up', 'bad', ['dismiss link']],
  ]) {
    test(of.status, () => {
      const standing = linkStanding(of);
      assert.deepEqual([standing.badge, standing.tone], [badge, tone]);
      assert.deepEqual(
        standing.actions.map(({ kind }) => kind),
        can,
      );
    });
  }
});

describe('an address', () => {
  for (const bad of ['javascript:alert(1)', 'data:text/html,x', '/graphql', '//x.test', '', null]) {
    test(`${bad} is nowhere to send anybody`, () => {
      assert.equal(address(bad), null);
      const active = session('LINK_ISSUED', { url: bad });
      const kinds = accountStanding(kept({ active })).actions.map(({ kind }) => kind);
      assert.deepEqual(kinds, ['cancel reauth']);
    });
  }
});

describe('a list of transactions', () => {
  const shown = (freshness, more) =>
    show(
      after(
        read(kept()),
        { type: 'open', account: 'acc_1', page: 1 },
        {
          type: 'page read',
          account: 'acc_1',
          asked: 1,
          page: { ...page('FRESH', more), freshness },
          problem: null,
        },
      ).state,
    ).others[0].list;
  const asOf = '2026-02-03T10:00:00.000Z';

  for (const [freshness, text] of [
    [{ state: 'FRESH', asOf, reason: null }, 'Fresh as of 3 Feb 2026, 10:00'],
    [
      { state: 'STALE', asOf, reason: 'SYNC_FAILED' },
      'Older than it should be, as of 3 Feb 2026, 10:00: the last refresh failed',
    ],
    [
      { state: 'STALE', asOf: null, reason: 'REAUTH_REQUIRED' },
      'Older than it should be: your bank asks for your consent again',
    ],
    [
      { state: 'NOT_READY', asOf: null, reason: 'PROCESSING' },
      'Not here yet: the data is being fetched',
    ],
  ]) {
    test(`that is ${freshness.state} says so: ${freshness.reason}`, () => {
      assert.equal(shown(freshness).freshness, text);
    });
  }

  test('says which way money went, and where the page lies', () => {
    const item = {
      id: 't',
      narration: null,
      date: asOf,
      amount: { decimal: '1500.50', currency: 'NGN' },
    };
    const list = shown(
      { state: 'FRESH', asOf, reason: null },
      {
        nodes: [
          { ...item, type: 'CREDIT' },
          { ...item, type: 'DEBIT' },
        ],
        totalCount: 21,
        nextPage: 2,
      },
    );
    assert.deepEqual(
      list.items.map(({ amount }) => amount),
      ['+₦1,500.50', '−₦1,500.50'],
    );
    assert.deepEqual([list.place, list.older, list.newer], ['Page 1 of 3', 2, null]);
  });
});

describe('the address after the bank', () => {
  // The worst that a forger can put there.
  const forged = 'http://gw.test/demo?status=linked&reason=account_linked&reference=x&code=code_1';

  test('is read, and cleaned of what was read alone', () => {
    assert.deepEqual(readReturn(`${forged}&tab=2#top`), {
      returned: { outcome: 'linked', reason: 'account_linked', reference: 'x', code: 'code_1' },
      address: '/demo?tab=2#top',
    });
  });

  for (const [query, returned] of [
    ['', null],
    ['?status=won&reference=x', null],
    ['?reference=x&code=y', null],
    ['?status=linked', { outcome: 'linked', reason: null, reference: null, code: null }],
    [
      '?status=failed&reason=<b>&reference=a%20b&code=%00',
      { outcome: 'failed', reason: null, reference: null, code: null },
    ],
    [
      `?status=failed&reason=widget_closed&reference=${'r'.repeat(65)}`,
      { outcome: 'failed', reason: 'widget_closed', reference: null, code: null },
    ],
  ]) {
    test(`with ${query || 'nothing'} is taken for what it may mean`, () => {
      const read = readReturn(`http://gw.test/demo${query}`);
      assert.deepEqual(read, { returned, address: '/demo' });
    });
  }

  test('promises nothing, whatever it says', () => {
    const back = { type: 'returned', returned: readReturn(forged).returned };
    const wanted = kept({ required: true, active: session('LINK_ISSUED', { reference: 'x' }) });
    const reauth = { account: 'acc_1', session: session('LINK_ISSUED') };
    const mine = { type: 'recognised', reauth, link: null };
    const nobodys = { type: 'recognised', reauth: null, link: null };
    for (const events of [[back], [back, mine], [back, nobodys]]) {
      const told = show(after(read(wanted), ...events).state);
      assert.match(told.notice, /^You are back\./);
      assert.equal(told.needYou[0].badge, 'Waiting for you');
      assert.doesNotMatch(JSON.stringify(told), /good|succe|linked,|up to date|confirmed/i);
    }
  });
});
