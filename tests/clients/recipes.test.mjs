// The recipes of docs/clients.md, run as they stand there.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { launch } from './chromium.mjs';
import { ACCOUNT as KNOW } from './documents.mjs';
import { behindNginx } from './nginx.mjs';
import { CLIENTS, open as opened } from './recipe-clients.mjs';
import { Recipes } from './recipes.mjs';
import {
  Inbox,
  ask,
  cast,
  deferred,
  pull,
  startDemo,
  startLive,
  until,
  within,
} from './support.mjs';

const SECRET = 'a secret of at least 32 bytes, for recipes';

const recipes = new Recipes();
before(() => recipes.prepare());
after(() => recipes.remove());

const open = (t, name, gateway) => opened(t, recipes, name, gateway);

/** Everything that a subscription says. */
function listen({ watch }, id, from) {
  const inbox = new Inbox();
  watch(id, (change) => inbox.put(change), (details) => inbox.end(details), from);
  return inbox;
}

const moves = (inbox) => inbox.all.map(({ kind, to }) => [kind, to]);
const to = (status) => (change) => change.kind === 'CHANGE' && change.to === status;

/** Presses a button of the bank's page, and tells where it leads. */
async function press(url, button) {
  const response = await fetch(`${url}/${button}`, { method: 'POST', redirect: 'manual' });
  assert.equal(response.status, 303);
  return response.headers.get('location');
}

/** A token of all accounts that ends in so many seconds. */
function token(accounts, seconds) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: 'ada', scope: 'accounts:read reauth:write', accounts };
  const exp = Math.ceil(Date.now() / 1000) + seconds;
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...claims, exp })}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

