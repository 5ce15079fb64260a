// The gateway takes the values for variables that graphql-js takes, and refuses the others before
// anything runs: on a corpus, and on what becomes of it by chance. SEED repeats a run, MUTANTS
// makes it longer.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { GraphQLScalarType, buildSchema, getVariableValues, parse, printSchema } from 'graphql';

import { PLACES, inputs } from './documents/inputs.mjs';
import { INVALID, VALID, forEach, judge, post, schema } from './oracle.mjs';
import { Random } from './random.mjs';
import { startLive } from './support.mjs';

const SEED = Number(process.env.SEED ?? 20_260_806);
const MUTANTS = Number(process.env.MUTANTS ?? 2_000);
const TOLD = 12;

const TAKEN = 'taken';
const REFUSED = 'refused';

/** The same schema with days that are days. */
const strict = buildSchema(printSchema(schema));
const day = (value) => {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(value)) throw new TypeError('no day');
  if (new Date(value).toJSON()?.slice(0, 10) !== value) throw new TypeError('no such day');
  return value;
};
assert.ok(strict.getType('Date') instanceof GraphQLScalarType);
strict.getType('Date').parseValue = day;

let world;
before(async () => {
  world = await startLive();
});
after(() => world?.stop());

/** The document with a variable of this type and default, and a text of JSON for all variables. */
function request(type, value) {
  const [bare] = type.split('=');
  const place = PLACES[bare] ?? PLACES[bare.replace(/!$/, '')];
  const [, keyword = 'query', set] = /^(mutation)?(.*)$/.exec(place);
  return {
    query: `${keyword}($v:${type})${set}`,
    variables: value === undefined ? '{}' : `{"v":${value}}`,
  };
}

/** graphql-js's verdict on the values, by one schema or the other. */
function judgeValues(by, { query, variables }) {
  const [operation] = parse(query).definitions;
  const values = JSON.parse(variables);
  const { errors } = getVariableValues(by, operation.variableDefinitions, values);
  return errors ? REFUSED : TAKEN;
}

/** The gateway's verdict: what it refuses has no data, and says that the request is at fault. */
async function ask({ query, variables }) {
  const body = `{"query":${JSON.stringify(query)},"variables":${variables}}`;
  const { data, errors } = await post(world.gateway, body);
  if (data?.__typename && !errors) return TAKEN;
  const { code } = errors?.[0]?.extensions ?? {};
  const isRefusal = ['GRAPHQL_VALIDATION_FAILED', 'BAD_USER_INPUT'].includes(code);
  if (data === undefined && isRefusal && errors.every(({ path }) => !path)) return REFUSED;
  return JSON.stringify({ data, errors });
}

const line = ({ query, variables, theirs, ours }) =>
  `graphql-js: ${theirs}; gateway: ${ours}: ${query} with ${variables}`;

const cases = Object.entries(inputs).flatMap(([type, { taken, refused }]) => [
  ...taken.map((value) => ({ ...request(type, value), expected: TAKEN })),
  ...refused.map((value) => ({ ...request(type, value), expected: REFUSED })),
]);

test('the corpus has values for each kind of input, and graphql-js agrees', () => {
  for (const [type, place] of Object.entries(PLACES)) {
    const used = Object.keys(inputs).some((key) => key.split('=')[0].replace(/!$/, '') === type);
    assert.ok(used, `no values for ${place}`);
  }
  for (const one of cases) {
    assert.equal(judge(one.query), VALID, one.query);
    assert.equal(judgeValues(schema, one), one.expected, `${one.query} with ${one.variables}`);
  }
});

test('the gateway takes and refuses the values of the corpus as graphql-js does', async () => {
  const results = await forEach(cases, async (one) => {
    return { ...one, theirs: one.expected, ours: await ask(one) };
  });
  const differences = results.filter(({ theirs, ours }) => theirs !== ours).map(line);
  assert.deepEqual(differences, []);
});

const SCALARS = [
  ...['null', 'true', 'false', '0', '-0', '1', '1.0', '1.5', '1e2', '1e-2', '2147483648'],
  ...['-2147483648', '9007199254740993', '""', '"a"', '"1"', '"true"', '"AVAILABLE"', '"DEBIT"', '"HOSTED_LINK"'],
  ...['"2026-02-03"', '"2026-02-30"', '"2026-2-3"', '[]', '{}', '[null]', '[[]]', '{"a":1}'],
];
const KEYS = [
  ...['needsReauth', 'dataStatus', 'start', 'end', 'type', 'narration', 'accountId', 'method'],
  ...['reuseActive', 'reference', 'reauthId', 'reason', 'v', 'V', '__proto__', ''],
];

