// Starts and stops real gateways and simulators, and waits on what they say: never on the clock.

import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url));
export const binary = process.env.GATEWAY_BIN ?? join(repository, 'target/debug/mono-gateway');

/** How long anything may take, in milliseconds, before a test says what did not happen. */
const DEADLINE = 15_000;

/** How soon to ask again what cannot be listened to. */
const AGAIN = 20;

const SECRET_KEY = 'test_sk_clients';
const WEBHOOK_SECRET = 'clients-webhook-secret';

/** The promise's value, or a failure that names what was waited for. */
export async function within(what, promise, ms = DEADLINE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again until the answer is truthy. For what can only be asked. */
export async function until(what, probe, ms = DEADLINE) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`asked for ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

/** What a stream said, in order, with waiting for what it is still to say. */
export class Inbox {
  all = [];
  #changed = deferred();
  #end;

  put(value) {
    this.all.push(value);
    this.#wake();
  }

  /** The stream ended; with an error, or without. */
  end(error) {
    this.#end ??= { error };
    this.#wake();
  }

  /** The first value that fits, said already or later. */
  async find(what, fits = () => true, ms = DEADLINE) {
    const search = async () => {
      for (let at = 0; ; ) {
        for (; at < this.all.length; at += 1) if (fits(this.all[at])) return this.all[at];
        if (this.#end) {
          throw new Error(`the stream ended before ${what}`, { cause: this.#end.error });
        }
        await this.#changed.promise;
      }
    };
    try {
      return await within(what, search(), ms);
    } catch (error) {
      error.message += `; there was ${JSON.stringify(this.all)}`;
      throw error;
    }
  }

  /** The first `count` values. */
  async take(count) {
    await this.find(`${count} values`, () => this.all.length >= count);
    return this.all.slice(0, count);
  }

  /** Once it has ended: the error that it ended with, if any. */
  async ended() {
    const search = async () => {
      while (!this.#end) await this.#changed.promise;
      return this.#end.error;
    };
    return within('the end of the stream', search());
  }

  #wake() {
    const { resolve } = this.#changed;
    this.#changed = deferred();
    resolve();
  }
}

/** A promise with its levers; node 20 has no Promise.withResolvers. */
export function deferred() {
  let levers;
  const promise = new Promise((resolve, reject) => (levers = { resolve, reject }));
  return { promise, ...levers };
}

const running = new Set();
// A test that dies takes its processes with it.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
process.once('SIGTERM', () => process.exit(1));

/** A process, with what it prints. */
export class Process {
  #child;
  #exit = deferred();
  output = '';

  constructor(file, args, options) {
    this.#child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this.#child);
    const keep = (text) => (this.output += text);
    this.#child.stdout.setEncoding('utf8').on('data', keep);
    this.#child.stderr.setEncoding('utf8').on('data', keep);
    this.#child.once('error', (error) => this.#exit.reject(error));
    this.#child.once('exit', (code, signal) => {
      running.delete(this.#child);
      this.#exit.resolve(code ?? signal);
    });
  }

  /** The first group of the pattern, once the process prints it. */
  async prints(pattern) {
    let gone;
    this.#exit.promise.then((code) => (gone = code));
    return until(`the output to match ${pattern}`, () => {
      const found = pattern.exec(this.output);
      if (!found && gone !== undefined) throw new Error(`it ended with ${gone}: ${this.output}`);
      return found?.[1];
    });
  }

  /** How it ended, once it has. */
  get ended() {
    return this.#exit.promise;
  }

  /** Ends the process, and tells how it ended. */
  async stop(signal = 'SIGTERM') {
    this.#child.kill(signal);
    return within(`the process to end after ${signal}`, this.#exit.promise);
  }
}

/** A process of the gateway's binary. */
function ours(args, folder, settings) {
  if (!existsSync(binary)) throw new Error(`${binary} is missing; GATEWAY_BIN names the binary`);
  // Nothing of the caller's settings: they may be for a gateway of another kind.
  return new Process(binary, args, { cwd: folder, env: { PATH: process.env.PATH, ...settings } });
}

/** A folder of its own, gone when `remove` is called. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'mono-gateway-clients-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * A gateway on a database in `folder`. In demo mode, unless the settings say otherwise.
 * Ports are free ones, so that suites can run side by side.
 */
async function serve(folder, settings) {
  const running = ours([], folder, {
    DATABASE_URL: `sqlite://${join(folder, 'gateway.db')}?mode=rwc`,
    GATEWAY_ADMIN_BIND: '127.0.0.1:0',
    GATEWAY_BIND: '127.0.0.1:0',
    GATEWAY_DRAIN_MS: '100',
    GATEWAY_LOG_FORMAT: 'json',
    ...settings,
  });
  const ready = /(?:GraphQL +http:\/\/|"address":")([\d.]+:\d+)/;
  const address = await running.prints(ready);
  const admin = await running.prints(/(?:metrics +http:\/\/|"admin":")([\d.]+:\d+)/);
  const url = `http://${address}`;
  await until('/health/ready to be 200', async () => {
    const response = await fetch(`${url}/health/ready`);
    await response.arrayBuffer();
    return response.ok;
  });
  return {
    address,
    url,
    admin: `http://${admin}`,
    graphql: `${url}/graphql`,
    socket: `ws://${address}/graphql`,
    simulator: /simulator +(http:\S+)/.exec(running.output)?.[1],
    output: () => running.output,
    stop: (signal) => running.stop(signal),
  };
}

/** A gateway in demo mode, with its simulator, in a folder of its own. */
export async function startDemo(settings = {}) {
  const folder = temporaryFolder();
  const gateway = await serve(folder.path, settings);
  const stop = async () => {
    const code = await gateway.stop();
    folder.remove();
    return code;
  };
  return { ...gateway, stop };
}

/**
 * A gateway in live mode against a simulator that is a process of its own and sends webhooks only
 * when told (`deliver`), so that the gateway can be restarted in the middle of a story.
 */
export async function startLive(settings = {}) {
  const folder = temporaryFolder();
  const simulator = ours(
    [
      ...['simulator', '--bind', '127.0.0.1:0', '--explicit'],
      ...['--secret-key', SECRET_KEY, '--webhook-secret', WEBHOOK_SECRET],
    ],
    folder.path,
    {},
  );
  const base = await simulator.prints(/state is at (http:\S+)\/_simulator\/state/);
  const live = {
    GATEWAY_AUTH: 'none',
    MONO_BASE_URL: base,
    MONO_SECRET_KEY: SECRET_KEY,
    MONO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    ...settings,
  };
  const world = { simulator: base };
  const start = async (more) => {
    world.gateway = await serve(folder.path, { ...live, ...more });
  };
  await start();
  await pull(base, 'webhooks/url', { url: `${world.gateway.url}/webhooks/mono` });
  return Object.assign(world, {
    /** Ends the gateway and starts it again, on the same address and database. */
    async restart(signal, whileItIsDown = async () => {}) {
      const { address } = world.gateway;
      await world.gateway.stop(signal);
      await whileItIsDown();
      await start({ GATEWAY_BIND: address });
    },
    /** Sends the webhooks that wait, and returns those that were sent. */
    deliver: async () => (await pull(base, 'webhooks/deliver', {})).delivered,
    async stop() {
      await world.gateway.stop();
      await simulator.stop();
      folder.remove();
    },
  });
}

/** What the binary prints. */
export async function printed(...args) {
  const folder = temporaryFolder();
  const command = ours(args, folder.path, {});
  const code = await within(`${args.join(' ')} to end`, command.ended);
  folder.remove();
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${command.output}`);
  return command.output;
}

/** How a command ended and what it said. */
export const run = (file, args, options = {}) =>
  new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, output: stdout + stderr }),
    );
  });

/** Pulls a lever of the simulator's. */
export async function pull(simulator, path, body, method = 'POST') {
  const response = await fetch(`${simulator}/_simulator/${path}`, {
    method,
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`the simulator refuses ${path}: ${answer.message}`);
  return answer;
}

/** The simulator's accounts, first of all one that is well and one whose bank wants its customer. */
export async function cast(simulator) {
  const { accounts } = await pull(simulator, 'state', undefined, 'GET');
  const id = (fits) => accounts.find(fits).id;
  return {
    all: accounts.map((account) => account.id),
    healthy: id((account) => account.status === 'AVAILABLE' && !account.needs_reauth),
    needsReauth: id((account) => account.needs_reauth),
  };
}

/** The answer to a document, sent as plainly as can be. Fails if there are errors. */
export async function ask(gateway, query, variables) {
  const response = await fetch(gateway.graphql, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(`errors to ${query}: ${JSON.stringify(errors)}`);
  return data;
}

/** How many streaming connections of this kind the gateway says are open. */
export async function connections(gateway, transport) {
  const response = await fetch(`${gateway.admin}/metrics`);
  const line = `^mono_gateway_connections\\{transport="${transport}"\\} (\\d+)`;
  return Number(new RegExp(line, 'm').exec(await response.text())?.[1] ?? 0);
}

/** Waits until as many are open. */
export const untilConnections = (gateway, transport, count) =>
  until(`${count} open connections over ${transport}`, async () => {
    const open = await connections(gateway, transport);
    return open === count;
  });

/** Waits until the gateway has heard that this account's customer is wanted. */
export async function untilWanted(gateway, id) {
  const query = 'query ($id: ID!) { account(id: $id) { reauth { required } } }';
  await until('reauth.required to be true', async () => {
    const { account } = await ask(gateway, query, { id });
    return account.reauth.required;
  });
}
