// Elements for what show.ts says. Nothing is decided here.

import { h, render } from './dom.ts';
import type { Node } from './dom.ts';
import type { Event as PageEvent } from './model.ts';
import type { Card, LinkCard, List, View } from './show.ts';
import type { Action } from './standing.ts';

type Dispatch = (event: PageEvent) => void;

export function draw(page: Element, view: View, dispatch: Dispatch): void {
  document.title = view.title;
  const focused = document.activeElement;
  render(page, [header(view), notice(view, dispatch), main(view, dispatch)]);
  refocus(focused);
}

/** An element's id: of whose card, and what it is there. No blanks, which would part it in two. */
const named = (whose: string, what: string) =>
  `${encodeURIComponent(whose)}:${what.replaceAll(' ', '-')}`;

/** A card that moved to another list is made anew: the focus follows it there. */
function refocus(before: Element | null): void {
  if (before === null || before.isConnected || before.id === '') return;
  const heading = before.id.replace(/:.*/, ':title');
  (document.getElementById(before.id) ?? document.getElementById(heading))?.focus();
}

function header({ connection, demo, said }: View): Node {
  return h(
    'header',
    { key: 'header' },
    h('h1', {}, 'Bank accounts'),
    h(
      'div',
      { key: 'marks', class: 'marks' },
      demo && h('p', { key: 'demo', class: 'badge wanted' }, 'Demo: invented data'),
      h(
        'p',
        { key: 'connection', class: `badge ${connection.tone}`, id: 'connection' },
        connection.text,
      ),
    ),
    h('p', { class: 'for-readers', role: 'status', id: 'said' }, said),
  );
}

function notice(view: View, dispatch: Dispatch): Node {
  const dismiss = {
    id: 'dismiss-notice',
    type: 'button',
    onclick: () => dispatch({ type: 'dismiss return' }),
  };
  return h(
    'div',
    { key: 'notice', id: 'notice', role: 'status' },
    view.notice !== null &&
      h('div', { class: 'notice' }, h('p', {}, view.notice), h('button', dismiss, 'Dismiss')),
  );
}

function main(view: View, dispatch: Dispatch): Node {
  const { links, needYou, others } = view;
  const cards = (list: readonly Card[]) => list.map((one) => card(one, dispatch));
  return h(
    'main',
    { key: 'main' },
    h(
      'div',
      { key: 'accounts', class: 'accounts' },
      view.problem !== null && problem(view.problem),
      view.loading && h('p', { key: 'loading', class: 'loading' }, 'Loading …'),
      links.length > 0 &&
        section(
          'being-linked',
          'Being linked',
          links.map((one) => linkCard(one, dispatch)),
        ),
      needYou.length > 0 && section('need-you', 'Accounts that need you', cards(needYou)),
      others.length > 0 && section('all-well', 'Other accounts', cards(others)),
      !view.loading &&
        view.problem === null &&
        needYou.length + others.length === 0 &&
        h('p', { key: 'none', class: 'loading' }, 'No account is linked yet.'),
    ),
    h('aside', { key: 'aside', 'aria-labelledby': 'link-title' }, linkForm(view, dispatch)),
  );
}

function section(id: string, title: string, cards: readonly Node[]): Node {
  return h(
    'section',
    { key: id, 'aria-labelledby': id },
    h('h2', { id }, title),
    h('ul', { class: 'cards', role: 'list' }, cards),
  );
}

function card(one: Card, dispatch: Dispatch): Node {
  const title = named(one.id, 'title');
  return h(
    'li',
    { key: one.id, class: 'card', 'data-account': one.id, 'aria-labelledby': title },
    h(
      'div',
      { class: 'top' },
      h('h3', { id: title, tabindex: '-1' }, one.title),
      one.balance !== null &&
        h('p', { class: 'balance' }, h('span', { class: 'for-readers' }, 'Balance '), one.balance),
      h('p', { key: 'subtitle', class: 'subtitle' }, one.subtitle),
    ),
    h('p', { class: 'standing' }, badge(one), ' ', one.sentence),
    one.problem !== null && problem(one.problem),
    h(
      'div',
      { key: 'actions', class: 'actions' },
      one.actions.map((action) => button(action, one, dispatch, one.id)),
      toggle(one, dispatch),
    ),
    one.list !== null && transactions(one, one.list, dispatch),
  );
}

function linkCard(one: LinkCard, dispatch: Dispatch): Node {
  const link = { id: one.id, title: 'New account', subtitle: '', busy: one.busy };
  const title = named(one.id, 'title');
  return h(
    'li',
    { key: one.id, class: 'card', 'data-link': one.id, 'aria-labelledby': title },
    h('h3', { id: title, tabindex: '-1' }, link.title),
    h('p', { class: 'standing' }, badge(one), ' ', one.sentence),
    one.problem !== null && problem(one.problem),
    one.actions.length > 0 &&
      h(
        'div',
        { key: 'actions', class: 'actions' },
        one.actions.map((action) => button(action, link, dispatch, one.id)),
      ),
  );
}

const badge = ({ tone, badge: text }: Pick<Card, 'tone' | 'badge'>) =>
  h('strong', { class: `badge ${tone}` }, text);

const problem = (text: string) => h('p', { key: 'problem', class: 'problem', role: 'alert' }, text);

