// What a page can try, each run in the page itself; what it returns is what the page got to see.
//
// `arrives` is the method by which the gateway first hears of it, or nothing where the browser does
// not even ask. Of what is `opaque` a page sees nothing whoever answers it. What is `untold` comes
// without Fetch Metadata: Chromium sends none with a WebSocket.

const json = { 'content-type': 'application/json' };

/** Requests by a script. */
export const scripts = {
  'fetch, POST': {
    arrives: 'OPTIONS',
    run: ([{ url, body }, headers]) =>
      fetch(url, { method: 'POST', headers, body }).then((r) => r.text(), () => 'nothing'),
    more: json,
  },
  'fetch, POST without a preflight': {
    arrives: 'POST',
    run: ([{ url, body }]) => fetch(url, { method: 'POST', body }).then((r) => r.text(), () => 'nothing'),
  },
  'fetch, POST that outlives its page': {
    arrives: 'POST',
    run: ([{ url, body }]) =>
      fetch(url, { method: 'POST', body, keepalive: true }).then((r) => r.text(), () => 'nothing'),
  },
  'fetch, POST, opaque': {
    arrives: 'POST',
    run: ([{ url, body }]) =>
      fetch(url, { method: 'POST', mode: 'no-cors', body }).then(
        async (r) => (await r.text()) || 'nothing',
        () => 'nothing',
      ),
  },
  'fetch, GET': {
    arrives: 'GET',
    run: ([{ get }]) => fetch(get).then((r) => r.text(), () => 'nothing'),
  },
  'fetch, GET with credentials': {
    arrives: 'GET',
    run: ([{ get }]) => fetch(get, { credentials: 'include' }).then((r) => r.text(), () => 'nothing'),
  },
  'fetch, GET with a content type of forms': {
    arrives: 'GET',
    run: ([{ get }]) =>
      fetch(get, { headers: { 'content-type': 'text/plain' } }).then((r) => r.text(), () => 'nothing'),
  },
  'fetch, GET with a content type of ours': {
    arrives: 'OPTIONS',
    run: ([{ get }, headers]) => fetch(get, { headers }).then((r) => r.text(), () => 'nothing'),
    more: json,
  },
  'fetch, GET, opaque': {
    arrives: 'GET',
    opaque: true,
    run: ([{ get }]) =>
      fetch(get, { mode: 'no-cors', headers: { accept: 'application/json' } }).then(
        async (r) => (await r.text()) || 'nothing',
        () => 'nothing',
      ),
  },
  'fetch, HEAD': {
    arrives: 'HEAD',
    run: ([{ get }]) => fetch(get, { method: 'HEAD' }).then(() => 'an answer', () => 'nothing'),
  },
  'fetch that overrides its method': {
    arrives: 'OPTIONS',
    run: ([{ get }]) =>
      fetch(get, { headers: { 'x-http-method-override': 'POST' } }).then((r) => r.text(), () => 'nothing'),
  },
  'XMLHttpRequest': {
    arrives: 'POST',
    run: ([{ url, body }]) =>
      new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open('POST', url);
        request.withCredentials = true;
        request.onload = () => resolve(request.responseText);
        request.onerror = () => resolve('nothing');
        request.send(body);
      }),
  },
  'a beacon as text': {
    arrives: 'POST',
    run: ([{ url, body }]) => {
      navigator.sendBeacon(url, new Blob([body], { type: 'text/plain' }));
      return 'nothing';
    },
  },
  'a beacon as JSON': {
    arrives: 'OPTIONS',
    run: ([{ url, body }]) => {
      navigator.sendBeacon(url, new Blob([body], { type: 'application/json' }));
      return 'nothing';
    },
  },
  'an event source': {
    arrives: 'GET',
    run: ([{ get }]) =>
      new Promise((resolve) => {
        const source = new EventSource(get);
        const end = (value) => {
          source.close();
          resolve(value);
        };
        source.addEventListener('next', ({ data }) => end(data));
        source.onerror = () => end('nothing');
      }),
  },
  'an event source with credentials': {
    arrives: 'GET',
    run: ([{ get }]) =>
      new Promise((resolve) => {
        const source = new EventSource(get, { withCredentials: true });
        const end = (value) => {
          source.close();
          resolve(value);
        };
        source.addEventListener('next', ({ data }) => end(data));
        source.onerror = () => end('nothing');
      }),
  },
  'a WebSocket': {
    arrives: 'GET',
    untold: true,
    run: ([{ socket, query }]) =>
      new Promise((resolve) => {
        const open = new WebSocket(socket, 'graphql-transport-ws');
        open.onopen = () => open.send('{"type":"connection_init"}');
        open.onmessage = ({ data }) => {
          if (JSON.parse(data).type !== 'connection_ack') return resolve(data);
          const payload = { query };
          open.send(JSON.stringify({ id: '1', type: 'subscribe', payload }));
        };
        open.onclose = () => resolve('nothing');
      }),
  },
  'a WebSocket without a protocol': {
    arrives: 'GET',
    untold: true,
    run: ([{ socket }]) =>
      new Promise((resolve) => {
        const open = new WebSocket(socket);
        open.onopen = () => resolve('open');
        open.onerror = () => resolve('nothing');
      }),
  },
};

