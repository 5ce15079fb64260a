// A real browser that can reach nothing but this machine.

import { chromium } from 'playwright-core';

/**
 * Chromium, as Debian packages it. `names` are host names that shall lead to 127.0.0.1, as a
 * foreign page's can be made to.
 */
export function launch({ names = [] } = {}) {
  const rules = [
    ...names.map((name) => `MAP ${name} 127.0.0.1`),
    'MAP * ~NOTFOUND',
    ...['127.0.0.1', 'localhost'].map((name) => `EXCLUDE ${name}`),
  ];
  return chromium.launch({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
    args: [
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-gpu',
      '--disable-quic',
      '--disable-sync',
      '--no-first-run',
      '--no-sandbox',
      `--host-resolver-rules=${rules.join(', ')}`,
    ],
  });
}
