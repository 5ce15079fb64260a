// The explorer in a real Chromium: a person's way through the whole story.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { buildSchema, parse, validate } from 'graphql';

import { examples } from '../../graphiql/src/examples.js';
import { launch } from './chromium.mjs';
import { ask, cast, printed, startDemo, untilWanted, until } from './support.mjs';
import { watched } from './watch.mjs';

describe('the examples', () => {
  for (const mode of ['demo', 'live']) {
    test(`of ${mode} mode fit its schema`, async () => {
      const sdl = await printed('schema', ...(mode === 'demo' ? ['--demo'] : []));
      const schema = buildSchema(sdl);
      const accounts = { healthy: 'a', needsReauth: 'b' };
      const tabs = examples({ mode, accounts });
      assert.ok(tabs.length >= 5);
      for (const { query, variables } of tabs) {
        assert.deepEqual(validate(schema, parse(query)).map(String), []);
        if (variables) assert.equal(typeof JSON.parse(variables), 'object');
      }
    });
  }
});

describe('in Chromium', { timeout: 120_000 }, () => {
  let gateway;
  let browser;
  let context;
  let accounts;
  const faults = [];

  before(async () => {
    gateway = await startDemo();
    accounts = await cast(gateway.simulator);
    await untilWanted(gateway, accounts.needsReauth);
    browser = await launch();
    const viewport = { width: 1440, height: 900 };
    const hosts = [gateway.address, new URL(gateway.simulator).host];
    context = await watched(browser, { viewport }, hosts, faults);
  });

  after(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  /** Opens the explorer, and waits until it knows the schema. */
  async function open() {
    const page = await context.newPage();
    const isSchema = (response) => response.request().postData()?.includes('IntrospectionQuery');
    const schema = page.waitForResponse(isSchema);
    await page.goto(`${gateway.url}/`);
    await page.locator('.graphiql-query-editor .view-line').first().waitFor();
    await (await schema).finished();
    return page;
  }

  const tabNames = (page) => page.locator('.graphiql-tab-button').allInnerTexts();
  const openTab = (page, name) => page.locator('.graphiql-tab-button', { hasText: name }).click();
  const runButton = (page) => page.locator('.graphiql-execute-button');
  const run = (page) => runButton(page).click();

  /** Runs one of several operations, once the button offers a choice. */
  async function choose(page, name) {
    await page.locator('.graphiql-execute-button[aria-haspopup=menu]').click();
    await page.getByRole('menuitem', { name }).click();
  }

  /** The answer as it stands on the screen: the lines that fit. */
  const result = (page) =>
    page.evaluate(() => {
      const lines = document.querySelectorAll('.result-window .view-line');
      const at = (line) => Number.parseFloat(line.style.top);
      return [...lines]
        .sort((a, b) => at(a) - at(b))
        .map((line) => line.textContent.replaceAll('\u00a0', ' '))
        .join('\n');
    });

  const shows = (page, pattern) =>
    until(`the answer to show ${pattern}`, async () => {
      const text = await result(page);
      return pattern.test(text) && text;
    }).catch(async (error) => {
      throw new Error(`${error.message}; it shows ${await result(page)}`);
    });

  /** Writes a document into an empty tab of its own. */
  async function write(page, document) {
    await page.locator('.graphiql-tab-add').click();
    const editor = page.locator('.graphiql-query-editor .monaco-editor');
    await editor.click();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(document);
    await until('the document to stand in the editor', async () =>
      (await editor.innerText()).includes(document.slice(0, 12).replaceAll(' ', '\u00a0')),
    );
  }

  const shot = async (page, name) => {
    const folder = process.env.SCREENSHOT_DIR;
    if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
  };

  test('a person goes through the story', async () => {
    const page = await open();
    assert.equal(page.url(), `${gateway.url}/graphiql`);
    assert.deepEqual(await tabNames(page), [
      'Accounts',
      'LiveDataStatus',
      'LiveReauthorisation',
      'Reauthorise',
      'FinishAtTheBank',
      'AccountAndTransactions',
      'BreakSomething',
    ]);
    await page.getByText('demo: invented data').waitFor();

    // Who needs to re-authorise?
    const answered = page.waitForResponse((response) => response.url() === gateway.graphql);
    await run(page);
    const { data } = await (await answered).json();
    assert.deepEqual(data.accounts.nodes.map((node) => node.id), accounts.all.toSorted());
    await shows(page, new RegExp(`"nodes": .*"id": "${data.accounts.nodes[0].id}"`, 's'));
    await shot(page, '1-accounts');

    // A second window watches the account.
    const id = accounts.needsReauth;
    const watcher = await open();
    await write(
      watcher,
      `subscription Watch { dataStatusChanged(accountId: "${id}") { kind from to cause } }`,
    );
    await run(watcher);
    await shows(watcher, /"kind": "SNAPSHOT",\s+"from": null,\s+"to": "AVAILABLE"/);
    await shot(watcher, '2-snapshot');

    // A third one watches all, as the example has it.
    const wide = await open();
    await openTab(wide, 'LiveReauthorisation');
    await run(wide);
    await wide.locator('.graphiql-spinner, .graphiql-execute-button.running').first().waitFor();

    await openTab(page, 'Reauthorise');
    await run(page);
    const started = await shows(page, /"url": "http[^"]+"/);
    await shows(wide, /"reauthStatus": "LINK_ISSUED"/);
    await shot(page, '3-reauthorise');

    // The customer at the bank.
    const bank = await context.newPage();
    await bank.goto(/"url": "(http[^"]+)"/.exec(started)[1]);
    await bank.getByRole('heading', { name: 'Connect your account again' }).waitFor();
    await shot(bank, '4-bank');
    await bank.getByRole('button', { name: 'Approve' }).click();
    await bank.getByText('You may close this tab.').waitFor();

    await shows(watcher, /"kind": "CHANGE",\s+"from": "PROCESSING",\s+"to": "AVAILABLE"/);
    await shows(wide, /"reauthStatus": "COMPLETED"/);
    await shot(watcher, '5-available');

    // Now the data is fresh.
    await openTab(page, 'AccountAndTransactions');
    await run(page);
    await shows(page, /"dataStatus": "AVAILABLE"/);
    await shot(page, '6-account');
    const query = 'query ($id: ID!) { account(id: $id) { reauth { required } transactions(page: 1) { freshness { state } } } }';
    const { account } = await ask(gateway, query, { id });
    assert.deepEqual(account, {
      reauth: { required: false },
      transactions: { freshness: { state: 'FRESH' } },
    });
    for (const each of [page, watcher, wide, bank]) await each.close();
  });

  test('the other way to finish: the lever in the next tab', async () => {
    const page = await open();
    await openTab(page, 'Reauthorise');
    await run(page);
    await shows(page, /"status": "LINK_ISSUED"/);
    await openTab(page, 'FinishAtTheBank');
    await run(page);
    await shows(page, /"done": true/);
    await openTab(page, 'LiveDataStatus');
    await page.close();
  });

  test('a fault shows as partial data with a code', async () => {
    const page = await open();
    await openTab(page, 'BreakSomething');
    await choose(page, 'BreakSomething');
    await shows(page, /"done": true/);
    await choose(page, 'AfterTheFault');
    await shows(page, /"code": "UPSTREAM_UNAVAILABLE"/);
    await shot(page, '7-partial');
    await page.close();
  });

  test('a field that is not there is marked before it is sent', async () => {
    const page = await open();
    await write(page, 'query Wrong { noSuchField }');
    await page.locator('.graphiql-query-editor .squiggly-error').first().waitFor();
    await page.close();
  });

  test('nothing foreign was asked for, no policy broken, nothing complained', () => {
    assert.deepEqual(faults, []);
  });
});