/** A script in a worker: the page's worker fetches `what`, and tells what it saw. */
const inWorker = (code) => ({
  run: ([{ get }, source]) =>
    new Promise((resolve) => {
      const blob = new Blob([source.replace('ADDRESS', JSON.stringify(get))]);
      const worker = new Worker(URL.createObjectURL(blob));
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = () => resolve('nothing');
    }),
  more: code,
});

/** A frame without an origin: its requests say `Origin: null`. */
const inSandbox = (markup) => ({
  run: ([sent, source]) =>
    new Promise((resolve) => {
      addEventListener('message', ({ data }) => resolve(data));
      const frame = document.createElement('iframe');
      frame.sandbox = 'allow-scripts allow-forms';
      frame.srcdoc = `<body><script>const sent = ${JSON.stringify(sent)};${source}</script>`;
      document.body.append(frame);
    }),
  more: markup,
});

/** Scripts that are not the page's own. */
export const elsewhere = {
  'fetch in a worker': {
    arrives: 'GET',
    ...inWorker(`fetch(ADDRESS).then((r) => r.text()).catch(() => 'nothing').then(postMessage)`),
  },
  'importScripts in a worker': {
    arrives: 'GET',
    opaque: true,
    ...inWorker(`try { importScripts(ADDRESS); postMessage('ran') } catch { postMessage('nothing') }`),
  },
  'fetch, GET in a sandbox': {
    arrives: 'GET',
    origin: 'null',
    ...inSandbox(`fetch(sent.get).then((r) => r.text()).catch(() => 'nothing')
      .then((text) => parent.postMessage(text, '*'))`),
  },
  'fetch, POST in a sandbox': {
    arrives: 'OPTIONS',
    origin: 'null',
    ...inSandbox(`fetch(sent.url, { method: 'POST', headers: { 'content-type': 'application/json' },
      body: sent.body }).then((r) => r.text()).catch(() => 'nothing')
      .then((text) => parent.postMessage(text, '*'))`),
  },
  'a WebSocket in a sandbox': {
    arrives: 'GET',
    untold: true,
    origin: 'null',
    ...inSandbox(`const socket = new WebSocket(sent.socket, 'graphql-transport-ws');
      socket.onopen = () => parent.postMessage('open', '*');
      socket.onclose = () => parent.postMessage('nothing', '*')`),
  },
  'a worker made of it': {
    run: ([{ get }]) => {
      try {
        new Worker(get);
        return 'a worker';
      } catch {
        return 'nothing';
      }
    },
  },
  'a shared worker made of it': {
    run: ([{ get }]) => {
      try {
        new SharedWorker(get);
        return 'a worker';
      } catch {
        return 'nothing';
      }
    },
  },
  'a service worker made of it': {
    run: ([{ get }]) =>
      navigator.serviceWorker?.register(get).then(() => 'a worker', () => 'nothing') ?? 'nothing',
  },
};