const written = (value) => JSON.stringify(value);

/** An array of JSON, as a text, with an item changed, added or gone. */
function mutateArray(array, random) {
  const items = array.map(written);
  const at = random.below(items.length + 1);
  if (at === items.length) items.push(random.of(SCALARS));
  else if (random.chance(0.2)) items.splice(at, 1);
  else items[at] = mutateInner(array[at], random);
  return `[${items}]`;
}

/** An object of JSON, as a text, with a member changed, renamed, added or gone. */
function mutateObject(object, random) {
  const members = Object.entries(object).map(([key, value]) => [key, written(value)]);
  const member = members[random.below(members.length + 1)];
  if (!member || random.chance(0.2)) members.push([random.of(KEYS), random.of(SCALARS)]);
  else if (random.chance(0.2)) members.splice(members.indexOf(member), 1);
  else if (random.chance(0.2)) member[0] = random.of(KEYS);
  else member[1] = mutateInner(object[member[0]], random);
  return `{${members.map(([key, value]) => `${written(key)}:${value}`)}}`;
}

function mutateInner(value, random) {
  if (Array.isArray(value)) return mutateArray(value, random);
  if (value !== null && typeof value === 'object') return mutateObject(value, random);
  return random.of(SCALARS);
}

/** A value of JSON, as a text, with one place in it changed, or as it is. */
function mutateValue(text, random) {
  if (random.chance(0.35)) return text;
  if (text === undefined || random.chance(0.1)) return random.of([...SCALARS, undefined]);
  if (random.chance(0.1)) return `[${text}]`;
  if (random.chance(0.1)) return `{${written(random.of(KEYS))}:${text}}`;
  return mutateInner(JSON.parse(text), random);
}

const DEFAULTS = ['null', '1', '"a"', 'true', 'AVAILABLE', '[]', '{}', '[AVAILABLE]'];

/** Another definition for the variable: another nullability, default or list. */
function mutateType(type, random) {
  const [bare, value] = type.split('=');
  const looser = bare.replace(/!$/, '');
  switch (random.below(5)) {
    case 0:
      return `${looser}!`;
    case 1:
      return looser;
    case 2:
      return `${looser}=${random.of(DEFAULTS)}`;
    case 3:
      return `${looser}!=${random.of(DEFAULTS)}`;
    default:
      return value === undefined ? bare : `${bare}=${value}`;
  }
}

test('the gateway takes and refuses what chance makes of values as graphql-js does', async (t) => {
  const random = new Random(SEED);
  const types = Object.keys(inputs);
  const counts = { [TAKEN]: 0, [REFUSED]: 0, days: 0, invalid: 0 };
  const mutants = [];
  const verdicts = new Map();
  while (mutants.length < MUTANTS) {
    const type = random.of(types);
    const { taken, refused } = inputs[type];
    const wrong = random.chance(0.15) && refused.length > 0;
    const value = random.of(wrong ? refused : taken);
    const mutated = random.chance(0.3) ? mutateType(type, random) : type;
    let one = request(mutated, mutateValue(value, random));
    // A value more than there are variables is nobody's.
    if (random.chance(0.1)) {
      const more = `"w":${random.of(SCALARS)}${one.variables === '{}' ? '' : ','}`;
      one = { ...one, variables: one.variables.replace('{', `{${more}`) };
    }
    if (!verdicts.has(one.query)) verdicts.set(one.query, judge(one.query));
    const verdict = verdicts.get(one.query);
    if (verdict === INVALID) counts.invalid += 1;
    if (verdict !== VALID) continue;
    const theirs = judgeValues(schema, one);
    // graphql-js does not know what a day looks like; the gateway does.
    if (judgeValues(strict, one) !== theirs) {
      counts.days += 1;
      continue;
    }
    counts[theirs] += 1;
    mutants.push({ ...one, theirs });
  }
  t.diagnostic(`SEED=${SEED} MUTANTS=${MUTANTS}: ${JSON.stringify(counts)}`);
  for (const verdict of [TAKEN, REFUSED]) {
    assert.ok(counts[verdict] > MUTANTS / 10, `only ${counts[verdict]} of ${MUTANTS} are ${verdict}`);
  }
  const results = await forEach(mutants, async (one) => ({ ...one, ours: await ask(one) }));
  const differences = results
    .filter(({ theirs, ours }) => theirs !== ours)
    .toSorted((a, b) => a.query.length + a.variables.length - b.query.length - b.variables.length);
  const told = [...new Set(differences.map(line))].slice(0, TOLD);
  assert.equal(
    differences.length,
    0,
    `${differences.length} of ${MUTANTS} differ (SEED=${SEED}):\n${told.join('\n')}`,
  );
});
