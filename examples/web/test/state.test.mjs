// The reducer, told one story after the other.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { reduce } from '../.build/state.js';
import { DETAILS, after, kept, link, page, read, session } from './worlds.js';

const dataChanged = (account, more) => ({
  type: 'data changed',
  change: { cursor: 'a.1', kind: 'CHANGE', to: account?.dataStatus ?? null, account, ...more },
});
const reauthChanged = (account, more) => ({
  type: 'reauth changed',
  change: { cursor: 'a.1', kind: 'CHANGE', reauthStatus: null, account, ...more },
});
const linkChanged = (of, more) => ({
  type: 'link changed',
  change: { cursor: 'a.1', kind: 'CHANGE', link: of, ...more },
});
const back = (outcome, more) => ({
  type: 'returned',
  returned: { outcome, reason: null, reference: 'ref-1', code: null, ...more },
});
const recognised = (more) => ({ type: 'recognised', reauth: null, link: null, ...more });

const open = kept({ required: true, active: session('LINK_ISSUED') });
const ours = { account: 'acc_1', session: session('LINK_ISSUED') };

describe('what the gateway says', () => {
  const resync = dataChanged(null, { kind: 'RESYNC' });

  test('a gap in what was told is filled by reading', () => {
    assert.deepEqual(after(resync).effects, [{ do: 'read accounts' }]);
    assert.deepEqual(after(reauthChanged(null, { kind: 'RESYNC' })).effects, [
      { do: 'read accounts' },
    ]);
    assert.deepEqual(after(linkChanged(null, { kind: 'RESYNC' })).effects, [{ do: 'read links' }]);
  });

  test('a second gap while reading is filled by reading once more, not by two at once', () => {
    const second = after(resync, resync);
    assert.deepEqual(second.effects, []);
    const third = reduce(reduce(second.state, resync).state, read(kept()));
    assert.deepEqual(third.effects, [{ do: 'read accounts' }]);
    const last = reduce(third.state, read(kept()));
    assert.deepEqual([last.effects, last.state.reading], [[], 'no']);
  });

  test('what was not read is read at the next gap, and the reason is kept until then', () => {
    const failed = after(resync, { type: 'accounts not read', problem: 'no' });
    assert.equal(failed.state.problems.accounts, 'no');
    const again = reduce(failed.state, resync);
    assert.deepEqual(again.effects, [{ do: 'read accounts' }]);
    assert.equal(reduce(again.state, read()).state.problems.accounts, undefined);
  });

  for (const [name, first, second] of [
    [
      'an answer that an event overtook',
      reauthChanged(kept({ version: 3, required: true })),
      read(kept({ version: 2 })),
    ],
    [
      'an event that an answer overtook',
      read(kept({ version: 3, required: true })),
      reauthChanged(kept({ version: 2 })),
    ],
    [
      'two events in the wrong order',
      reauthChanged(kept({ version: 3, required: true })),
      dataChanged(kept({ version: 2 })),
    ],
  ]) {
    test(`${name} does not undo what is newer`, () => {
      assert.equal(
        after(read(kept()), first, second).state.accounts.acc_1.kept.reauth.required,
        true,
      );
    });
  }

  test('an event keeps the name that was read', () => {
    const { state } = after(read(kept()), reauthChanged(kept({ version: 2, required: true })));
    assert.deepEqual(state.accounts.acc_1.details, DETAILS);
    assert.deepEqual(state.said, { kind: 'account', account: 'acc_1' });
  });

  test('a snapshot is no news', () => {
    assert.equal(after(read(kept()), dataChanged(kept(), { kind: 'SNAPSHOT' })).state.said, null);
  });

  test('an account that nobody knew is read', () => {
    const { effects } = after(read(), dataChanged(kept({ status: 'PROCESSING' })));
    assert.deepEqual(effects, [{ do: 'read account', account: 'acc_1' }]);
  });

  test('an account that is gone is gone, with its list', () => {
    const { state } = after(read(kept()), { type: 'open', account: 'acc_1', page: 1 }, read());
    assert.deepEqual([state.accounts, state.transactions], [{}, {}]);
  });

  test('data that came is read, and an open list again at its page', () => {
    const listed = after(read(kept()), { type: 'open', account: 'acc_1', page: 3 }).state;
    assert.deepEqual(reduce(listed, dataChanged(kept({ version: 2 }))).effects, [
      { do: 'read account', account: 'acc_1' },
      { do: 'read page', account: 'acc_1', page: 3, asked: 2 },
    ]);
    // Consent alone changes no transactions.
    assert.deepEqual(reduce(listed, reauthChanged(kept({ version: 2 }))).effects, []);
  });

  test('losing the connection is told once, and finding it again', () => {
    const said = (...all) => after(...all.map((to) => ({ type: 'connection', to }))).state.said;
    assert.equal(said('live'), null);
    assert.deepEqual(said('live', 'lost'), { kind: 'connection' });
    const lost = after({ type: 'connection', to: 'lost' }).state;
    assert.equal(reduce(lost, { type: 'connection', to: 'lost' }).state.said, lost.said);
  });
});

