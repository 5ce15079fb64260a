// What graphql-js says of a document, and what the gateway says of it without running it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  Kind,
  Lexer,
  OperationTypeNode,
  Source,
  TokenKind,
  buildSchema,
  parse,
  specifiedRules,
  validate,
} from 'graphql';

import { repository } from './support.mjs';

/** The schema that a live gateway serves. */
export const schema = buildSchema(readFileSync(join(repository, 'schema.graphql'), 'utf8'));

/** graphql-js's rules by their name without the suffix, and in its order. */
export const rules = new Map(
  specifiedRules.map((rule) => [rule.name.replace(/Rule$/, ''), rule]),
);

export const UNPARSABLE = 'unparsable';
export const INVALID = 'invalid';
export const VALID = 'valid';

/** No document has an operation of this name, so asking for it runs nothing. */
export const NO_OPERATION = 'NoSuchOperation_';

/** The document's tree, or nothing if it does not parse. */
export function tree(text) {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** A verdict wants one error, and no guesses at what was meant. */
const QUIETLY = { maxErrors: 1, hideSuggestions: true };

/** Whether the document breaks these rules. One that makes graphql-js throw is refused, too. */
function breaks(document, some) {
  try {
    return validate(schema, document, some, QUIETLY).length > 0;
  } catch {
    return true;
  }
}

/** graphql-js's verdict. */
export function judge(text) {
  const document = tree(text);
  if (!document) return UNPARSABLE;
  return breaks(document, specifiedRules) ? INVALID : VALID;
}

/** The names of the rules that a document breaks. */
export function broken(text) {
  const document = tree(text);
  if (!document) return ['Syntax'];
  const found = new Set();
  const noting = [...rules].map(([name, rule]) => (context) => {
    const note = { value: () => found.add(name) };
    return rule(Object.create(context, { reportError: note }));
  });
  try {
    validate(schema, document, noting, { hideSuggestions: true });
    return [...found];
  } catch {
    return [...rules].filter(([, rule]) => breaks(document, [rule])).map(([name]) => name);
  }
}

/**
 * Whether a mutation of the document's names a response key twice at its root. That is GraphQL, and
 * the gateway refuses it on purpose: its library would run the field twice.
 */
export function repeatsRootOfMutation(text) {
  const document = tree(text);
  if (!document) return false;
  const fragments = new Map();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition);
    }
  }
  const keys = (set, spread) =>
    set.selections.flatMap((item) => {
      if (item.kind === Kind.FIELD) return [(item.alias ?? item.name).value];
      if (item.kind === Kind.INLINE_FRAGMENT) return keys(item.selectionSet, spread);
      const fragment = fragments.get(item.name.value);
      if (!fragment || spread.includes(fragment)) return [];
      return keys(fragment.selectionSet, [...spread, fragment]);
    });
  return document.definitions.some((definition) => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return false;
    if (definition.operation !== OperationTypeNode.MUTATION) return false;
    const all = keys(definition.selectionSet, []);
    return new Set(all).size < all.length;
  });
}

const TYPE_SYSTEM = /^(schema|scalar|type|interface|union|enum|input|directive|extend)$/;

/**
 * Whether a definition of types begins where a definition may. The gateway refuses the document
 * there, as invalid, and does not read whether the rest is well formed: it could not run anyway.
 */
export function definesTypes(text) {
  const lexer = new Lexer(new Source(text));
  try {
    for (let last; ; ) {
      const token = lexer.advance();
      if (token.kind === TokenKind.EOF) return false;
      if (token.kind === TokenKind.NAME && TYPE_SYSTEM.test(token.value)) {
        // A description belongs to what it describes; to extend is described by nothing.
        const described = last && /String$/.test(last.kind) && token.value !== 'extend';
        const before = text.slice(0, described ? last.start : token.start);
        if (!/[^\s,\uFEFF]/.test(before.replace(/#.*/g, '')) || tree(before)) return true;
      }
      last = token;
    }
  } catch {
    return false;
  }
}

/** The verdict in an answer to a document whose operation was asked for by a name it lacks. */
export function verdictIn({ data, errors } = {}) {
  if (data !== undefined || !errors?.length) return `an answer without a verdict`;
  const { code } = errors[0].extensions ?? {};
  if (code === 'GRAPHQL_PARSE_FAILED') return UNPARSABLE;
  if (code === 'GRAPHQL_VALIDATION_FAILED') return INVALID;
  // Only what is valid gets as far as its operation.
  if (code === 'BAD_USER_INPUT' && errors[0].message.includes('operation')) return VALID;
  return `${code}: ${errors[0].message}`;
}

const PLAIN = { 'content-type': 'application/json', accept: 'application/json' };

/** The gateway's answer to this body, a text of JSON. */
export async function post(gateway, body) {
  const response = await fetch(gateway.graphql, { method: 'POST', headers: PLAIN, body });
  return response.json();
}

/** The gateway's answer to a document, without running it. */
export const answerTo = (gateway, query) =>
  post(gateway, JSON.stringify({ query, operationName: NO_OPERATION }));

/** Does the work for each item, a few at a time, and returns what came of it, in order. */
export async function forEach(items, work, atOnce = 8) {
  const results = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next;
      next += 1;
      results[at] = await work(items[at], at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
