// The blocks of docs/clients.md as files that run, and a record of which of their functions ran.

import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { repository, run } from './support.mjs';

const compiler = createRequire(import.meta.url)('relay-compiler');

/** What the page has in place of a gateway's address. */
const ADDRESS = 'http://127.0.0.1:8080';

/** The blocks by name, in the order of the page. */
export function blocks() {
  const text = readFileSync(join(repository, 'docs/clients.md'), 'utf8');
  const found = new Map();
  for (const [, info, body] of text.matchAll(/^```(\S.*)\n([^]*?)^```$/gm)) {
    const name = info.split(' ')[1];
    if (!name) throw new Error(`a block of docs/clients.md without a name: ${body}`);
    if (found.has(name)) throw new Error(`two blocks of docs/clients.md named ${name}`);
    found.set(name, body);
  }
  return found;
}

/** Folders with the blocks as files, what they import beside them, and Relay's artifacts. */
export class Recipes {
  #folder = mkdtempSync(join(tmpdir(), 'mono-gateway-recipes-'));
  #copies = 0;
  #session = new Session();
  #scripts = [];
  blocks = blocks();
  /** Those that a tool read, rather than an engine ran. */
  compiled = [];

  async prepare() {
    const template = join(this.#folder, 'template');
    mkdirSync(template);
    for (const [name, text] of this.blocks) writeFileSync(join(template, name), text);
    writeFileSync(join(template, 'package.json'), '{"type":"module"}');
    mkdirSync(join(template, '__generated__'));
    cpSync(join(repository, 'schema.graphql'), join(template, 'schema.graphql'));
    const compiling = await run(compiler, ['--noWatchman'], { cwd: template });
    if (compiling.code !== 0) throw new Error(compiling.output);
    this.compiled.push('relay.config.json', 'account.js');
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  }

  /** A copy for a gateway: its folder, and a way to import from it. */
  copy(gateway) {
    const folder = join(this.#folder, `${(this.#copies += 1)}`);
    cpSync(join(this.#folder, 'template'), folder, { recursive: true });
    const modules = fileURLToPath(new URL('node_modules', import.meta.url));
    symlinkSync(modules, join(folder, 'node_modules'));
    const text = this.blocks.get('gateway.js');
    if (!text.includes(ADDRESS)) throw new Error(`gateway.js does not name ${ADDRESS}`);
    writeFileSync(join(folder, 'gateway.js'), text.replace(ADDRESS, gateway.url));
    return { folder, load: (name) => import(pathToFileURL(join(folder, name))) };
  }

  /** Takes note of what ran in a browser. */
  note(scripts) {
    this.#scripts.push(...scripts);
  }

  /** The functions of the blocks that never ran, and the blocks that were never loaded. */
  async idle() {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    const here = result.filter(({ url }) => url.startsWith(pathToFileURL(this.#folder).href));
    const ran = new Map();
    for (const { url, functions } of [...here, ...this.#scripts]) {
      const name = basename(new URL(url).pathname);
      if (!this.blocks.has(name) || url.includes('/node_modules/')) continue;
      const counts = ran.get(name) ?? new Map();
      ran.set(name, counts);
      for (const { functionName, ranges } of functions) {
        const [{ startOffset, count }] = ranges;
        // The address may be longer or shorter; gateway.js has one and what follows moves with it.
        const place = name === 'gateway.js' ? functionName : startOffset;
        const begin = this.blocks.get(name).slice(startOffset, startOffset + 60);
        const text = `${name}: ${functionName || begin}`;
        const before = counts.get(place)?.count ?? 0;
        counts.set(place, { text, count: before + count });
      }
    }
    const unused = [...ran.values()].flatMap((counts) => [...counts.values()]);
    const loaded = [...ran.keys(), ...this.compiled];
    return {
      functions: unused.filter(({ count }) => count === 0).map(({ text }) => text),
      blocks: [...this.blocks.keys()].filter((name) => !loaded.includes(name)),
    };
  }

  remove() {
    this.#session.disconnect();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