describe('in a demo', () => {
  let gateway;
  let accounts;
  before(async () => {
    gateway = await startDemo();
    accounts = await cast(gateway.simulator);
  });
  after(() => gateway?.stop());

  for (const [at, name] of CLIENTS.entries()) {
    test(`${name}: an account, page by page`, async (t) => {
      const client = await open(t, name, gateway);
      const shown = new Inbox();
      const page = client.page(accounts.healthy, (account, error) => shown.put({ account, error }));
      const edges = ({ account }) => account?.transactions?.edges ?? [];
      const first = await shown.find('a page', (seen) => edges(seen).length === 20);
      assert.equal(first.error, undefined);
      assert.equal(first.account.dataStatus, 'AVAILABLE');
      assert.equal(first.account.transactions.freshness.state, 'FRESH');
      page.more(first.account.transactions.pageInfo.endCursor);
      const ids = (seen) => edges(seen).map(({ node }) => node.id);
      const isMore = (seen) =>
        client.pages === 'apart'
          ? edges(seen).length > 0 && ids(seen)[0] !== ids(first)[0]
          : edges(seen).length > 20;
      const next = ids(await shown.find('the next page', isMore));
      const all = client.pages === 'apart' ? [...ids(first), ...next] : next;
      assert.equal(all.length, 40);
      assert.equal(new Set(all).size, 40);
    });

    test(`${name}: the whole story, and its errors`, async (t) => {
      const client = await open(t, name, gateway);
      const [{ back }, { remedy }] = await Promise.all(['back.js', 'rules.js'].map(client.load));
      const id = accounts.all[at];
      const shown = new Inbox();
      client.page(id, (account) => account && shown.put(account));
      await shown.take(1);
      const require = `mutation ($input: SimulateReauthRequiredInput!) {
        simulateReauthRequired(input: $input) { done }
      }`;
      await ask(gateway, require, { input: { accountId: id } });
      const told = listen(client, id);
      const [snapshot] = await told.take(1);
      assert.equal(snapshot.kind, 'SNAPSHOT');

      const reference = `recipe-${name}`;
      const redirectUrl = 'https://shop.example/back?basket=7';
      const choice = { reference, redirectUrl };
      const { reauth, errors } = await client.initiate(id, choice);
      assert.deepEqual(errors, []);
      assert.equal(reauth.reference, reference);
      const { pathname } = new URL(reauth.url);
      assert.ok(!client.stored().includes(pathname), 'the link is kept');

      const other = await client.initiate(accounts.all[at + 4], choice);
      assert.equal(other.reauth, null);
      assert.equal(other.errors[0].code, 'REFERENCE_IN_USE');
      assert.deepEqual(remedy(other.errors[0]), { act: 'TELL' });

      // Whoever says so by hand is not believed.
      const early = await back(`${redirectUrl}&status=linked`, reference);
      assert.equal(early.status, 'LINK_ISSUED');
      const address = await press(reauth.url, 'approve');
      assert.match(address, /basket=7&status=linked/);
      await told.find('AVAILABLE', to('AVAILABLE'));
      assert.deepEqual(moves(told).slice(1), [
        ['CHANGE', 'PROCESSING'],
        ['CHANGE', 'AVAILABLE'],
      ]);
      assert.equal((await back(address, reference)).status, 'COMPLETED');
      if (client.pages !== 'apart') {
        await shown.find('PROCESSING on the page', (seen) => seen.dataStatus === 'PROCESSING');
      }
      assert.ok(!client.stored().includes(pathname), 'the link is kept');
    });

    test(`${name}: errors with their codes`, async (t) => {
      const client = await open(t, name, gateway);
      const { remedy } = await client.load('rules.js');
      const shown = new Inbox();
      client.page('unknown', (account, error) => error && shown.put({ account, error }));
      const [{ account, error }] = await shown.take(1);
      assert.equal(account ?? null, null);
      assert.equal(error.code, 'NOT_FOUND');
      assert.ok(error.requestId);
      // The first is an error of the field, the second one of the request.
      for (const choice of [{ redirectUrl: 'javascript:alert(1)' }, { reference: {} }]) {
        await assert.rejects(client.initiate(accounts.healthy, choice), (thrown) => {
          const details = client.details(thrown);
          assert.equal(details.code, 'BAD_USER_INPUT');
          assert.deepEqual(remedy(details), { act: 'TELL' });
          return true;
        });
      }
      const failed = await listen(client, accounts.healthy, 'no cursor').ended();
      assert.equal(failed.code, 'BAD_USER_INPUT');
      if (!client.keep) return;
      const kept = new Inbox();
      client.keep({}, (seen) => kept.put(seen));
      const [{ errors }] = await kept.take(1);
      assert.equal(errors[0].code, 'BAD_USER_INPUT');
    });

    test(`${name}: a cursor that says nothing to the gateway makes it read again`, async (t) => {
      const client = await open(t, name, gateway);
      const id = accounts.healthy;
      const [{ cursor }] = await listen(client, id).take(1);
      const shown = new Inbox();
      const foreign = (epoch) => `${epoch}${cursor.slice(1)}`;
      const [strange, other] = ['a', 'b', 'c'].filter((c) => c !== cursor[0]).map(foreign);
      if (client.keep) {
        client.keep(id, (seen) => shown.put(seen), strange);
        return void (await shown.take(2));
      }
      client.page(id, (account, error) => shown.put({ account, error }));
      await shown.find('the account', ({ account }) => account);

      client.session.token = async () => {
        throw new Error('nobody is logged in');
      };
      const told = listen(client, id, strange);
      told.ended().then((error) => shown.put({ error }), () => {});
      const [resync] = await told.take(1);
      assert.deepEqual([resync.kind, resync.to], ['RESYNC', null]);
      const { error } = await shown.find('that it cannot be read', (seen) => seen.error);
      assert.deepEqual(error, { retryable: true });

      let asked = 0;
      client.session.token = async () => void (asked += 1);
      await listen(client, id, other).take(1);
      await until('the account to be read again', () => asked > 0);
    });
  }

  test('who gave up at the bank is believed as long as Mono says nothing else', async (t) => {
    const { initiate, load } = await open(t, 'fetch', gateway);
    const { back } = await load('back.js');
    const reference = 'recipe-back';
    const choice = { reference, redirectUrl: 'https://shop.example/back' };
    const { reauth } = await initiate(accounts.all[7], choice);
    const session = await back(await press(reauth.url, 'close'), reference);
    assert.deepEqual([session.id, session.status], [reauth.id, 'CANCELLED']);
    await press(reauth.url, 'approve');
    await until('the session to be COMPLETED', async () => {
      const { status } = await back('https://shop.example/back?status=failed', reference);
      return status === 'COMPLETED';
    });
    assert.equal(await back('https://shop.example/back', 'never-used'), null);
  });

  test('a new customer links an account, with a code or without', async (t) => {
    const { load } = await open(t, 'fetch', gateway);
    const { link, linked } = await load('link.js');
    const input = (key) => ({
      customer: { name: 'Ada Example', email: 'ada@shop.example' },
      redirectUrl: 'https://shop.example/linked',
      idempotencyKey: key,
    });
    const { link: session, errors } = await link(input('one'));
    assert.deepEqual(errors, []);
    const twice = await link(input('one'));
    assert.equal(twice.link.id, session.id);
    const forged = await linked('https://shop.example/linked?code=forged', session.reference);
    assert.deepEqual(forged.errors.map(({ code }) => code), ['INVALID_CODE']);
    const address = await press(session.url, 'approve');
    assert.ok(new URL(address).searchParams.get('code'));
    const done = await linked(address, session.reference);
    assert.deepEqual(done.errors, []);
    assert.equal(done.link.id, session.id);
    assert.match(done.link.account.id, /^[0-9a-f]{24}$/);

    const { link: other } = await link(input('two'));
    const bare = new URL(await press(other.url, 'approve'));
    bare.searchParams.delete('code');
    await until('the webhook to name the account', async () => {
      const { link: found } = await linked(bare.href, other.reference);
      assert.equal(found.id, other.id);
      return found.account;
    });
    await assert.rejects(link({ ...input('three'), redirectUrl: 'javascript:alert(1)' }), {
      code: 'BAD_USER_INPUT',
    });
  });
});