describe('transactions', () => {
  const opened = after(read(kept()), { type: 'open', account: 'acc_1', page: 1 });
  const answer = (asked, more) => ({
    type: 'page read',
    account: 'acc_1',
    asked,
    page: null,
    problem: null,
    ...more,
  });

  test('an answer to an earlier question is dropped', () => {
    const turned = reduce(opened.state, { type: 'open', account: 'acc_1', page: 2 });
    const late = reduce(turned.state, answer(1, { page: page('FRESH') })).state.transactions.acc_1;
    assert.deepEqual([late.loading, late.shown, late.page], [true, null, 2]);
    const right = reduce(turned.state, answer(2, { page: page('FRESH', { page: 2 }) }));
    assert.equal(right.state.transactions.acc_1.shown.page, 2);
  });

  test('a page that could not be read leaves the one before on show', () => {
    const shown = reduce(opened.state, answer(1, { page: page('FRESH') })).state;
    const turned = reduce(shown, { type: 'open', account: 'acc_1', page: 2 }).state;
    const failed = reduce(turned, answer(2, { problem: 'no' })).state.transactions.acc_1;
    assert.deepEqual([failed.problem, failed.shown.page, failed.loading], ['no', 1, false]);
  });

  test('an answer to a list that was closed opens nothing', () => {
    const closed = reduce(opened.state, { type: 'close', account: 'acc_1' }).state;
    assert.deepEqual(reduce(closed, answer(1, { page: page('FRESH') })).state.transactions, {});
  });
});

describe('what is pressed', () => {
  const pressed = after(read(kept({ required: true })), { type: 'reauthorise', account: 'acc_1' });

  test('is asked for once, however often it is pressed', () => {
    assert.deepEqual(pressed.effects, [{ do: 'initiate reauth', account: 'acc_1' }]);
    assert.deepEqual(reduce(pressed.state, { type: 'reauthorise', account: 'acc_1' }).effects, []);
  });

  test('stays pressed while the browser leaves, and no longer', () => {
    const url = 'https://bank.example.test/1';
    const leaving = reduce(pressed.state, { type: 'done', key: 'acc_1', goTo: url });
    assert.deepEqual(leaving.effects, [{ do: 'leave', url }]);
    assert.deepEqual(leaving.state.busy, ['acc_1']);
    assert.deepEqual(reduce(leaving.state, { type: 'shown again' }).state.busy, []);
  });

  test('says why it was not done, until it is pressed again', () => {
    const failed = reduce(pressed.state, { type: 'not done', key: 'acc_1', problem: 'no' }).state;
    assert.deepEqual([failed.busy, failed.problems], [[], { acc_1: 'no' }]);
    assert.deepEqual(reduce(failed, { type: 'reauthorise', account: 'acc_1' }).state.problems, {});
  });
});

describe('linking', () => {
  const begun = after(
    { type: 'link', name: 'Ada', email: 'ada@example.test' },
    {
      type: 'done',
      key: 'link',
      link: link('LINK_ISSUED'),
      goTo: 'https://bank.example.test/2',
    },
  );

  test('a link is remembered before the browser leaves', () => {
    assert.deepEqual(begun.effects, [
      { do: 'remember links', links: ['link_1'] },
      { do: 'leave', url: 'https://bank.example.test/2' },
    ]);
  });

  test('a link only moves on, in whatever order it is told', () => {
    const done = reduce(begun.state, linkChanged(link('COMPLETED'))).state;
    const late = reduce(done, { type: 'link read', id: 'link_1', link: link('LINK_ISSUED') }).state;
    assert.equal(late.links.link_1.status, 'COMPLETED');
    // A link that was given up may still succeed: Mono's word beats the page's.
    const given = reduce(begun.state, linkChanged(link('CANCELLED'))).state;
    assert.equal(
      reduce(given, linkChanged(link('CONNECTED'))).state.links.link_1.status,
      'CONNECTED',
    );
  });

  test('the account that a link led to is read', () => {
    const to = link('CONNECTED', { account: { id: 'acc_9' } });
    assert.deepEqual(reduce(begun.state, linkChanged(to)).effects, [
      { do: 'read account', account: 'acc_9' },
    ]);
  });

  test('a link that is through may have taken the place of an account: all are read', () => {
    const connected = reduce(begun.state, linkChanged(link('CONNECTED')));
    assert.deepEqual(connected.effects, []);
    const through = reduce(connected.state, linkChanged(link('COMPLETED')));
    assert.deepEqual(through.effects, [{ do: 'read accounts' }]);
    assert.deepEqual(reduce(through.state, linkChanged(link('COMPLETED'))).effects, []);
  });

  test('a link that the gateway does not know is forgotten', () => {
    const { state, effects } = reduce(begun.state, { type: 'link read', id: 'link_1', link: null });
    assert.deepEqual([state.links, effects], [{}, [{ do: 'remember links', links: [] }]]);
  });

  test('a link of another window is left to it', () => {
    assert.deepEqual(after(linkChanged(link('LINK_ISSUED'))).state.links, {});
  });
});

