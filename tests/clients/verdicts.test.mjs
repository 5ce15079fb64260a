// The gateway's verdict on a document is graphql-js's: on a corpus for each rule of validation, and
// on what becomes of it by chance. SEED repeats a run, MUTANTS makes it longer.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { WebSocket } from 'ws';

import { corpus, documents } from './documents/index.mjs';
import { generate } from './generate.mjs';
import { mutate, shorter } from './mutate.mjs';
import {
  INVALID,
  NO_OPERATION,
  UNPARSABLE,
  VALID,
  answerTo,
  broken,
  definesTypes,
  forEach,
  judge,
  repeatsRootOfMutation,
  rules,
  verdictIn,
} from './oracle.mjs';
import { Random } from './random.mjs';
import { deferred, startLive, within } from './support.mjs';

const SEED = Number(process.env.SEED ?? 20_260_806);
const MUTANTS = Number(process.env.MUTANTS ?? 4_000);

/** How many differences are told. */
const TOLD = 12;

let world;
before(async () => {
  world = await startLive({ GATEWAY_INTROSPECTION: 'true' });
});
after(() => world?.stop());

const ask = async (text) => verdictIn(await answerTo(world.gateway, text));

/** Whether the gateway differs where it means to. */
function isMeant({ text, theirs, ours }) {
  if (ours !== INVALID) return false;
  return theirs === VALID ? repeatsRootOfMutation(text) : definesTypes(text);
}

/** The document and the two verdicts on it, in one line. */
function line({ text, theirs, ours }) {
  const why = theirs === INVALID ? ` (${broken(text)})` : '';
  return `graphql-js: ${theirs}${why}; gateway: ${ours}: ${JSON.stringify(text)}`;
}

/** The shortest document found from this one on which the verdicts differ in the same way. */
async function shrink(difference) {
  let best = difference;
  const rule = (text) => (difference.theirs === INVALID ? `${broken(text)}` : '');
  const wanted = rule(difference.text);
  for (let found = true; found; ) {
    found = false;
    for (const text of shorter(best.text)) {
      if (text.length >= best.text.length || judge(text) !== best.theirs) continue;
      if (rule(text) !== wanted || (await ask(text)) !== best.ours) continue;
      best = { ...best, text };
      found = true;
      break;
    }
  }
  return best;
}

/** Fails, naming the shortest documents on which the verdicts differ, one for each way. */
async function assertNone(differences, of) {
  if (differences.length === 0) return;
  const byWay = new Map();
  for (const difference of differences.toSorted((a, b) => a.text.length - b.text.length)) {
    const { text, theirs, ours } = difference;
    const way = `${theirs} ${theirs === INVALID ? broken(text) : ''} ${ours}`;
    if (!byWay.has(way)) byWay.set(way, []);
    byWay.get(way).push(difference);
  }
  const ways = [...byWay.values()].toSorted((a, b) => b.length - a.length).slice(0, TOLD);
  const told = [];
  for (const [shortest, ...more] of ways) {
    told.push(`${more.length + 1} like ${line(await shrink(shortest))}`);
  }
  assert.fail(`${differences.length} of ${of} differ:\n${told.join('\n')}`);
}

test('the corpus has documents that keep and that break each rule, and graphql-js agrees', () => {
  assert.deepEqual(Object.keys(corpus).toSorted(), ['Syntax', ...rules.keys()].toSorted());
  for (const [rule, { valid, invalid }] of Object.entries(corpus)) {
    assert.ok(valid.length >= 2 && invalid.length >= 3, `too few documents for ${rule}`);
  }
  for (const { rule, text, breaks } of documents) {
    const found = broken(text);
    if (breaks.includes('*')) assert.ok(found.includes(rule), `${rule}: ${text}: ${found}`);
    else assert.deepEqual(found.toSorted(), breaks.toSorted(), `${rule}: ${text}`);
  }
});

test('the gateway judges each document of the corpus as graphql-js does', async () => {
  const results = await forEach(documents, async ({ text }) => {
    return { text, theirs: judge(text), ours: await ask(text) };
  });
  await assertNone(
    results.filter((result) => result.theirs !== result.ours && !isMeant(result)),
    `${documents.length} documents`,
  );
});