describe('a restart', () => {
  let world;
  before(async () => {
    world = await startLive();
  });
  // After the clients, which would wait for it.
  after(() => world?.stop());

  test('each goes on behind the last event that it heard', async (t) => {
    const id = (await cast(world.simulator)).healthy;
    const set = (data_status) =>
      pull(world.simulator, `accounts/${id}/status`, { data_status, announce: true });
    await ask(world.gateway, KNOW, { id });
    const all = [];
    for (const name of CLIENTS) {
      const client = await open(t, name, world.gateway);
      const told = listen(client, id);
      await told.take(1);
      all.push([name, told]);
    }
    await world.restart('SIGTERM', () => set('PARTIAL'));
    // Mono's news may come before they are back.
    await world.deliver();
    for (const [name, told] of all) await told.find(`PARTIAL, ${name}`, to('PARTIAL'));
    await set('AVAILABLE');
    await world.deliver();
    for (const [name, told] of all) {
      await told.find(`AVAILABLE, ${name}`, to('AVAILABLE'));
      assert.deepEqual(
        moves(told),
        [
          ['SNAPSHOT', 'AVAILABLE'],
          ['CHANGE', 'PARTIAL'],
          ['CHANGE', 'AVAILABLE'],
        ],
        name,
      );
    }
  });
});

test('a proxy whose gateway is away is worth another try', async (t) => {
  const gateway = await startDemo();
  const { healthy } = await cast(gateway.simulator);
  const proxy = await behindNginx(gateway);
  t.after(() => proxy.stop());
  await gateway.stop();
  for (const name of CLIENTS) {
    const client = await open(t, name, proxy);
    const { remedy } = await client.load('rules.js');
    await assert.rejects(client.initiate(healthy), (error) => {
      assert.deepEqual(remedy(client.details(error)), { act: 'RETRY', afterMs: 1000 }, name);
      return true;
    });
  }
});