describe('the return from the bank', () => {
  test('only asks the gateway whose it is', () => {
    const { state, effects } = after(read(open), back('linked', { code: 'code_1' }));
    assert.deepEqual(effects, [{ do: 'recognise', reference: 'ref-1' }]);
    assert.deepEqual(state.accounts.acc_1.kept, open);
  });

  test('without a reference asks nothing', () => {
    const { state, effects } = after(back('linked', { reference: null, code: 'code_1' }));
    assert.deepEqual([effects, state.returned.about], [[], null]);
  });

  test('of nobody we know does nothing', () => {
    const { state, effects } = after(back('linked', { code: 'code_1' }), recognised());
    assert.deepEqual([effects, state.returned.about], [[], null]);
  });

  // outcome, how the session stands, what is done, whether the sentence stays
  for (const [outcome, status, done, stays] of [
    ['linked', 'LINK_ISSUED', [], true],
    ['linked', 'AUTHORIZED', [], false],
    ['linked', 'COMPLETED', [], false],
    ['linked', 'FAILED', [], false],
    ['failed', 'LINK_ISSUED', ['cancel reauth'], true],
    ['failed', 'AUTHORIZED', [], false],
    ['failed', 'COMPLETED', [], false],
    ['failed', 'CANCELLED', [], false],
  ]) {
    test(`from a re-authorisation that is ${status}, saying ${outcome}`, () => {
      const reauth = { account: 'acc_1', session: session(status) };
      const { state, effects } = after(read(open), back(outcome), recognised({ reauth }));
      assert.deepEqual(
        effects.map((effect) => effect.do),
        done,
      );
      assert.equal(state.returned !== null, stays);
      // Whatever it says, how things stand is as the gateway said.
      assert.deepEqual(state.accounts.acc_1.kept, open);
    });
  }

  // outcome, code, how the link stands, what is done
  for (const [outcome, code, status, done] of [
    ['linked', 'code_1', 'LINK_ISSUED', ['complete link']],
    ['linked', 'code_1', 'CONNECTED', ['complete link']],
    ['linked', 'code_1', 'COMPLETED', []],
    ['linked', 'code_1', 'CANCELLED', []],
    ['linked', null, 'LINK_ISSUED', []],
    ['failed', 'code_1', 'LINK_ISSUED', ['cancel link']],
    ['failed', null, 'COMPLETED', []],
  ]) {
    test(`from a link that is ${status}, saying ${outcome} ${code ? 'with' : 'without'} a code`, () => {
      const { effects } = after(back(outcome, { code }), recognised({ link: link(status) }));
      const beside = ['remember links', 'read account'];
      assert.deepEqual(
        effects.map((one) => one.do).filter((one) => !beside.includes(one)),
        done,
      );
    });
  }

  test('passes its reason on to the gateway', () => {
    const failed = back('failed', { reason: 'widget_closed' });
    assert.deepEqual(after(read(open), failed, recognised({ reauth: ours })).effects, [
      { do: 'cancel reauth', account: 'acc_1', session: 'reauth_1', reason: 'widget_closed' },
    ]);
  });

  test('is dropped once the gateway hears from Mono', () => {
    for (const outcome of ['linked', 'failed']) {
      const waiting = after(read(open), back(outcome), recognised({ reauth: ours })).state;
      assert.notEqual(waiting.returned, null);
      const authorised = kept({ version: 2, active: session('AUTHORIZED') });
      assert.equal(reduce(waiting, reauthChanged(authorised)).state.returned, null, outcome);
    }
  });

  test('is dropped by whatever is pressed next', () => {
    const waiting = after(read(open), back('failed'), recognised({ reauth: ours })).state;
    assert.equal(reduce(waiting, { type: 'reauthorise', account: 'acc_1' }).state.returned, null);
  });
});
