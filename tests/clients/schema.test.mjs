// The schema as other people's tools read it: graphql-js, a linter, Relay's compiler.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import {
  GraphQLSchema,
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedDirective,
  isSpecifiedScalarType,
  lexicographicSortSchema,
  printSchema,
  validateSchema,
} from 'graphql';

import { compile } from './relay/compile.mjs';
import { ask, printed, repository, run, startDemo } from './support.mjs';

const require = createRequire(import.meta.url);
const LIVE = join(repository, 'schema.graphql');

/** All of the linter's but those that want an order: this schema is in an order for readers. */
const LINTS = [
  'arguments-have-descriptions',
  'defined-types-are-used',
  'deprecations-have-a-reason',
  'descriptions-are-capitalized',
  'enum-values-all-caps',
  'enum-values-have-descriptions',
  'fields-are-camel-cased',
  'fields-have-descriptions',
  'input-object-values-are-camel-cased',
  'input-object-values-have-descriptions',
  'relay-connection-arguments-spec',
  'relay-connection-types-spec',
  'relay-page-info-spec',
  'types-are-capitalized',
  'types-have-descriptions',
];

let folder;
let demo;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mono-gateway-schema-'));
  demo = join(folder, 'demo.graphql');
  writeFileSync(demo, await printed('schema', '--demo'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('schema.graphql is what the binary prints', async () => {
  assert.equal(await printed('schema'), readFileSync(LIVE, 'utf8'));
});

/** Everything that a reader may want explained, as its path and its description. */
function* elements(schema) {
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue;
    yield [type.name, type.description];
    if (isEnumType(type)) {
      for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value.description];
    }
    if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) {
        const path = `${type.name}.${field.name}`;
        yield [path, field.description];
        for (const arg of field.args ?? []) yield [`${path}(${arg.name}:)`, arg.description];
      }
    }
  }
  for (const directive of schema.getDirectives().filter((each) => !isSpecifiedDirective(each))) {
    yield [`@${directive.name}`, directive.description];
    for (const arg of directive.args) yield [`@${directive.name}(${arg.name}:)`, arg.description];
  }
}

for (const [name, file] of [
  ['schema.graphql', () => LIVE],
  ['the demo schema', () => demo],
]) {
  describe(name, () => {
    test('is a schema to graphql-js', () => {
      const schema = buildSchema(readFileSync(file(), 'utf8'));
      assert.deepEqual(validateSchema(schema).map(String), []);
    });

    test('describes every element', () => {
      const schema = buildSchema(readFileSync(file(), 'utf8'));
      const bare = [...elements(schema)].filter(([, description]) => !description?.trim());
      assert.deepEqual(bare.map(([path]) => path), []);
    });

    test('has no complaint of graphql-schema-linter', async () => {
      assert.deepEqual(
        installedLints().filter((rule) => !rule.includes('alphabetically')),
        LINTS,
        'the linter has other rules than this test knows',
      );
      const linter = join(dirname(require.resolve('graphql-schema-linter')), 'cli.js');
      const args = [linter, '--rules', LINTS.join(','), '--format', 'compact', file()];
      const { code, output } = await run(process.execPath, args);
      assert.equal(code, 0, output);
    });

    test('is compiled by Relay', async () => {
      const { code, output, artifacts } = await compile(file(), mkdtempSync(join(folder, 'relay-')));
      assert.equal(code, 0, output);
      const compiled = readdirSync(artifacts);
      for (const artifact of ['accountQuery', 'accountListPaginationQuery', 'accountStatusSubscription']) {
        assert.ok(compiled.includes(`${artifact}.graphql.js`), output);
      }
    });
  });
}

/** The names of the linter's rules, from its files. */
function installedLints() {
  const lib = dirname(require.resolve('graphql-schema-linter'));
  return readdirSync(join(lib, 'rules')).map((file) => file.slice(0, -3).replaceAll('_', '-'));
}

describe('what the demo tells of itself', () => {
  let told;
  let written;
  before(async () => {
    written = buildSchema(readFileSync(demo, 'utf8'));
    const gateway = await startDemo();
    try {
      const options = {
        descriptions: true,
        specifiedByUrl: true,
        directiveIsRepeatable: true,
        schemaDescription: true,
        inputValueDeprecation: true,
      };
      told = buildClientSchema(await ask(gateway, getIntrospectionQuery(options)));
    } finally {
      await gateway.stop();
    }
  });

  test('is a schema', () => {
    assert.deepEqual(validateSchema(told).map(String), []);
  });

  test('is what the demo schema says of itself', () => {
    assert.equal(told.description ?? null, written.description ?? null);
  });

  test('has the types and directives of the demo schema', () => {
    const lines = (schema) => {
      const { description, ...config } = schema.toConfig();
      const plain = new GraphQLSchema(config);
      return printSchema(lexicographicSortSchema(plain)).split('\n');
    };
    const [ours, theirs] = [lines(written), lines(told)];
    const without = (some, others) => some.filter((line) => !others.includes(line));
    const difference = { missing: without(ours, theirs), surplus: without(theirs, ours) };
    assert.deepEqual(difference, { missing: [], surplus: [] });
    assert.ok(ours.join() === theirs.join(), 'the same lines in another order');
  });
});
