// Stands before a gateway and writes down what a browser brings: who knocks and how it is answered.

import { once } from 'node:events';
import { createServer, request } from 'node:http';

/** A page of somebody else's that came from this address before its name was made to lead here. */
export const THEIRS = '/theirs';

/** The status of an answer to an upgrade, which is all of it that matters here. */
const UPGRADED = 101;

/**
 * Passes everything on to the gateway at `address`, to the letter, from a port of its own. `seen`
 * has each GraphQL request with its method, its headers and, once it is answered, its status.
 */
export async function stand(address) {
  const [hostname, port] = address.split(':');
  const seen = [];

  function pass(incoming, answered) {
    const { method, url: path, rawHeaders: headers } = incoming;
    const knock = { method, headers: incoming.headers, path };
    if (path.startsWith('/graphql')) seen.push(knock);
    const outgoing = request({ hostname, port, method, path, headers, agent: false });
    const arrived = (response) => {
      knock.status = response.statusCode;
      answered(response);
    };
    outgoing.on('response', arrived);
    return { outgoing, arrived };
  }

  const server = createServer((incoming, answer) => {
    if (incoming.url === THEIRS) {
      answer.setHeader('content-type', 'text/html');
      answer.end('<!doctype html><title>theirs</title>');
      return;
    }
    const { outgoing } = pass(incoming, (response) => {
      answer.writeHead(response.statusCode, response.rawHeaders);
      answer.flushHeaders();
      response.pipe(answer);
      response.on('error', () => answer.destroy());
    });
    incoming.pipe(outgoing);
    outgoing.on('error', () => answer.destroy());
    answer.on('close', () => outgoing.destroy());
  });
  server.on('upgrade', (incoming, socket) => {
    const write = ({ statusCode, statusMessage, rawHeaders }) => {
      const lines = rawHeaders.map((text, at) => (at % 2 ? `${text}\r\n` : `${text}: `)).join('');
      socket.write(`HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines}\r\n`);
    };
    const { outgoing, arrived } = pass(incoming, (response) => {
      write(response);
      if (response.statusCode !== UPGRADED) response.pipe(socket);
    });
    outgoing.on('upgrade', (response, other, first) => {
      arrived(response);
      socket.write(first);
      other.pipe(socket).pipe(other);
      other.on('error', () => socket.destroy());
      socket.on('close', () => other.destroy());
    });
    outgoing.on('error', () => socket.destroy());
    socket.on('error', () => outgoing.destroy());
    outgoing.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    seen,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
