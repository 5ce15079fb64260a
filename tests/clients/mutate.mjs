// Documents made wrong a little: by their tokens, or by their characters.

import {
  Lexer,
  Source,
  TokenKind,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';

import { schema } from './oracle.mjs';

const types = Object.values(schema.getTypeMap());
const composite = types.filter((type) => isObjectType(type) || isInterfaceType(type));
const fields = composite.flatMap((type) => Object.values(type.getFields()));

/** Names of the schema's, by what they name: one is taken for another of its kind. */
const NAMES = [
  fields.map((field) => field.name),
  types.map((type) => type.name),
  fields.flatMap((field) => field.args.map((arg) => arg.name)),
  types.filter(isInputObjectType).flatMap((type) => Object.keys(type.getFields())),
  types.filter(isEnumType).flatMap((type) => type.getValues().map((value) => value.name)),
  ['true', 'false', 'null'],
  ['skip', 'include', 'deprecated', 'specifiedBy', 'oneOf'],
  ['query', 'mutation', 'subscription', 'fragment', 'on'],
].map((names) => [...new Set(names)]);

const PUNCTUATORS = ['{', '}', '(', ')', '[', ']', ':', '!', '$', '=', '@', '...', '|', '&'];
const LITERALS = [
  ...['0', '-0', '01', '1.', '1.0', '1e5', '0xF', '1a', '.5', '-', '1e400'],
  ...['2147483648', '-2147483649', 'true', 'false', 'null', 'TRUE', 'AVAILABLE', '"AVAILABLE"'],
  ...['""', '"a"', '"""b"""', '"', '"\\x"', '"\\uD83D"', '"\\uD83D\\uDE00"', '"\\u{1F600}"'],
  ...['"\\u{110000}"', '[]', '{}', '[null]', '[[]]', '{a:1}', '$a', '$v0'],
];
const DIRECTIVES = [
  ...['@skip(if:true)', '@include(if:false)', '@skip', '@include()', '@skip(if:$v0)'],
  ...['@skip(if:null)', '@skip(if:true,if:true)', '@skip(unless:true)', '@skip(if:"true")'],
  ...['@nothing', '@deprecated', '@'],
];
const TYPES = [
  ...['type A{a:Int}', 'scalar S', 'extend type Query{a:Int}', 'directive@a on FIELD'],
  ...['enum E{true}', 'input I{a:Int=$b}'],
];
const SELECTIONS = [
  ...['__typename', 'id', 'a:id', 'id:__typename', '...on Node{id}', '...on Account{name}'],
  ...['...F', '...{id}', 'gateway{version}', 'a:gateway{mode}', '__schema{types{name}}', '{}'],
  '...on Query{gateway{a:version}}',
];
const CHARACTERS = [
  ...'"\\{}()[]:!$=@|&.,#\n\r\t \'`~?*+-0189eEuxabnot_é\u00a0\u2028\u200b\u007f\u0000\u000b',
  ...['\uFEFF', '😀', '"""', '\\"""', '\\u', '\\u{', '\r\n', '...', '\\uD83D', '\\uDE00'],
  ...['{}', '()', '01', '1.'],
];

/** A document's tokens, each with what stands before it; nothing if it has none. */
function tokens(text) {
  const lexer = new Lexer(new Source(text));
  const found = [];
  let end = 0;
  try {
    for (;;) {
      const token = lexer.advance();
      if (token.kind === TokenKind.EOF) break;
      const { kind, start } = token;
      found.push({ kind, gap: text.slice(end, start), text: text.slice(start, token.end) });
      end = token.end;
    }
  } catch {
    return undefined;
  }
  found.push({ kind: TokenKind.EOF, gap: text.slice(end), text: '' });
  return found;
}

const join = (list) => list.map(({ gap, text }) => gap + text).join('');
const piece = (text) => ({ kind: 'piece', gap: ' ', text });

const LITERAL = [TokenKind.INT, TokenKind.FLOAT, TokenKind.STRING, TokenKind.BLOCK_STRING];
const CLOSES = { '{': '}', '(': ')', '[': ']' };

/** Where the group that opens at `from` ends, or the token itself. */
function groupEnd(list, from) {
  const close = CLOSES[list[from].text];
  if (!close) return from;
  let depth = 0;
  for (let at = from; at < list.length; at += 1) {
    if (list[at].text === list[from].text) depth += 1;
    if (list[at].text === close) depth -= 1;
    if (depth === 0) return at;
  }
  return from;
}

/** Each changes a list of tokens in its place, mostly to what does not parse. */
const ROUGH_EDITS = [
  (list, random, at) => list.splice(at, 1),
  (list, random, at) => list.splice(at, 0, list[at]),
  (list, random, at) => {
    if (at + 1 < list.length) [list[at], list[at + 1]] = [list[at + 1], list[at]];
  },
  (list, random, at) => {
    const other = random.below(list.length);
    [list[at], list[other]] = [list[other], list[at]];
  },
  (list, random, at) => list.splice(at, 1, { ...list[at], text: random.of(PUNCTUATORS) }),
  (list, random, at) => list.splice(at, 0, piece(random.of(PUNCTUATORS))),
  (list, random, at) => list.splice(at, 1, piece(`[${list[at].text}]`)),
  (list, random, at) => list.splice(at, 0, piece(`=${random.of(LITERALS)}`)),
  (list, random, at) => list.splice(at, 0, piece(random.of(['"d"', '"""d"""']))),
];

/** Each changes a list of tokens in its place, mostly to what parses. */
const EDITS = [
  // A name for another of its kind, or for any of the document's.
  rename,
  rename,
  rename,
  (list, random, at) => {
    const names = list.filter((token) => token.kind === TokenKind.NAME);
    const name = nearest(list, at, ({ kind }) => kind === TokenKind.NAME);
    if (name) name.text = random.of(names).text;
  },
  // Literals.
  literal,
  literal,
  // What is one becomes a list, what is a list one.
  (list, random, at) => {
    const isOne = ({ kind, text }) => LITERAL.includes(kind) || NAMES[1].includes(text);
    const value = nearest(list, at, isOne);
    if (value) value.text = `[${value.text}]`;
  },
  (list, random, at) => {
    const bracket = list.findIndex((token, n) => n >= at && token.text === '[');
    if (bracket < 0) return;
    list.splice(groupEnd(list, bracket), 1);
    list.splice(bracket, 1);
  },
  // Nullability.
  (list, random, at) => {
    const bang = list.findIndex((token, n) => n >= at && token.text === '!');
    if (bang >= 0) list.splice(bang, 1);
    else list.splice(at, 0, piece('!'));
  },
  (list, random, at) => {
    const type = list.findIndex((token, n) => n >= at && NAMES[1].includes(token.text));
    if (type >= 0) list.splice(type + 1, 0, piece('!'));
  },
  (list, random, at) => list.splice(at + 1, 0, piece(random.of(DIRECTIVES))),
  (list, random, at) => list.splice(at + 1, 0, piece(random.of(DIRECTIVES))),
  // A selection more, where selections are.
  (list, random, at) => {
    const brace = list.findIndex((token, n) => n >= at && token.text === '{');
    if (brace >= 0) list.splice(brace + 1, 0, piece(random.of(SELECTIONS)));
  },
  (list, random, at) => {
    const brace = list.findIndex((token, n) => n >= at && token.text === '{');
    if (brace >= 0) list.splice(brace + 1, 0, piece(random.of(SELECTIONS)));
  },
  // A group goes, comes twice, or takes the place of another.
  (list, random, at) => {
    const from = openNear(list, at);
    if (from >= 0) list.splice(from, groupEnd(list, from) - from + 1);
  },
  (list, random, at) => {
    const from = openNear(list, at);
    if (from < 0) return;
    const group = list.slice(from, groupEnd(list, from) + 1);
    const to = openNear(list, random.below(list.length));
    if (to >= 0) list.splice(to, groupEnd(list, to) - to + 1, ...group);
  },
  // Aliases.
  (list, random, at) => {
    const name = nearest(list, at, ({ kind }) => kind === TokenKind.NAME);
    if (name) name.text = `${random.of(['a', 'id', 'name', 'on', name.text])}:${name.text}`;
  },
  // A definition that cannot be executed.
  (list, random) => list.splice(random.chance(0.5) ? 0 : list.length, 0, piece(random.of(TYPES))),
  // What kept two tokens apart goes.
  (list, random, at) => {
    list[at] = { ...list[at], gap: '' };
  },
];

function nearest(list, at, fits) {
  const found = list.findIndex((token, n) => n >= at && fits(token));
  if (found < 0) return undefined;
  list[found] = { ...list[found] };
  return list[found];
}

const openNear = (list, at) => list.findIndex((token, n) => n >= at && token.text in CLOSES);

function rename(list, random, at) {
  const name = nearest(list, at, ({ kind }) => kind === TokenKind.NAME);
  if (!name) return;
  const kinds = NAMES.filter((names) => names.includes(name.text));
  name.text = random.of(random.of(kinds.length > 0 ? kinds : NAMES));
}

function literal(list, random, at) {
  const isLiteral = ({ kind, text }) => LITERAL.includes(kind) || NAMES[5].includes(text);
  const found = nearest(list, at, isLiteral);
  if (found) found.text = random.of(LITERALS);
}

function byTokens(text, random, others) {
  const list = tokens(text);
  if (!list) return byCharacters(text, random);
  if (random.chance(0.08)) {
    // A definition of another document's, or a copy of one of its own.
    const other = random.of(others);
    return random.chance(0.5) ? `${text} ${other}` : `${other}\n${text}`;
  }
  const count = random.of([1, 1, 1, 2, 2, 3]);
  for (let n = 0; n < count && list.length > 0; n += 1) {
    random.of(random.chance(0.2) ? ROUGH_EDITS : EDITS)(list, random, random.below(list.length));
  }
  return join(list);
}

function byCharacters(text, random) {
  // By code point: half of a pair cannot be sent.
  const list = [...text];
  const count = random.of([1, 1, 2]);
  for (let n = 0; n < count; n += 1) {
    const at = random.below(list.length + 1);
    switch (random.below(5)) {
      case 0:
        list.splice(at, 1);
        break;
      case 1:
        list.splice(at, 0, list[random.below(list.length)] ?? '');
        break;
      case 2:
        list.splice(at, 1, random.of(CHARACTERS));
        break;
      case 3:
        list.splice(at, 0, random.of(CHARACTERS));
        break;
      default:
        if (random.chance(0.2)) list.length = at;
        else list.splice(at, 1 + random.below(3));
    }
  }
  return list.join('');
}

/** This document, made wrong a little; perhaps by something of the others. */
export function mutate(text, random, others) {
  return random.chance(0.85) ? byTokens(text, random, others) : byCharacters(text, random);
}

/** Shorter texts to try in place of this one: each lacks a group, a token or a character. */
export function* shorter(text) {
  const list = tokens(text);
  if (list) {
    for (let at = 0; at < list.length - 1; at += 1) {
      const end = groupEnd(list, at);
      if (end > at) {
        yield join([...list.slice(0, at), ...list.slice(end + 1)]);
        yield join([...list.slice(0, at), ...list.slice(at + 1, end), ...list.slice(end + 1)]);
      }
      yield join([...list.slice(0, at), ...list.slice(at + 1)]);
      if (at + 2 < list.length) yield join([...list.slice(0, at), ...list.slice(at + 2)]);
      if (list[at].gap.length > 1) yield join(list.with(at, { ...list[at], gap: ' ' }));
    }
  } else {
    const characters = [...text];
    for (let at = 0; at < characters.length; at += 1) {
      yield characters.toSpliced(at, 1).join('');
    }
    for (let length = 16; length > 1; length /= 2) {
      for (let at = 0; at + length <= characters.length; at += length) {
        yield characters.toSpliced(at, length).join('');
      }
    }
  }
}