// Side by side: what each waits for most is that a token ends.
describe('with tokens', { concurrency: CLIENTS.length }, () => {
  let gateway;
  let accounts;
  before(async () => {
    gateway = await startDemo({ GATEWAY_AUTH: 'jwt', GATEWAY_JWT_SECRET: SECRET });
    accounts = await cast(gateway.simulator);
  });
  after(() => gateway?.stop());
  const set = (id, data_status) =>
    pull(gateway.simulator, `accounts/${id}/status`, { data_status, announce: true });

  for (const [at, name] of CLIENTS.entries()) {
    test(`${name}: nothing without one, everything with one, and on with the next`, async (t) => {
      // Of those whose data is there: another moves by itself soon after the start.
      const id = accounts.all[[0, 1, 6, 7][at]];
      const client = await open(t, name, gateway);
      const { remedy } = await client.load('rules.js');
      await assert.rejects(client.initiate(id), (error) => {
        assert.deepEqual(remedy(client.details(error)), { act: 'LOG_IN' });
        return true;
      });

      const [first, second] = [8, 600].map((seconds) => token(accounts.all, seconds));
      client.session.token = async () => first;
      const { errors, reauth } = await client.initiate(id);
      assert.deepEqual([errors, reauth.url.startsWith('http')], [[], true]);
      // The same with another copy, which hears nothing of the second token until it must.
      const slow = await open(t, name, gateway);
      slow.session.token = client.session.token;
      const closes = { client: [], slow: [] };
      client.socket?.on('closed', ({ code }) => closes.client.push(code));
      slow.socket?.on('closed', ({ code }) => closes.slow.push(code));
      const asked = deferred();
      const told = [client, slow].map((each) => listen(each, id));
      for (const inbox of told) await inbox.take(1);
      client.session.token = async () => second;
      slow.session.token = async () => {
        asked.resolve();
        return second;
      };
      await client.renew?.();
      await within('a new token to be asked for', asked.promise);
      for (const status of ['UNAVAILABLE', 'AVAILABLE']) {
        await set(id, status);
        for (const inbox of told) await inbox.find(status, to(status));
      }
      for (const inbox of told) {
        assert.deepEqual(moves(inbox).slice(1), [
          ['CHANGE', 'UNAVAILABLE'],
          ['CHANGE', 'AVAILABLE'],
        ]);
      }
      assert.deepEqual(closes, { client: [], slow: client.socket ? [4403] : [] });
    });
  }
});

describe('in Chromium, on a page of a listed origin', () => {
  let gateway;
  let accounts;
  let browser;
  let server;
  let folder;
  before(async () => {
    server = createServer((request, response) => {
      const name = request.url.slice(1);
      const block = recipes.blocks.has(name);
      response.setHeader('content-type', block ? 'text/javascript' : 'text/html');
      response.end(block ? readFileSync(join(folder, name)) : '<!doctype html><title>shop</title>');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${server.address().port}`;
    gateway = await startDemo({ GATEWAY_ALLOWED_ORIGINS: origin });
    accounts = await cast(gateway.simulator);
    ({ folder } = recipes.copy(gateway));
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    server?.close();
    await gateway?.stop();
  });

  for (const name of ['events.js', 'eventsource.js']) {
    test(`live status by ${name}`, async (t) => {
      const page = await browser.newPage();
      t.after(() => page.close());
      await page.goto(`http://127.0.0.1:${server.address().port}/`);
      await page.coverage.startJSCoverage();
      const id = accounts.all[name.length % 8];
      const inbox = new Inbox();
      await page.exposeFunction('told', (change) => inbox.put(change));
      await page.exposeFunction('failed', (errors) => inbox.end(errors));
      await ask(gateway, KNOW, { id });
      await page.evaluate(
        async ([file, account]) => {
          const { watch } = await import(`/${file}`);
          globalThis.stop = watch(account, globalThis.told, globalThis.failed);
        },
        [name, id],
      );
      await inbox.take(1);
      for (const data_status of ['PARTIAL', 'AVAILABLE']) {
        await pull(gateway.simulator, `accounts/${id}/status`, { data_status, announce: true });
        await inbox.find(data_status, to(data_status));
      }
      assert.equal(inbox.all.length, 3);
      if (name === 'eventsource.js') {
        await page.evaluate(async () => {
          globalThis.stop();
          const Real = globalThis.EventSource;
          globalThis.EventSource = class extends Real {
            constructor(...all) {
              super(...all);
              globalThis.source = this;
            }
          };
          const { watch } = await import('/eventsource.js');
          watch({}, globalThis.told, globalThis.failed);
        });
        const [{ extensions }] = await inbox.ended();
        assert.equal(extensions.code, 'BAD_USER_INPUT');
        // It asks no more.
        await page.waitForFunction(() => globalThis.source.readyState === EventSource.CLOSED);
      }
      recipes.note(await page.coverage.stopJSCoverage());
    });
  }
});

// The last, since it looks at what the others did.
test('each block of the page has run, and each function in it', async () => {
  assert.ok(recipes.blocks.size >= 12);
  assert.deepEqual(await recipes.idle(), { functions: [], blocks: [] });
});
