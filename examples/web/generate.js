// Types for what src/operations.graphql asks, read off the schema:
//
//   node generate.js <schema.graphql> [--check]
//
// Writes src/operations.ts; with --check it only fails if that file is not what it would write.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  Kind,
  buildSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isScalarType,
  parse,
  print,
  stripIgnoredCharacters,
  typeFromAST,
  validate,
} from 'graphql';

const SCALARS = { Boolean: 'boolean', Int: 'number', Float: 'number', MinorUnits: 'number' };

const [schemaFile, check] = process.argv.slice(2);
const folder = join(import.meta.dirname, 'src');
const target = join(folder, 'operations.ts');
const schema = buildSchema(readFileSync(schemaFile, 'utf8'));
const document = parse(readFileSync(join(folder, 'operations.graphql'), 'utf8'));
const faults = validate(schema, document);
if (faults.length > 0) throw new Error(faults.join('\n\n'));

const fragments = new Map();
const operations = [];
for (const definition of document.definitions) {
  if (definition.kind === Kind.FRAGMENT_DEFINITION) {
    fragments.set(definition.name.value, definition);
  } else {
    operations.push(definition);
  }
}

const named = new Map(); // enums and inputs that are used, by name

/** A type of the schema in TypeScript, where `name` writes what it is a list of, or not null. */
function written(type, name) {
  if (isNonNullType(type)) return bare(type.ofType, name);
  return `${bare(type, name)} | null`;
}

function bare(type, name) {
  return isListType(type) ? `readonly (${written(type.ofType, name)})[]` : name(type);
}

function leaf(type) {
  if (isScalarType(type)) return SCALARS[type.name] ?? 'string';
  if (named.has(type.name)) return type.name;
  named.set(type.name, type);
  if (isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) leaf(getNamedType(field.type));
  }
  return type.name;
}

function optional(type, hasDefault) {
  return isNonNullType(type) && !hasDefault ? '' : '?';
}

/** What a selection gives: the fields that it names, and those of the fragments that it spreads. */
function selected(set, type, indent) {
  const inner = `${indent}  `;
  const spreads = [];
  const fields = [];
  for (const selection of set.selections) {
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      spreads.push(selection.name.value);
    } else if (selection.kind === Kind.FIELD) {
      const { type: of } = type.getFields()[selection.name.value];
      const name = (named) =>
        selection.selectionSet ? selected(selection.selectionSet, named, inner) : leaf(named);
      const key = (selection.alias ?? selection.name).value;
      fields.push(`${inner}readonly ${key}: ${written(of, name)};\n`);
    } else {
      throw new Error('inline fragments are not written here; name them');
    }
  }
  const own = fields.length > 0 ? [`{\n${fields.join('')}${indent}}`] : [];
  return [...spreads, ...own].join(' & ');
}

/** The fragments that a definition needs, in the order in which they stand. */
function needed(definition) {
  const found = new Set();
  const seek = (set) => {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FRAGMENT_SPREAD && !found.has(selection.name.value)) {
        found.add(selection.name.value);
        seek(fragments.get(selection.name.value).selectionSet);
      }
      seek(selection.selectionSet);
    }
  };
  seek(definition.selectionSet);
  return [...fragments.values()].filter(({ name }) => found.has(name.value));
}

function operation(definition) {
  const name = definition.name.value;
  const root = schema.getRootType(definition.operation);
  const variables = definition.variableDefinitions.map(({ variable, type, defaultValue }) => {
    const of = typeFromAST(schema, type);
    const mark = optional(of, defaultValue);
    return `  readonly ${variable.name.value}${mark}: ${written(of, leaf)};\n`;
  });
  const text = [definition, ...needed(definition)].map(print).join('\n');
  const data = selected(definition.selectionSet, root, '');
  return `export type ${name}Data = ${data};

export type ${name}Variables = {${variables.length > 0 ? `\n${variables.join('')}` : ''}};

export const ${name}: Operation<${name}Data, ${name}Variables> = {
  name: '${name}',
  text: '${stripIgnoredCharacters(text)}',
};
`;
}

function declaration(type) {
  if (isEnumType(type)) {
    const values = type.getValues().map(({ name }) => `\n  | '${name}'`);
    return `export type ${type.name} =${values.join('')};\n`;
  }
  const fields = Object.values(type.getFields()).map(({ name, type: of, defaultValue }) => {
    const mark = optional(of, defaultValue !== undefined);
    return `  readonly ${name}${mark}: ${written(of, leaf)};\n`;
  });
  return `export type ${type.name} = {\n${fields.join('')}};\n`;
}

const fragmentTypes = [...fragments.values()].map((fragment) => {
  const type = schema.getType(fragment.typeCondition.name.value);
  return `export type ${fragment.name.value} = ${selected(fragment.selectionSet, type, '')};\n`;
});
const operationTypes = operations.map(operation);
const declarations = [...named.values()].map(declaration);

const source = `// Written by generate.js from operations.graphql and the schema; change those and run it again.

/** An operation with the types of its answer and of its variables. */
export type Operation<Data, Variables> = {
  readonly name: string;
  readonly text: string;
  /** Never there; it carries the types. */
  readonly types?: (variables: Variables) => Data;
};

${[...declarations, ...fragmentTypes, ...operationTypes].join('\n')}`;

if (check !== '--check') {
  writeFileSync(target, source);
} else if (readFileSync(target, 'utf8') !== source) {
  console.error('stale: run npm run generate and commit src/operations.ts');
  process.exit(1);
}