test('a document with half of a surrogate pair is refused: it is no text', async () => {
  const inString = '{accounts(after:"\ud83d"){totalCount}}';
  for (const text of [inString, '{gateway{version}}#\udc00', '\ud800']) {
    assert.equal(judge(text), UNPARSABLE);
    const { data, errors } = await answerTo(world.gateway, text);
    assert.equal(data, undefined);
    assert.match(errors[0].extensions.code, /^(BAD_USER_INPUT|GRAPHQL_PARSE_FAILED)$/);
  }
});

/** One document of each rule that keeps it and one that breaks it. */
const samples = Object.values(corpus).flatMap(({ valid, invalid }) =>
  [valid[0], invalid[0]].map((text) => [text].flat()[0]),
);

const PARAMETERS = (query) => ({ query, operationName: NO_OPERATION });

/** The answer over each of the other protocols. */
const PROTOCOLS = {
  async GET(query) {
    const url = `${world.gateway.graphql}?${new URLSearchParams(PARAMETERS(query))}`;
    const response = await fetch(url, { headers: { accept: 'application/json' } });
    return response.json();
  },
  async SSE(query) {
    const response = await fetch(world.gateway.graphql, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(PARAMETERS(query)),
    });
    const [, data] = /^event: ?next\n(?:id:.*\n)?data: ?(.*)$/m.exec(await response.text()) ?? [];
    return data && JSON.parse(data);
  },
  async WebSocket(query) {
    const socket = new WebSocket(world.gateway.socket, 'graphql-transport-ws');
    const answer = deferred();
    const say = (message) => socket.send(JSON.stringify(message));
    socket.on('open', () => say({ type: 'connection_init' }));
    socket.on('message', (text) => {
      const message = JSON.parse(text);
      if (message.type === 'connection_ack') {
        say({ id: '1', type: 'subscribe', payload: PARAMETERS(query) });
      } else if (message.id === '1') {
        answer.resolve(message.type === 'error' ? { errors: message.payload } : message.payload);
      }
    });
    socket.on('error', answer.reject);
    socket.on('close', (code) => answer.reject(new Error(`closed with ${code}`)));
    try {
      return await within(`an answer to ${query}`, answer.promise);
    } finally {
      socket.close();
    }
  },
};

for (const [protocol, send] of Object.entries(PROTOCOLS)) {
  test(`the verdict over ${protocol} is the same`, async () => {
    const results = await forEach(samples, async (text) => {
      return { text, theirs: judge(text), ours: verdictIn(await send(text)) };
    });
    assert.deepEqual(results.filter(({ theirs, ours }) => theirs !== ours).map(line), []);
  });
}

test('the gateway judges what chance makes of documents as graphql-js does', async (t) => {
  const random = new Random(SEED);
  const texts = documents.filter(({ rule }) => rule !== 'Syntax').map(({ text }) => text);
  const syntax = documents.filter(({ rule }) => rule === 'Syntax').map(({ text }) => text);
  const counts = { [UNPARSABLE]: 0, [INVALID]: 0, [VALID]: 0 };
  let aside = 0;
  const results = await forEach(Array.from({ length: MUTANTS }), async () => {
    const fresh = generate(random);
    const from = random.chance(0.5) ? fresh : random.of(random.chance(0.8) ? texts : syntax);
    const text = random.chance(0.1) ? from : mutate(from, random, texts);
    const theirs = judge(text);
    counts[theirs] += 1;
    const ours = await ask(text);
    if (theirs !== ours && isMeant({ text, theirs, ours })) {
      aside += 1;
      return { theirs, ours: theirs };
    }
    return { text, theirs, ours };
  });
  t.diagnostic(`SEED=${SEED} MUTANTS=${MUTANTS}: ${JSON.stringify({ ...counts, aside })}`);
  assert.ok(MUTANTS < 1000 || aside > 0, 'no mutation repeats a field at its root');
  for (const [verdict, count] of Object.entries(counts)) {
    assert.ok(count > MUTANTS / 20, `only ${count} of ${MUTANTS} are ${verdict}`);
  }
  await assertNone(
    results.filter(({ theirs, ours }) => theirs !== ours),
    `${MUTANTS} mutants (SEED=${SEED})`,
  );
});