type Named = Pick<Card, 'id' | 'title' | 'subtitle' | 'busy'>;

/** A word for those who hear one button after the other, without what stands around them. */
const whose = ({ title, subtitle }: Named) =>
  h('span', { class: 'for-readers' }, ` ${[title, subtitle].filter(Boolean).join(', ')}`);

function button(action: Action, of: Named, dispatch: Dispatch, account: string): Node {
  const onward = action.kind === 'go' || action.kind === 'reauthorise';
  const shared = { key: action.kind, id: named(of.id, action.kind), class: onward ? 'first' : '' };
  if (action.kind === 'go') {
    return h('a', { ...shared, href: action.url, rel: 'noreferrer' }, action.label, whose(of));
  }
  const press = () => {
    switch (action.kind) {
      case 'reauthorise':
        return dispatch({ type: 'reauthorise', account });
      case 'cancel reauth':
        return dispatch({ type: 'cancel reauth', account, session: action.session });
      case 'cancel link':
        return dispatch({ type: 'cancel link', link: action.link });
      case 'dismiss link':
        return dispatch({ type: 'dismiss link', link: action.link });
    }
  };
  return h('button', { ...shared, ...pressable(of.busy, press) }, action.label, whose(of));
}

/** What may not be pressed stays where it is and keeps the focus. */
function pressable(busy: boolean, press: () => void) {
  const onclick = () => {
    if (!busy) press();
  };
  return { type: 'button', 'aria-disabled': busy ? 'true' : undefined, onclick };
}

function toggle(one: Card, dispatch: Dispatch): Node {
  const opened = one.list !== null;
  const press = () =>
    opened
      ? dispatch({ type: 'close', account: one.id })
      : dispatch({ type: 'open', account: one.id, page: 1 });
  return h(
    'button',
    {
      key: 'toggle',
      id: named(one.id, 'toggle'),
      ...pressable(false, press),
      'aria-expanded': String(opened),
      'aria-controls': opened ? named(one.id, 'list') : undefined,
    },
    'Transactions',
    whose(one),
  );
}

function transactions(one: Card, list: List, dispatch: Dispatch): Node {
  const turn = (page: number | null, name: string) => {
    const press = () => dispatch({ type: 'open', account: one.id, page: page ?? list.page });
    const to = pressable(page === null || list.loading, press);
    return h('button', { key: name, id: named(one.id, name), ...to }, name, whose(one));
  };
  const again = () => dispatch({ type: 'open', account: one.id, page: list.page });
  return h(
    'div',
    {
      key: 'list',
      id: named(one.id, 'list'),
      class: 'transactions',
      role: 'group',
      'aria-label': `Transactions, ${one.title}, ${one.subtitle}`,
      'aria-busy': String(list.loading),
    },
    list.freshness !== null &&
      h(
        'p',
        { key: 'freshness', class: `freshness ${list.isFresh ? 'good' : 'bad'}` },
        list.freshness,
      ),
    list.problem !== null && problem(list.problem),
    list.problem !== null &&
      h(
        'button',
        { key: 'again', id: named(one.id, 'again'), ...pressable(false, again) },
        'Try again',
        whose(one),
      ),
    list.freshness === null &&
      list.loading &&
      h('p', { key: 'loading', class: 'loading' }, 'Loading …'),
    list.freshness !== null &&
      list.items.length === 0 &&
      h('p', { key: 'none', class: 'loading' }, 'No transactions.'),
    list.items.length > 0 &&
      h(
        'ul',
        { key: 'items', class: 'items', role: 'list' },
        list.items.map((item) =>
          h(
            'li',
            { key: item.id },
            h('span', { class: 'narration' }, item.narration),
            h('span', { class: 'date' }, item.date),
            h(
              'span',
              { class: `amount${item.credit ? ' good' : ''}` },
              h('span', { class: 'for-readers' }, item.credit ? 'received ' : 'paid '),
              item.amount,
            ),
          ),
        ),
      ),
    list.place !== null &&
      h(
        'div',
        { key: 'pager', class: 'pager' },
        turn(list.newer, 'Newer'),
        h('span', {}, list.place),
        turn(list.older, 'Older'),
      ),
  );
}

function linkForm(view: View, dispatch: Dispatch): Node {
  const onsubmit = (event: Event) => {
    event.preventDefault();
    if (view.linkBusy) return;
    const written = new FormData(event.target as HTMLFormElement);
    const text = (name: string) => String(written.get(name) ?? '').trim();
    dispatch({ type: 'link', name: text('name'), email: text('email') });
  };
  const field = (name: string, label: string, type: string) => [
    h('label', { for: `link-${name}` }, label),
    h('input', { id: `link-${name}`, name, type, autocomplete: name, required: true }),
  ];
  return h(
    'form',
    { class: 'card', id: 'link', onsubmit },
    h('h2', { id: 'link-title' }, 'Link an account'),
    h('p', {}, 'You choose the account at your bank; nobody here sees your password.'),
    field('name', 'Your name', 'text'),
    field('email', 'Your e-mail address', 'email'),
    view.linkProblem !== null && problem(view.linkProblem),
    h(
      'button',
      {
        key: 'go',
        class: 'first',
        type: 'submit',
        'aria-disabled': view.linkBusy ? 'true' : undefined,
      },
      'Go to my bank',
    ),
  );
}
