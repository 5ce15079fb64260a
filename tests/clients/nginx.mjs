// An nginx in front of a gateway, configured as any guide has it and no further.

import { chownSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { Process, temporaryFolder, until } from './support.mjs';

/** Who runs it where the tests run as root: nobody, on every Unix that has nginx. */
const NOBODY = 65_534;

/** How often to try another port if somebody else was quicker. */
const ATTEMPTS = 5;

/** Buffering stays as nginx has it, which is on. `settings` are further lines. */
const configuration = (port, upstream, settings) => `
  daemon off;
  worker_processes 1;
  pid nginx.pid;
  events { worker_connections 256; }
  http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
      listen 127.0.0.1:${port};
      ${settings}
      location / {
        proxy_pass http://${upstream};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
      }
      # One who read no guide. nginx then speaks HTTP/1.0 to what is behind it.
      location /bare/ {
        proxy_pass http://${upstream}/;
      }
    }
  }
`;

/** A loopback port that is free at the moment. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The gateway as it is seen through an nginx of its own, until `stop`. */
export async function behindNginx(gateway, settings = '') {
  const folder = temporaryFolder();
  const asRoot = process.getuid() === 0;
  if (asRoot) chownSync(folder.path, NOBODY, NOBODY);
  for (let attempt = 1; ; attempt += 1) {
    const address = `127.0.0.1:${await freePort()}`;
    const port = address.split(':')[1];
    writeFileSync(join(folder.path, 'nginx.conf'), configuration(port, gateway.address, settings));
    const nginx = new Process('nginx', ['-e', 'stderr', '-p', folder.path, '-c', 'nginx.conf'], {
      cwd: folder.path,
      // Where Debian keeps it is not on everybody's path.
      env: { PATH: `${process.env.PATH}:/usr/sbin` },
      ...(asRoot && { uid: NOBODY, gid: NOBODY }),
    });
    let ended = false;
    nginx.ended.then(() => (ended = true));
    const url = `http://${address}`;
    const serves = () => fetch(`${url}/health/live`).then((r) => r.ok, () => false);
    await until('nginx to serve or to end', async () => ended || (await serves()));
    if (!ended) {
      const stop = async () => {
        await nginx.stop();
        folder.remove();
      };
      return {
        ...gateway,
        address,
        url,
        graphql: `${url}/graphql`,
        bare: { ...gateway, graphql: `${url}/bare/graphql` },
        socket: `ws://${address}/graphql`,
        stop,
      };
    }
    if (attempt === ATTEMPTS) throw new Error(`nginx does not start: ${nginx.output}`);
  }
}
