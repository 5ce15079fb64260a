// What a page of somebody else's can make a real Chromium do to the gateway: nothing. And what a
// page of a listed origin can: everything.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';

import { launch } from './chromium.mjs';
import { THEIRS, stand } from './door.mjs';
import { ask, cast, pull, startDemo, until } from './support.mjs';
import { elsewhere, form, navigations, resources, scripts } from './ways.mjs';

/** Names that lead to 127.0.0.1: that of a foreign site, of a listed one, one that was rebound. */
const EVIL = 'evil.example';
const FRIEND = 'friend.example';
const REBOUND = 'rebound.example';

/** A name of the gateway's own that browsers trust like HTTPS, and a site below it. */
const NAMED = 'app.localhost';
const SIBLING = 'evil.app.localhost';

/** A name of the gateway's own by which browsers send no Fetch Metadata. */
const PLAIN = 'plain.example';

/** One of each, so that a form writes what a server may take for a document. */
const FORMS = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'];

/** Which of them a page that may talk to the gateway is served by. */
const MAY = ['fetch, POST', 'fetch, GET', 'a WebSocket', 'an event source'];

const ALL_WAYS = { ...scripts, ...elsewhere, ...resources };

const servers = [];
let browser;
let serial = 0;

/** A site of somebody else's: an empty page, by whatever name it is called. Tells its port. */
async function site() {
  const server = createServer((request, response) => {
    const reports = new URL(request.url, 'http://any').searchParams.get('reports');
    response.setHeader('content-type', 'text/html');
    if (reports) response.setHeader('content-security-policy', `img-src 'none'; report-uri ${reports}`);
    response.end('<!doctype html><title>elsewhere</title><body></body>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return server.address().port;
}

/** A demo gateway behind a door, and what shows whether anything was done. */
async function victim(settings) {
  const gateway = await startDemo(settings);
  const door = await stand(gateway.address);
  const { healthy: account } = await cast(gateway.simulator);
  const query = `{ account(id: "${account}") { balance { minor } } }`;
  const mutation = `mutation {
    initiateReauth(input: { accountId: "${account}", reuseActive: false }) { reused }
    simulateReauthRequired(input: { accountId: "${account}" }) { __typename }
  }`;
  return {
    gateway,
    door,
    query,
    mutation,
    subscription: `subscription { dataStatusChanged(accountId: "${account}") { kind cursor } }`,
    /** What a page needs to know to send a document to the gateway by this name. */
    sent(document, name) {
      const url = `http://${name}:${door.port}/graphql`;
      // A browser that has asked for an address may not ask again.
      serial += 1;
      return {
        url,
        get: `${url}?${new URLSearchParams({ query: document, serial })}`,
        socket: url.replace('http', 'ws'),
        query: document,
        body: JSON.stringify({ query: document }),
      };
    },
    /** The calls to Mono for this account since the last look. */
    async reached() {
      // A request of our own, answered: whatever was sent before it has been dealt with.
      await ask(gateway, '{ gateway { mode } }');
      const { calls } = await pull(gateway.simulator, 'calls', undefined, 'GET');
      await pull(gateway.simulator, 'calls', undefined, 'DELETE');
      return calls.filter((call) => JSON.stringify(call).includes(account));
    },
    /** What either mutation would change. */
    async changed() {
      const asked = `{ account(id: "${account}") { reauth { required sessions { nodes { id } } } } }`;
      const { reauth } = (await ask(gateway, asked)).account;
      return { required: reauth.required, sessions: reauth.sessions.nodes.length };
    },
    async stop() {
      door.close();
      await gateway.stop();
    },
  };
}

const UNCHANGED = { required: false, sessions: 0 };

/** A page at this address, closed with the test. */
async function visit(t, address) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(address);
  return page;
}

/** All that came through the door, once the first of it was answered. */
async function heard(door, what) {
  await until(`${what} to be answered`, () => door.seen[0]?.status);
  return door.seen;
}

before(async () => {
  browser = await launch({ names: [EVIL, FRIEND, REBOUND, NAMED, SIBLING, PLAIN] });
});

after(async () => {
  await browser?.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

describe('a foreign page in Chromium', { timeout: 300_000 }, () => {
  let world;
  const ports = {};

  before(async () => {
    world = await victim({ GATEWAY_PUBLIC_URL: `http://${NAMED}` });
    for (const name of [EVIL, 'localhost', '127.0.0.1', SIBLING]) ports[name] = await site();
  });
  after(() => world?.stop());
  beforeEach(async () => {
    await world.reached();
    world.door.seen.length = 0;
  });

  /** Nothing was done, and nothing that came was let in. */
  async function nothingDone(what) {
    for (const { method, status, headers } of world.door.seen) {
      assert.equal(status, 403, `${what}: ${method} ${JSON.stringify(headers)}`);
    }
    assert.deepEqual(await world.reached(), []);
    assert.deepEqual(await world.changed(), UNCHANGED);
  }

  // What differs between sites is what the browser says of them, so some ways from one are enough.
  for (const [whose, from, to, relation, ways] of [
    ['another site', EVIL, '127.0.0.1', 'cross-site', ALL_WAYS],
    ['a sibling below our name', SIBLING, NAMED, 'same-site', ALL_WAYS],
    ['another port', '127.0.0.1', '127.0.0.1', 'same-site', scripts],
    ['another site that browsers trust', 'localhost', '127.0.0.1', 'cross-site', elsewhere],
  ]) {
    describe(`of ${whose}`, () => {
      const home = () => `http://${from}:${ports[from]}`;
      let context;
      let page;

      before(async () => {
        context = await browser.newContext();
        page = await context.newPage();
        await page.goto(home());
      });
      after(() => context?.close());

      for (const [name, way] of Object.entries(ways)) {
        test(name, async () => {
          for (const document of [world.query, world.mutation]) {
            const sent = world.sent(document, to);
            if (way.at) await page.goto(home() + way.at(sent));
            world.door.seen.length = 0;
            assert.equal(await page.evaluate(way.run, [sent, way.more]), 'nothing');
            if (way.arrives) {
              const [{ method, headers }] = await heard(world.door, name);
              assert.equal(method, way.arrives);
              // A page without an origin is of no site.
              const site = way.origin === 'null' ? 'cross-site' : relation;
              assert.equal(headers['sec-fetch-site'], way.untold ? undefined : site);
              assert.equal(headers.origin === 'null', way.origin === 'null');
            }
            await nothingDone(name);
            // Without this the test would pass if the way led nowhere.
            assert.equal(world.door.seen.length > 0, way.arrives !== undefined);
          }
        });
      }

      for (const enctype of FORMS) {
        for (const sandboxed of [false, true]) {
          test(`a form as ${enctype}${sandboxed ? ' in a sandbox' : ''}`, async (t) => {
            const page = await visit(t, home());
            await page.evaluate(form, { ...world.sent(world.mutation, to), enctype, sandboxed });
            const [first] = await heard(world.door, 'the form');
            assert.equal(first.method, 'POST');
            assert.equal(first.headers.origin, sandboxed ? 'null' : home());
            await nothingDone('a form');
          });
        }
      }

      for (const [name, way] of Object.entries(navigations)) {
        test(name, async (t) => {
          const page = await visit(t, home());
          await page.evaluate(way, world.sent(world.query, to));
          const [{ method }] = await heard(world.door, name);
          assert.equal(method, 'GET');
          await nothingDone(name);
        });
      }

      test('the explorer in a frame shows nothing', async (t) => {
        const page = await visit(t, home());
        const address = world.sent('', to).url.replace('/graphql', '/graphiql');
        const answered = page.waitForResponse(address);
        await page.evaluate((src) => {
          document.body.append(Object.assign(document.createElement('iframe'), { src }));
        }, address);
        const headers = await (await answered).allHeaders();
        assert.match(headers['content-security-policy'], /frame-ancestors 'none'/);
        assert.equal(page.frames().some((frame) => frame.url().includes('/graphiql')), false);
      });

      test('the explorer in a window is out of reach', async (t) => {
        const page = await visit(t, home());
        const address = world.sent('', to).url.replace('/graphql', '/graphiql');
        await page.evaluate((url) => void (window.opened = window.open(url)), address);
        // As good as closed: nothing of it can be read or steered.
        await page.waitForFunction(() => window.opened.closed);
      });
    });
  }

  test('an address typed by hand is told what to do instead', async (t) => {
    const page = await visit(t, 'about:blank');
    const response = await page.goto(world.sent(world.query, '127.0.0.1').get);
    assert.equal(response.status(), 403);
    assert.match(await response.text(), /by a script, not by a link/);
    await nothingDone('an address');
  });

  test('a name that was made to lead here is refused', async (t) => {
    const page = await visit(t, 'about:blank');
    const sent = world.sent(world.query, REBOUND);
    for (const path of ['/', '/graphiql', '/graphiql/config.json', '/anything']) {
      const response = await page.goto(new URL(path, sent.url).href);
      assert.equal(response.status(), 421);
    }
    // To the browser a page that came by this name before it was rebound is the gateway's own.
    await page.goto(new URL(THEIRS, sent.url).href);
    world.door.seen.length = 0;
    for (const name of MAY) {
      const { run, more } = scripts[name];
      assert.doesNotMatch(await page.evaluate(run, [sent, more]), /minor/, name);
    }
    // Each way came here, some twice: Chromium asks again after a 421.
    assert.ok(world.door.seen.length >= MAY.length);
    assert.deepEqual([...new Set(world.door.seen.map(({ status }) => status))], [421]);
    assert.deepEqual(await world.reached(), []);
  });

  // Without this the tests above could pass because nothing works at all.
  for (const name of [NAMED, '127.0.0.1']) {
    for (const way of MAY) {
      test(`but one of ${name} itself may: ${way}`, async (t) => {
        const sent = world.sent(world.query, name);
        const page = await visit(t, new URL('/graphiql', sent.url).href);
        const { run, more } = scripts[way];
        assert.match(await page.evaluate(run, [sent, more]), /"minor":\d+/);
        assert.notDeepEqual(await world.reached(), []);
      });
    }
  }
});

describe('a listed page in Chromium', { timeout: 120_000 }, () => {
  let world;
  let home;

  before(async () => {
    home = `http://${FRIEND}:${await site()}`;
    world = await victim({ GATEWAY_ALLOWED_ORIGINS: home });
  });
  after(() => world?.stop());
  beforeEach(async () => {
    await world.reached();
    world.door.seen.length = 0;
  });

  const open = async (t, document = world.query) => ({
    page: await visit(t, home),
    sent: world.sent(document, '127.0.0.1'),
  });

  for (const way of MAY) {
    test(`may: ${way}`, async (t) => {
      const { page, sent } = await open(t);
      const { run, more } = scripts[way];
      assert.match(await page.evaluate(run, [sent, more]), /"minor":\d+/);
      assert.notDeepEqual(await world.reached(), []);
    });
  }

  test('is told of changes by an event source, a WebSocket and fetch', async (t) => {
    const { page, sent } = await open(t, world.subscription);
    for (const name of ['an event source', 'a WebSocket']) {
      const { run } = scripts[name];
      assert.match(await page.evaluate(run, [sent]), /"kind":"SNAPSHOT"/, name);
    }
    const events = await page.evaluate(async ({ url, body }) => {
      const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
      const response = await fetch(url, { method: 'POST', headers, body });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      while (!text.includes('"kind":"SNAPSHOT"')) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
      }
      await reader.cancel();
      return text;
    }, sent);
    assert.match(events, /event: next\nid: \S+\ndata: .*"SNAPSHOT"/);
  });

  test('can send what common clients send, and read what is for it', async (t) => {
    const { page, sent } = await open(t);
    const told = await page.evaluate(async ({ url, body }) => {
      const headers = {
        accept: 'application/graphql-response+json',
        authorization: 'Bearer any',
        'content-type': 'application/json',
        'last-event-id': '',
        'x-graphql-cost': 'report',
        'apollo-require-preflight': 'true',
        'x-apollo-operation-name': 'Any',
        'x-apollo-operation-id': 'any',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      };
      const { status, headers: got } = await fetch(url, { method: 'POST', headers, body });
      return { status, id: got.get('x-request-id'), mode: got.get('x-mono-gateway-mode') };
    }, sent);
    assert.equal(told.status, 200);
    assert.match(told.id, /^req_/);
    assert.equal(told.mode, 'demo');
    assert.deepEqual(world.door.seen.map(({ method, status }) => [method, status]), [['OPTIONS', 204], ['POST', 200]]);
  });

  test('can read why it is refused', async (t) => {
    const { page, sent } = await open(t);
    const seen = await page.evaluate(async ({ url }) => {
      const json = { 'content-type': 'application/json' };
      const got = [];
      for (const [headers, body] of [
        [json, '{'],
        [json, ' '.repeat(300 * 1024)],
        [{}, '{}'],
        [{ ...json, accept: 'text/html' }, '{}'],
      ]) {
        const response = await fetch(url, { method: 'POST', headers, body });
        got.push([response.status, (await response.json()).errors[0].extensions.code]);
      }
      return got;
    }, sent);
    assert.deepEqual(seen, [
      [400, 'BAD_USER_INPUT'],
      [413, 'PAYLOAD_TOO_LARGE'],
      [415, 'BAD_USER_INPUT'],
      [406, 'BAD_USER_INPUT'],
    ]);
  });

  test('sees nothing where it sends credentials, of which there are none', async (t) => {
    const { page, sent } = await open(t);
    for (const name of ['an event source with credentials', 'fetch, GET with credentials']) {
      const { run } = scripts[name];
      assert.equal(await page.evaluate(run, [sent]), 'nothing', name);
    }
  });

  for (const enctype of FORMS) {
    test(`sends no form as ${enctype}`, async (t) => {
      const { page, sent } = await open(t, world.mutation);
      await page.evaluate(form, { ...sent, enctype });
      const [{ status }] = await heard(world.door, 'the form');
      assert.equal(status, 403);
      assert.deepEqual(await world.changed(), UNCHANGED);
    });
  }

  for (const [name, way] of Object.entries(resources)) {
    if (!way.opaque) continue;
    test(`loads nothing as ${name}`, async (t) => {
      const { page, sent } = await open(t);
      assert.equal(await page.evaluate(way.run, [sent, way.more]), 'nothing');
      const [{ status }] = await heard(world.door, name);
      assert.equal(status, 403);
      assert.deepEqual(await world.reached(), []);
    });
  }

  // Last, because it does something.
  test('may change something', async (t) => {
    const { page, sent } = await open(t, world.mutation);
    const { run, more } = scripts['fetch, POST'];
    assert.match(await page.evaluate(run, [sent, more]), /"reused":false/);
    assert.equal((await world.changed()).sessions, 1);
    // The bank tells by a webhook, in its own time.
    await until('the customer to be wanted', async () => (await world.changed()).required);
  });
});

describe('a browser that says nothing of the page behind a request', { timeout: 120_000 }, () => {
  let world;
  let home;
  let page;

  before(async () => {
    home = `http://${EVIL}:${await site()}`;
    world = await victim({ GATEWAY_PUBLIC_URL: `http://${PLAIN}` });
    page = await (await browser.newContext()).newPage();
    await page.goto(home);
  });
  after(() => world?.stop());
  beforeEach(async () => {
    await world.reached();
    world.door.seen.length = 0;
  });

  for (const [name, way] of Object.entries(ALL_WAYS)) {
    test(name, async () => {
      for (const document of [world.query, world.mutation]) {
        const sent = world.sent(document, PLAIN);
        if (way.at) await page.goto(home + way.at(sent));
        world.door.seen.length = 0;
        assert.equal(await page.evaluate(way.run, [sent, way.more]), 'nothing');
        if (way.arrives) await heard(world.door, name);
        for (const { headers, status } of world.door.seen) {
          assert.equal(headers['sec-fetch-site'], undefined);
          // Only what looks like a program's is answered, and a mutation is not even then.
          const answered = headers.origin === undefined && document === world.query;
          assert.equal(status === 200, answered, `${status} ${JSON.stringify(headers)}`);
        }
        assert.deepEqual(await world.changed(), UNCHANGED);
      }
    });
  }

  for (const enctype of FORMS) {
    test(`a form as ${enctype}`, async (t) => {
      const page = await visit(t, home);
      await page.evaluate(form, { ...world.sent(world.mutation, PLAIN), enctype });
      const [{ status }] = await heard(world.door, 'the form');
      assert.equal(status, 403);
      assert.deepEqual(await world.reached(), []);
      assert.deepEqual(await world.changed(), UNCHANGED);
    });
  }

  test('is answered where the page is the gateway\'s own', async (t) => {
    const sent = world.sent(world.query, PLAIN);
    const page = await visit(t, new URL('/graphiql', sent.url).href);
    for (const way of MAY) {
      const { run, more } = scripts[way];
      assert.match(await page.evaluate(run, [sent, more]), /"minor":\d+/, way);
    }
  });
});
