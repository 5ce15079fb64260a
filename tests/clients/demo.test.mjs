// The starter page of demo mode in a real Chromium, on a phone and on a desktop: a customer's ways
// through it, what it makes of forged returns, and how it is for those who do not see or point.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { contrasts, controls, tree } from './accessibility.mjs';
import { launch } from './chromium.mjs';
import { ask, cast, pull, startDemo, startLive, untilWanted, until } from './support.mjs';
import { watched } from './watch.mjs';

const SIZES = {
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 800 },
};

/** Lets everything through to the gateway at `address`, until it is cut. */
async function wire(address) {
  const [host, port] = address.split(':');
  const sockets = new Set();
  let whole = true;
  const server = createServer((socket) => {
    if (!whole) return socket.destroy();
    const other = connect(Number(port), host);
    for (const [one, its] of [
      [socket, other],
      [other, socket],
    ]) {
      sockets.add(one);
      one.pipe(its);
      one.on('error', () => its.destroy());
      one.on('close', () => {
        sockets.delete(one);
        its.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${server.address().port}`,
    cut,
    mend: () => (whole = true),
    close() {
      cut();
      server.close();
    },
  };
}

describe('the starter page', { timeout: 300_000 }, () => {
  let gateway;
  let browser;
  let accounts;

  before(async () => {
    gateway = await startDemo();
    accounts = await cast(gateway.simulator);
    await untilWanted(gateway, accounts.needsReauth);
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  const hosts = () => [gateway.address, new URL(gateway.simulator).host];
  const card = (page, id) => page.locator(`[data-account="${id}"]`);
  const section = (page, name) => page.getByRole('region', { name });
  const badge = (page, id, text) => card(page, id).locator('.badge', { hasText: text }).waitFor();

  /** A new account, linked as a customer would, so that no test sees another's. */
  async function linked() {
    const { id } = await pull(gateway.simulator, 'accounts', {});
    const said = `mutation ($id: ID!) { simulateWebhook(input: { accountId: $id, kind: ACCOUNT_UPDATED }) { done } }`;
    await ask(gateway, said, { id });
    await until(`${id} to be known`, async () => {
      const { accounts } = await ask(
        gateway,
        '{ accounts(first: 100) { nodes { id dataStatus } } }',
      );
      return accounts.nodes.find((node) => node.id === id)?.dataStatus === 'AVAILABLE';
    });
    return id;
  }

  /** An account whose bank asks for its customer. */
  async function wanted() {
    const id = await linked();
    const required = `mutation ($id: ID!) { simulateReauthRequired(input: { accountId: $id }) { done } }`;
    await ask(gateway, required, { id });
    await untilWanted(gateway, id);
    return id;
  }

  const reauthOf = async (id) => {
    const asked = `query ($id: ID!) { account(id: $id) { dataStatus reauth {
      required active { status url } sessions { nodes { id status reference } } } } }`;
    const { account } = await ask(gateway, asked, { id });
    return {
      ...account.reauth,
      dataStatus: account.dataStatus,
      newest: account.reauth.sessions.nodes[0],
    };
  };

  /** Starts a session as another device would. */
  async function started(id, url = gateway.url) {
    const asked = `mutation ($input: InitiateReauthInput!) {
      initiateReauth(input: $input) { reauth { id reference url } } }`;
    const input = { accountId: id, redirectUrl: `${url}/demo` };
    return (await ask(gateway, asked, { input })).initiateReauth.reauth;
  }

  const linkOf = async (reference) => {
    const asked = `query ($reference: String!) {
      linkSessionByReference(reference: $reference) { status account { id } } }`;
    return (await ask(gateway, asked, { reference })).linkSessionByReference;
  };

  for (const [device, viewport] of Object.entries(SIZES)) {
    describe(`on a ${device}`, () => {
      const faults = [];
      let context;

      before(async () => {
        context = await watched(browser, { viewport, reducedMotion: 'reduce' }, hosts(), faults);
      });
      after(() => context?.close());

      async function open(t, query = '') {
        const page = await context.newPage();
        t.after(() => page.close());
        await page.goto(`${gateway.url}/demo${query}`);
        await page.locator('#connection', { hasText: 'Live' }).waitFor();
        await section(page, 'Other accounts').waitFor();
        return page;
      }

      /** The picture of it, and what no picture may show: anything beyond the right edge. */
      async function look(page, name) {
        const beyond = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.equal(beyond, 0, `${name} is wider than the window`);
        const folder = process.env.SCREENSHOT_DIR;
        if (folder) await page.screenshot({ path: join(folder, `${device}-${name}.png`) });
      }

      test('a customer re-authorises and sees the data arrive', async (t) => {
        const id = await wanted();
        const page = await open(t);
        const mine = section(page, 'Accounts that need you').locator(card(page, id));
        await mine.waitFor();
        await mine.getByRole('button', { name: /^Transactions/ }).click();
        await mine.getByText(/^Older than it should be.*your bank asks/).waitFor();
        await look(page, '1-needed');
        await mine.getByRole('button', { name: /^Re-authorise/ }).click();

        await page.getByRole('heading', { name: 'Connect your account again' }).waitFor();
        await page.getByRole('button', { name: 'Approve' }).click();
        await section(page, 'Other accounts').locator(card(page, id)).waitFor();
        assert.equal(page.url(), `${gateway.url}/demo`);
        await badge(page, id, 'Up to date');
        await card(page, id)
          .getByRole('button', { name: /^Transactions/ })
          .click();
        await card(page, id)
          .getByText(/^Fresh as of/)
          .waitFor();
        await card(page, id)
          .getByText(/^Page 1 of/)
          .waitFor();
        await look(page, '2-fresh');
        assert.equal((await reauthOf(id)).newest.status, 'COMPLETED');

        await card(page, id)
          .getByRole('button', { name: /^Older/ })
          .click();
        await card(page, id)
          .getByText(/^Page 2 of/)
          .waitFor();
      });

      test('a tab that was lost at the bank costs nothing, and a page left open hears of it all', async (t) => {
        const id = await wanted();
        const other = await open(t);
        const lost = await open(t);
        await card(lost, id)
          .getByRole('button', { name: /^Re-authorise/ })
          .click();
        await lost.getByRole('heading', { name: 'Connect your account again' }).waitFor();
        await lost.close();
        await badge(other, id, 'Waiting for you');

        const page = await open(t);
        await badge(page, id, 'Waiting for you');
        await look(page, '3-waiting');
        const { active } = await reauthOf(id);
        const go = card(page, id).getByRole('link', { name: /^Continue at your bank/ });
        assert.equal(await go.getAttribute('href'), active.url);
        await go.click();
        await page.getByRole('button', { name: 'Approve' }).click();
        await badge(page, id, 'Up to date');
        await badge(other, id, 'Up to date');
        assert.match(await other.getByRole('status').first().innerText(), /Up to date/);
      });

      test('a customer who leaves the bank is told so, and may begin anew', async (t) => {
        const id = await wanted();
        const page = await open(t);
        await card(page, id)
          .getByRole('button', { name: /^Re-authorise/ })
          .click();
        await page.getByRole('button', { name: 'Close' }).click();
        await page.getByText('You left your bank before the end.').waitFor();
        assert.equal(page.url(), `${gateway.url}/demo`);
        await card(page, id).getByText('The last attempt was given up.').waitFor();
        assert.equal((await reauthOf(id)).newest.status, 'CANCELLED');
        await look(page, '4-left');
        await page.getByRole('button', { name: 'Dismiss' }).click();
        await page.locator('.notice').waitFor({ state: 'detached' });

        await card(page, id)
          .getByRole('button', { name: /^Re-authorise/ })
          .click();
        await page.getByRole('button', { name: 'Approve' }).click();
        await badge(page, id, 'Up to date');
      });

      test('a customer gives a link up without going anywhere', async (t) => {
        const id = await wanted();
        await started(id);
        const page = await open(t);
        await card(page, id)
          .getByRole('button', { name: /^Give up/ })
          .click();
        await badge(page, id, 'Needs you');
        assert.equal((await reauthOf(id)).newest.status, 'CANCELLED');
      });

      test('a customer links an account, though the tab was lost on the way', async (t) => {
        const begun = await open(t);
        await begun.getByLabel('Your name').fill('Ada Test');
        await begun.getByLabel('Your e-mail address').fill('ada@example.test');
        await begun.getByRole('button', { name: 'Go to my bank' }).click();
        await begun.getByRole('heading', { name: 'Connect your account' }).waitFor();
        await begun.close();

        const page = await open(t);
        const linking = section(page, 'Being linked');
        await linking.getByText('Waiting for you').waitFor();
        await look(page, '5-linking');
        const known = (await ask(gateway, '{ accounts(first: 100) { totalCount } }')).accounts
          .totalCount;
        await linking.getByRole('link', { name: /^Continue at your bank/ }).click();
        const returns = page.waitForRequest((request) => request.url().includes('status=linked'));
        await page.getByRole('button', { name: 'Approve' }).click();
        const reference = new URL((await returns).url()).searchParams.get('reference');
        await linking.getByText('The new account is linked, and its data is here.').waitFor();
        assert.equal(page.url(), `${gateway.url}/demo`);
        const { status, account } = await linkOf(reference);
        assert.equal(status, 'COMPLETED');
        await section(page, 'Other accounts').locator(card(page, account.id)).waitFor();
        await badge(page, account.id, 'Up to date');
        await look(page, '6-linked');
        const now = (await ask(gateway, '{ accounts(first: 100) { totalCount } }')).accounts
          .totalCount;
        assert.equal(now, known + 1);
        await linking.getByRole('button', { name: /^Dismiss/ }).click();
        await linking.waitFor({ state: 'detached' });
      });

      test('an account that is linked again is not shown as two of the same', async (t) => {
        const id = await linked();
        const page = await open(t);
        await badge(page, id, 'Up to date');
        await page.getByLabel('Your name').fill('Ada Test');
        await page.getByLabel('Your e-mail address').fill('ada@example.test');
        await page.getByRole('button', { name: 'Go to my bank' }).click();
        await page.getByRole('heading', { name: 'Connect your account' }).waitFor();
        const code = new URL(page.url()).pathname.split('/').at(-1);
        await pull(gateway.simulator, `links/${code}/outcome`, { outcome: 'approve', same_as: id });
        await page.goto(`${gateway.url}/demo`);
        await section(page, 'Being linked').getByText('its data is here').waitFor();
        await badge(page, id, 'Linked anew');
        await look(page, '7-anew');
        await page.getByRole('button', { name: /^Dismiss/ }).click();
      });

      test('a customer who leaves while linking has linked nothing', async (t) => {
        const page = await open(t);
        await page.getByLabel('Your name').fill('Ada Test');
        await page.getByLabel('Your e-mail address').fill('ada@example.test');
        await page.getByRole('button', { name: 'Go to my bank' }).click();
        const returns = page.waitForRequest((request) => request.url().includes('status=failed'));
        await page.getByRole('button', { name: 'Fail' }).click();
        const reference = new URL((await returns).url()).searchParams.get('reference');
        await page.getByText('It did not work out at your bank.').waitFor();
        const linking = section(page, 'Being linked');
        await linking.getByText('Linking was given up.').waitFor();
        assert.deepEqual(await linkOf(reference), { status: 'CANCELLED', account: null });
        await linking.getByRole('button', { name: /^Dismiss/ }).click();
      });

      test('nothing foreign was asked for, no policy broken, nothing complained', () => {
        assert.deepEqual(faults, []);
      });
    });
  }

  describe('and forged returns', () => {
    let context;
    const faults = [];
    /** The operations that the page sent. */
    let sent;

    before(async () => {
      context = await watched(browser, { viewport: SIZES.phone }, hosts(), faults);
    });
    after(() => context?.close());

    async function visit(t, query) {
      const page = await context.newPage();
      t.after(() => page.close());
      sent = [];
      page.on('request', (request) => {
        const [, name] = /"query":"(?:query|mutation) (\w+)/.exec(request.postData() ?? '') ?? [];
        if (name) sent.push(name);
      });
      await page.goto(`${gateway.url}/demo?${query}`);
      await section(page, 'Other accounts').waitFor();
      assert.equal(page.url(), `${gateway.url}/demo`);
      return page;
    }

    test('claim success for a session that is open, and the page does not', async (t) => {
      const id = await wanted();
      const { reference } = await started(id);
      const page = await visit(
        t,
        `status=linked&reason=account_linked&reference=${reference}&code=code_1`,
      );
      await page.getByText('Your bank’s confirmation is awaited.').waitFor();
      await badge(page, id, 'Waiting for you');
      assert.equal(await card(page, id).locator('.good').count(), 0);
      const { required, active, dataStatus } = await reauthOf(id);
      assert.deepEqual([required, active.status, dataStatus], [true, 'LINK_ISSUED', 'AVAILABLE']);
      assert.equal(
        sent.some((name) => /Complete|Cancel|Initiate/.test(name)),
        false,
        `${sent}`,
      );
    });

    test('claim success without a reference, or with somebody else’s, and nothing is sent', async (t) => {
      for (const query of [
        'status=linked&code=code_1',
        'status=linked&reference=nobodys&code=code_1',
      ]) {
        const page = await visit(t, query);
        await page.getByText('The list below is how things stand.').waitFor();
        assert.equal(
          sent.some((name) => /Complete|Cancel|Initiate/.test(name)),
          false,
          `${sent}`,
        );
      }
    });

    test('claim a link with a code that is not Mono’s, and nothing is linked', async (t) => {
      const asked = `mutation ($input: InitiateLinkInput!) {
        initiateLink(input: $input) { link { id reference } } }`;
      const customer = { name: 'Ada Test', email: 'ada@example.test' };
      const { link } = (await ask(gateway, asked, { input: { customer } })).initiateLink;
      const page = await visit(t, `status=linked&reference=${link.reference}&code=code_forged`);
      await section(page, 'Being linked').getByRole('alert').waitFor();
      assert.deepEqual(
        sent.filter((name) => /Complete/.test(name)),
        ['CompleteLink'],
      );
      const { status, account } = await linkOf(link.reference);
      assert.equal(account, null);
      assert.notEqual(status, 'COMPLETED');
      await section(page, 'Being linked').locator('.good').waitFor({ state: 'detached' });
    });

    test('carry markup, and it is never shown', async (t) => {
      const evil = encodeURIComponent('<img src=x onerror=alert(1)>');
      const page = await visit(t, `status=failed&reason=${evil}&reference=${evil}&code=${evil}`);
      await page.getByText('The list below is how things stand.').waitFor();
      assert.equal(await page.locator('img').count(), 0);
      assert.doesNotMatch(await page.locator('body').innerText(), /onerror/);
    });

    test('break no policy', () => assert.deepEqual(faults, []));
  });

  test('what happened while the connection was cut is shown once it is back', async (t) => {
    const id = await linked();
    const line = await wire(gateway.address);
    const context = await browser.newContext({ viewport: SIZES.desktop });
    context.setDefaultTimeout(20_000);
    t.after(async () => {
      await context.close();
      line.close();
    });
    const page = await context.newPage();
    let reads = 0;
    page.on('request', (request) => {
      if (/"query":"query Accounts/.test(request.postData() ?? '')) reads += 1;
    });
    await page.goto(`http://${line.address}/demo`);
    await badge(page, id, 'Up to date');
    await page.locator('#connection', { hasText: 'Live' }).waitFor();
    const before = reads;

    line.cut();
    await page.locator('#connection', { hasText: 'Reconnecting' }).waitFor();
    await page
      .locator('#said', { hasText: 'The connection is lost.' })
      .waitFor({ state: 'attached' });
    const required = `mutation ($id: ID!) { simulateReauthRequired(input: { accountId: $id }) { done } }`;
    await ask(gateway, required, { id });
    await untilWanted(gateway, id);
    await badge(page, id, 'Up to date');

    line.mend();
    await badge(page, id, 'Needs you');
    await page.locator('#connection', { hasText: 'Live' }).waitFor();
    // It went on from its cursors: nothing had to be read anew.
    assert.equal(reads, before);
  });

  describe('for those who do not point', () => {
    let context;
    let page;
    let id;

    before(async () => {
      id = await wanted();
      context = await browser.newContext({ viewport: SIZES.desktop });
      context.setDefaultTimeout(20_000);
      page = await context.newPage();
      await page.goto(`${gateway.url}/demo`);
      await badge(page, id, 'Needs you');
    });
    after(() => context?.close());

    /** Presses Tab until what is focused has this name. */
    async function tabTo(pattern) {
      const passed = [];
      for (let presses = 0; presses < 80; presses += 1) {
        await page.keyboard.press('Tab');
        const name = await page.evaluate(() => {
          const { activeElement: at } = document;
          return at.labels?.[0]?.textContent ?? at.textContent;
        });
        if (pattern.test(name)) return;
        passed.push(name);
      }
      throw new Error(`Tab never comes to ${pattern}, but to ${passed}`);
    }

    test('the focus goes where the eye goes, and is always to be seen', async () => {
      const order = await controls(page);
      assert.ok(order.length > 10);
      const unseen = order.filter(({ outline }) => outline < 2).map(({ name }) => name);
      assert.deepEqual(unseen, []);
      // Down each of the two columns: never up again within one.
      for (const column of [0, 1]) {
        const tops = order
          .filter(({ left }) => (left > 850 ? 1 : 0) === column)
          .map(({ top }) => top);
        assert.deepEqual(
          tops,
          tops.toSorted((a, b) => a - b),
        );
      }
    });

    test('the keyboard alone re-authorises, and keeps its place', async () => {
      const title = await card(page, id).getByRole('heading').innerText();
      await page.locator('body').press('Home');
      await card(page, id).getByRole('heading').focus();
      await tabTo(/^Re-authorise/);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Connect your account again' }).waitFor();
      await tabTo(/^Approve/);
      await page.keyboard.press('Enter');
      await badge(page, id, 'Up to date');
      await tabTo(new RegExp(`^Transactions ${title}`));
      const toggle = page.locator(':focus');
      assert.equal(await toggle.getAttribute('aria-expanded'), 'false');
      await page.keyboard.press('Space');
      await page.getByText(/^Page 1 of/).waitFor();
      assert.equal(await toggle.getAttribute('aria-expanded'), 'true');
      await tabTo(/^Older/);
      await page.keyboard.press('Enter');
      await page.getByText(/^Page 2 of/).waitFor();
      assert.match(await page.locator(':focus').innerText(), /^Older/);
    });

    test('the focus follows an account that moves to the other list', async () => {
      const focused = () => page.evaluate(() => document.activeElement.id);
      const moving = await linked();
      const toggle = card(page, moving).getByRole('button', { name: /^Transactions/ });
      await toggle.focus();
      const before = await focused();
      const required = `mutation ($id: ID!) { simulateReauthRequired(input: { accountId: $id }) { done } }`;
      await ask(gateway, required, { id: moving });
      await section(page, 'Accounts that need you').locator(card(page, moving)).waitFor();
      assert.equal(await focused(), before);
    });

    test('the keyboard alone links an account', async () => {
      await page.getByLabel('Your name').focus();
      await page.keyboard.type('Ada Test');
      await tabTo(/^Your e-mail/);
      await page.keyboard.type('ada@example.test');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Connect your account' }).waitFor();
      await tabTo(/^Approve/);
      await page.keyboard.press('Enter');
      await page.getByText('The new account is linked, and its data is here.').last().waitFor();
    });
  });

  describe('for those who do not see', () => {
    let context;
    let page;

    before(async () => {
      const id = await wanted();
      await started(await wanted());
      context = await browser.newContext({ viewport: SIZES.phone, reducedMotion: 'reduce' });
      page = await context.newPage();
      await page.goto(`${gateway.url}/demo?status=failed&reason=widget_closed&reference=nobodys`);
      await badge(page, id, 'Needs you');
      await card(page, id)
        .getByRole('button', { name: /^Transactions/ })
        .click();
      await page.getByText(/^Page 1 of/).waitFor();
    });
    after(() => context?.close());

    test('every control has a name of its own, with what is written on it first', async () => {
      const nodes = await tree(page);
      const named = nodes.filter(({ role }) => ['button', 'link', 'textbox'].includes(role));
      assert.ok(named.length > 10);
      assert.deepEqual(
        named.filter(({ name }) => name === ''),
        [],
      );
      const names = named.map(({ name }) => name);
      assert.deepEqual(
        names.filter((name, at) => names.indexOf(name) !== at),
        [],
      );
      assert.ok(
        names.some((name) => /^Re-authorise .+ Bank, .+••••.\d{4}$/u.test(name)),
        `${names}`,
      );
    });

    test('the parts of the page are told apart', async () => {
      const nodes = await tree(page);
      const has = (role, pattern) =>
        assert.ok(
          nodes.some((node) => node.role === role && pattern.test(node.name)),
          `${role} ${pattern}`,
        );
      assert.equal(await page.locator('html').getAttribute('lang'), 'en');
      has('RootWebArea', /^\(\d+\) Bank accounts$/);
      has('main', /^/);
      has('banner', /^/);
      has('region', /^Accounts that need you$/);
      has('region', /^Other accounts$/);
      has('complementary', /^Link an account$/);
      has('group', /^Transactions, /);
      has('list', /^/);
      const levels = nodes.filter(({ role }) => role === 'heading').map(({ level }) => level);
      assert.equal(levels[0], 1);
      levels.reduce((before, level) => {
        assert.ok(level <= before + 1, `a heading of level ${level} after one of ${before}`);
        return level;
      });
    });

    test('what changes is told, politely', async () => {
      const id = await wanted();
      await page
        .getByRole('status')
        .filter({ hasText: 'Needs you.' })
        .waitFor({ state: 'attached' });
      await card(page, id).waitFor();
      const status = (await tree(page)).filter(({ role }) => role === 'status');
      assert.deepEqual(
        status.map(({ live }) => live),
        ['polite', 'polite'],
      );
    });

    for (const colorScheme of ['light', 'dark']) {
      test(`what is written stands out in ${colorScheme} colours`, async () => {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        const seen = await contrasts(page);
        assert.ok(seen.length > 50);
        assert.deepEqual(
          seen.filter(({ ratio }) => ratio < 4.5),
          [],
        );
        const folder = process.env.SCREENSHOT_DIR;
        if (folder) await page.screenshot({ path: join(folder, `${colorScheme}.png`) });
      });
    }

    test('nothing moves for those who asked for that', async () => {
      const moving = () =>
        page.evaluate(
          () =>
            [...document.querySelectorAll('*')].filter((element) => {
              const { transitionDuration, animationName } = getComputedStyle(element);
              return (
                animationName !== 'none' ||
                transitionDuration.split(', ').some((one) => one !== '0s')
              );
            }).length,
        );
      assert.equal(await moving(), 0);
      await page.emulateMedia({ reducedMotion: 'no-preference' });
      assert.ok((await moving()) > 0);
      await page.emulateMedia({ reducedMotion: 'reduce' });
    });

    test('fingers find what they are for', async () => {
      const small = await page.evaluate(() =>
        [...document.querySelectorAll('button, a, input')]
          .map((element) => [element.textContent, element.getBoundingClientRect()])
          .filter(([, { width, height }]) => width < 44 || height < 36)
          .map(([text]) => text),
      );
      assert.deepEqual(small, []);
    });
  });

  test('is what it should be on the wire', async () => {
    const answer = await fetch(`${gateway.url}/demo`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('x-mono-gateway-mode'), 'demo');
    assert.equal(answer.headers.get('cache-control'), 'no-cache');
    const policy = answer.headers.get('content-security-policy');
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    const html = await answer.text();
    const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, to]) => to);
    assert.ok(
      assets.filter((to) => to !== 'data:,').every((to) => to.startsWith('/demo/assets/')),
      html,
    );
    for (const path of assets.filter((to) => to !== 'data:,')) {
      const asset = await fetch(gateway.url + path);
      assert.match(asset.headers.get('cache-control'), /immutable/);
      await asset.arrayBuffer();
    }
    assert.equal((await fetch(`${gateway.url}/demo/assets/none`)).status, 404);
  });

  test('is not there in live mode', async (t) => {
    const live = await startLive({ GATEWAY_GRAPHIQL: 'true' });
    t.after(() => live.stop());
    assert.equal((await fetch(`${live.gateway.url}/graphiql`)).status, 200);
    for (const path of ['/demo', '/demo/', '/demo/assets/none']) {
      const answer = await fetch(live.gateway.url + path);
      assert.equal(answer.status, 404, path);
      assert.match(await answer.text(), /nothing is here/);
    }
  });
});
