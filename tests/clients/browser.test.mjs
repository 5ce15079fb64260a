// What a page of somebody else's can make a real Chromium do to the gateway: nothing.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';

import { launch } from './chromium.mjs';
import { ask, cast, pull, startDemo } from './support.mjs';

/** A name that its owner has made lead to 127.0.0.1. */
const REBOUND = 'rebound.example';

describe('in Chromium', { timeout: 90_000 }, () => {
  const servers = [];
  let browser;
  let gateway;
  let account;
  let evil;
  let neighbour;
  let friend;

  /** A site of somebody else's: an empty page, by whatever name it is called. */
  async function site() {
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>elsewhere</title>');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    return server.address().port;
  }

  before(async () => {
    evil = `http://localhost:${await site()}`; // another site than 127.0.0.1
    neighbour = `http://127.0.0.1:${await site()}`; // the same site, another origin
    friend = `http://localhost:${await site()}`;
    gateway = await startDemo({ GATEWAY_ALLOWED_ORIGINS: friend });
    account = (await cast(gateway.simulator)).healthy;
    browser = await launch({ names: [REBOUND] });
  });

  after(async () => {
    await browser?.close();
    await gateway?.stop();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  const query = () => `{ account(id: "${account}") { balance { minor } } }`;
  const mutation = () =>
    `mutation { initiateReauth(input: { accountId: "${account}", reuseActive: false }) { reused } }`;

  /** The requests that resolvers made for this account since the last look. */
  async function reached() {
    // A request of our own, answered: whatever was sent before it has been dealt with.
    await ask(gateway, '{ gateway { mode } }');
    const { calls } = await pull(gateway.simulator, 'calls', undefined, 'GET');
    await pull(gateway.simulator, 'calls', undefined, 'DELETE');
    return calls.filter((call) => JSON.stringify(call).includes(account));
  }

  const sessions = async () => {
    const asked = `{ account(id: "${account}") { reauth { sessions { nodes { id } } } } }`;
    return (await ask(gateway, asked)).account.reauth.sessions.nodes.length;
  };

  beforeEach(() => reached());

  /** A page at this address, closed with the test. */
  async function visit(t, origin) {
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(origin);
    return page;
  }

  /** What the gateway answered to whatever the page does, as statuses. */
  function statuses(page) {
    const seen = [];
    page.on('response', (response) => {
      if (response.url().startsWith(gateway.graphql)) seen.push(response.status());
    });
    return seen;
  }

  /** Each way of a page, run in it; its value is what the page got to see. */
  const ways = {
    'fetch, POST': async ({ url, body }) => {
      const headers = { 'content-type': 'application/json' };
      return fetch(url, { method: 'POST', headers, body }).then((r) => r.text(), () => 'nothing');
    },
    'fetch, POST without a preflight': async ({ url, body }) => {
      return fetch(url, { method: 'POST', body }).then((r) => r.text(), () => 'nothing');
    },
    'fetch, POST, opaque': async ({ url, body }) => {
      const options = { method: 'POST', mode: 'no-cors', body };
      return fetch(url, options).then((r) => r.text(), () => 'nothing').then((text) => text || 'nothing');
    },
    'fetch, GET': async ({ get }) => fetch(get).then((r) => r.text(), () => 'nothing'),
    'fetch, GET, opaque': async ({ get }) => {
      return fetch(get, { mode: 'no-cors' }).then((r) => r.text(), () => 'nothing').then((text) => text || 'nothing');
    },
    'a beacon': async ({ url, body }) => {
      navigator.sendBeacon(url, new Blob([body], { type: 'text/plain' }));
      return 'nothing';
    },
    'an image': async ({ get }) =>
      new Promise((resolve) => {
        const image = new Image();
        image.onload = () => resolve('loaded');
        image.onerror = () => resolve('nothing');
        image.src = get;
      }),
    'a script': async ({ get }) =>
      new Promise((resolve) => {
        const script = document.createElement('script');
        script.onload = () => resolve('loaded');
        script.onerror = () => resolve('nothing');
        script.src = get;
        document.head.append(script);
      }),
    'an event source': async ({ get }) =>
      new Promise((resolve) => {
        const source = new EventSource(get);
        const end = (value) => () => {
          source.close();
          resolve(value);
        };
        source.addEventListener('next', end('an event'));
        source.onopen = end('open');
        source.onerror = end('nothing');
      }),
    'a WebSocket': async ({ socket, query: document }) =>
      new Promise((resolve) => {
        const open = new WebSocket(socket, 'graphql-transport-ws');
        open.onopen = () => open.send('{"type":"connection_init"}');
        open.onmessage = ({ data }) => {
          if (JSON.parse(data).type !== 'connection_ack') resolve(data);
          const payload = { query: document };
          open.send(JSON.stringify({ id: '1', type: 'subscribe', payload }));
        };
        open.onclose = () => resolve('nothing');
      }),
  };

  const sent = (document) => ({
    url: gateway.graphql,
    get: `${gateway.graphql}?${new URLSearchParams({ query: document })}`,
    socket: gateway.socket,
    query: document,
    body: JSON.stringify({ query: document }),
  });

  for (const [whose, origin] of [
    ['another site', () => evil],
    ['the same site', () => neighbour],
  ]) {
    describe(`a page of ${whose}`, () => {
      for (const [name, way] of Object.entries(ways)) {
        test(name, async (t) => {
          const page = await visit(t, origin());
          for (const document of [query(), mutation()]) {
            // A beacon tells its page nothing, so the network is listened to.
            const answered = name === 'a beacon' && page.waitForResponse(gateway.graphql);
            assert.equal(await page.evaluate(way, sent(document)), 'nothing');
            if (answered) assert.equal((await answered).status(), 403);
          }
          assert.deepEqual(await reached(), []);
          assert.equal(await sessions(), 0);
        });
      }

      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
        test(`a form as ${type}`, async (t) => {
          const page = await visit(t, origin());
          const seen = statuses(page);
          const landed = page.waitForURL(gateway.graphql);
          await page.evaluate(
            ({ url, body, enctype }) => {
              const form = document.createElement('form');
              Object.assign(form, { method: 'post', action: url, enctype });
              const field = document.createElement('input');
              // With text/plain this writes {"query":"…","ignored":"="}, which is JSON.
              field.name = enctype === 'text/plain' ? `${body.slice(0, -1)},"ignored":"` : 'query';
              field.value = enctype === 'text/plain' ? '"}' : JSON.parse(body).query;
              form.append(field);
              document.body.append(form);
              form.submit();
            },
            { ...sent(mutation()), enctype: type },
          );
          await landed;
          assert.deepEqual(seen, [403]);
          assert.deepEqual(await reached(), []);
          assert.equal(await sessions(), 0);
        });
      }

      test('a link', async (t) => {
        const page = await visit(t, origin());
        const seen = statuses(page);
        const { get } = sent(query());
        const landed = page.waitForURL(/query=/);
        await page.evaluate((address) => location.assign(address), get);
        await landed;
        assert.deepEqual(seen, [403]);
        assert.deepEqual(await reached(), []);
      });

      test('a frame', async (t) => {
        const page = await visit(t, origin());
        const seen = statuses(page);
        const { get } = sent(query());
        const answered = page.waitForResponse(get);
        await page.evaluate((address) => {
          const frame = document.createElement('iframe');
          frame.src = address;
          document.body.append(frame);
        }, get);
        await answered;
        assert.deepEqual(seen, [403]);
        assert.deepEqual(await reached(), []);
      });

      test('the explorer in a frame shows nothing', async (t) => {
        const page = await visit(t, origin());
        const answered = page.waitForResponse(`${gateway.url}/graphiql`);
        await page.evaluate((address) => {
          const frame = document.createElement('iframe');
          frame.src = address;
          document.body.append(frame);
        }, `${gateway.url}/graphiql`);
        const policy = (await (await answered).allHeaders())['content-security-policy'];
        assert.match(policy, /frame-ancestors 'none'/);
        assert.equal(page.frames().some((frame) => frame.url().startsWith(gateway.url)), false);
      });
    });
  }

  test('an address typed by hand is told what to do instead', async (t) => {
    const page = await visit(t, 'about:blank');
    const response = await page.goto(sent(query()).get);
    assert.equal(response.status(), 403);
    assert.deepEqual(await reached(), []);
  });

  test('a name that was made to lead here is refused', async (t) => {
    const page = await visit(t, 'about:blank');
    const { port } = new URL(gateway.url);
    const response = await page.goto(`http://${REBOUND}:${port}/graphiql`);
    assert.equal(response.status(), 421);
    const sentTo = { ...sent(query()), url: '/graphql', get: sent(query()).get.replace(gateway.url, '') };
    const status = await page.evaluate(async ({ url, body }) => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(url, { method: 'POST', headers, body })).status;
    }, sentTo);
    assert.equal(status, 421);
    assert.deepEqual(await reached(), []);
  });

  // Without these the tests above could pass because nothing works at all.
  for (const [whose, origin, may] of [
    ['the gateway', () => `${gateway.url}/graphiql`, ['fetch, POST', 'fetch, GET', 'a WebSocket', 'an event source']],
    ['a listed origin', () => friend, ['fetch, POST', 'fetch, GET', 'a WebSocket', 'an event source']],
  ]) {
    for (const name of may) {
      test(`a page of ${whose} may: ${name}`, async (t) => {
        const page = await visit(t, origin());
        const seen = await page.evaluate(ways[name], sent(query()));
        if (name === 'an event source') assert.equal(seen, 'open');
        else assert.match(seen, /"minor":\d+/);
        if (name !== 'an event source') assert.notDeepEqual(await reached(), []);
      });
    }
  }
});