/** An element that loads something, and tells whether it did. */
const element = (name, attributes, by = 'src') => ({
  arrives: 'GET',
  opaque: !('crossOrigin' in attributes) && attributes.type !== 'module',
  run: ([{ get }, { name, attributes, by }]) =>
    new Promise((resolve) => {
      const made = Object.assign(document.createElement(name), attributes, { [by]: get });
      made.onload = made.onloadeddata = () => resolve('loaded');
      made.onerror = () => resolve('nothing');
      document.body.append(made);
    }),
  more: { name, attributes, by },
});

/** Resources of a page. */
export const resources = {
  'an image': element('img', {}),
  'an image by CORS': element('img', { crossOrigin: 'anonymous' }),
  'a script': element('script', {}),
  'a script as a module': element('script', { type: 'module' }),
  'a style sheet': element('link', { rel: 'stylesheet' }, 'href'),
  'a video': element('video', {}),
  'an audio': element('audio', {}),
  'an import': {
    arrives: 'GET',
    run: ([{ get }]) => import(get).then(() => 'loaded', () => 'nothing'),
  },
  'a font': {
    arrives: 'GET',
    run: ([{ get }]) => new FontFace('stolen', `url(${get})`).load().then(() => 'loaded', () => 'nothing'),
  },
  // Of these a page is not told how they ended, or told wrongly.
  ...Object.fromEntries(
    [
      ['a prefetch', 'link', { rel: 'prefetch' }, 'href'],
      ['a preload', 'link', { rel: 'preload', as: 'script' }, 'href'],
      ['an object', 'object', {}, 'data'],
      ['an embed', 'embed', {}, 'src'],
      ['a frame', 'iframe', {}, 'src'],
    ].map(([title, name, attributes, by]) => [
      title,
      {
        arrives: 'GET',
        opaque: true,
        run: ([{ get }, { name, attributes, by }]) => {
          document.body.append(
            Object.assign(document.createElement(name), attributes, { [by]: get }),
          );
          return 'nothing';
        },
        more: { name, attributes, by },
      },
    ]),
  ),
  'the ping of a link': {
    arrives: 'POST',
    run: ([{ url }]) => {
      const link = Object.assign(document.createElement('a'), { href: '#', ping: url });
      document.body.append(link);
      link.click();
      return 'nothing';
    },
  },
  'a report of a broken policy': {
    arrives: 'POST',
    // The page's own policy, which its server sends, has its reports sent to the gateway.
    at: ({ url }) => `/?${new URLSearchParams({ reports: url })}`,
    run: () => {
      document.body.append(Object.assign(new Image(), { src: '/not-allowed' }));
      return 'nothing';
    },
  },
};

/** What leads away from the page, or opens another. */
export const navigations = {
  'a link': ({ get }) => location.assign(get),
  'a window': ({ get }) => void window.open(get),
  'a download': ({ get }) => {
    Object.assign(document.createElement('a'), { href: get, download: 'x' }).click();
  },
  'a form by GET': ({ url, query }) => {
    const form = Object.assign(document.createElement('form'), { method: 'get', action: url });
    form.append(Object.assign(document.createElement('input'), { name: 'query', value: query }));
    document.body.append(form);
    form.submit();
  },
  'a refresh': ({ get }) => {
    const meta = Object.assign(document.createElement('meta'), { httpEquiv: 'refresh', content: `0;url=${get}` });
    document.head.append(meta);
  },
};

/** Sends a form of this type with the document, from the page or from a frame without an origin. */
export const form = ({ url, body, enctype, sandboxed }) => {
  // With text/plain this writes {"query":"…","ignored":"="}, which is JSON.
  const plain = enctype === 'text/plain';
  const make = (where) => {
    const made = where.createElement('form');
    Object.assign(made, { method: 'post', action: url, enctype });
    const field = where.createElement('input');
    field.name = plain ? `${body.slice(0, -1)},"ignored":"` : 'query';
    field.setAttribute('value', plain ? '"}' : JSON.parse(body).query);
    made.append(field);
    return made;
  };
  if (!sandboxed) {
    const made = make(document);
    document.body.append(made);
    made.submit();
    return;
  }
  const frame = document.createElement('iframe');
  frame.sandbox = 'allow-scripts allow-forms';
  frame.srcdoc = `<body>${make(document).outerHTML}<script>document.forms[0].submit()</script>`;
  document.body.append(frame);
};
