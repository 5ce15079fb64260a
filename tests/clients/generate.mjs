// Documents at random, valid by how they are made but for a chance clash of two fields.

import {
  getNamedType,
  getNullableType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';

import { schema } from './oracle.mjs';

const SPACES = ['\n', '\n', ' ', '  ', ', ', ',', '\t', '\r\n', '\n# {"a\n', ' #\r'];
const STRINGS = ['""', '"a"', '"\\u0041"', '"\\uD83D\\uDE00"', '"\\u{1F600}"', '"""a "b" c"""', '"é"'];
const INTS = ['0', '1', '-0', '20', '-5', '2147483647', '-2147483648'];
const ANY = [
  ...[...STRINGS, ...INTS, '1.5', '1e400', 'true', 'null', 'FREE', '[]', '{}'],
  ...['[1, {a: "b"}]', '{on: [null]}'],
];
const LITERALS = { Int: INTS, ID: [...STRINGS, ...INTS], String: STRINGS, Boolean: ['true', 'false'] };
const KINDS = ['query', 'query', 'query', 'query', 'mutation', 'subscription'];
const ALIASES = ['a', 'b', 'on', 'type', 'query', 'x1', '_', 'null', 'true', 'fragment'];

class Generator {
  #random;
  #kinds;
  #literals;
  #hasVariables;
  #variables = new Map();
  #fragments = [];
  #open = 0;

  constructor(random, { kinds = KINDS, literals = {}, hasVariables = true } = {}) {
    this.#random = random;
    this.#kinds = kinds;
    this.#literals = { ...LITERALS, ...literals };
    this.#hasVariables = hasVariables;
  }

  document() {
    const kind = this.#random.of(this.#kinds);
    const root = schema.getRootType(kind);
    const set = this.#set(root, 0, { single: kind !== 'query', repeats: kind === 'mutation' });
    const variables = [...this.#variables.values()].join(this.#space());
    const isBare = kind === 'query' && variables === '' && this.#random.chance(0.4);
    const name = this.#random.chance(0.6) ? ` ${this.#random.of(['Q', 'query', 'on', 'A_1'])}` : '';
    const description = this.#random.chance(0.1) ? `${this.#random.of(['"d"', '"""d\n"""'])} ` : '';
    const head = isBare ? '' : `${description}${kind}${name}${variables && `(${variables})`} `;
    const definitions = [head + set, ...this.#fragments];
    if (this.#random.chance(0.3)) definitions.reverse();
    return definitions.join('\n');
  }

  #space() {
    return this.#random.of(SPACES);
  }

  #set(type, depth, { single = false, repeats = false } = {}) {
    const items = [];
    const count = single ? 1 : 1 + this.#random.below(3);
    for (let n = 0; n < count; n += 1) items.push(this.#selection(type, depth, single));
    if (repeats && this.#random.chance(0.2)) items.push(items[0]);
    return `{${this.#space()}${items.join(this.#space())}${this.#space()}}`;
  }

  #selection(type, depth, single) {
    const random = this.#random;
    if (depth < 4 && random.chance(0.12)) {
      const on = this.#overlapping(type);
      const set = this.#set(on, depth + 1, { single });
      const condition = on !== type || random.chance(0.5) ? ` on ${on.name}` : '';
      return `...${condition}${single ? '' : this.#directives()}${set}`;
    }
    if (depth < 4 && random.chance(0.1) && this.#open < 3) {
      const on = this.#overlapping(type);
      const start = random.of(['F', 'f', 'on_', 'type']);
      const name = `${start}${this.#fragments.length}${'_'.repeat(this.#open)}`;
      this.#open += 1;
      const set = this.#set(on, depth + 1, { single });
      this.#open -= 1;
      this.#fragments.push(`fragment ${name} on ${on.name} ${set}`);
      const spread = `...${name}${single ? '' : this.#directives()}`;
      return random.chance(0.2) ? `${spread} ...${name}` : spread;
    }
    return this.#field(type, depth, single);
  }

  #overlapping(type) {
    const random = this.#random;
    if (isAbstractType(type)) return random.of([type, ...schema.getPossibleTypes(type)]);
    const interfaces = type.getInterfaces();
    return random.of([type, ...interfaces]);
  }

  #field(type, depth, single) {
    const random = this.#random;
    if (!single && random.chance(0.08)) return `__typename${this.#directives()}`;
    const all = Object.values(type.getFields());
    const leaves = all.filter((field) => isLeafType(getNamedType(field.type)));
    const deep = depth > 2 && leaves.length > 0;
    const field = random.of(deep ? leaves : all);
    const args = this.#args(field.args, isRequiredArgument, [':', ': ', ' : ']);
    // A field with arguments gets a name that no other has, so that it cannot clash.
    let alias = '';
    if (args || random.chance(0.15)) {
      const name = random.of(ALIASES);
      alias = `${name}${args ? random.below(1e6) : `_${field.name}_${type.name}`}:`;
    }
    const inner = getNamedType(field.type);
    const set = isLeafType(inner) ? '' : this.#set(inner, depth + 1);
    return `${alias}${field.name}${args && `(${args})`}${single ? '' : this.#directives()}${set}`;
  }

  #args(list, isRequired, colons) {
    return list
      .filter((arg) => isRequired(arg) || this.#random.chance(0.35))
      .map((arg) => {
        const value = this.#value(arg.type, arg.defaultValue !== undefined, 0);
        return `${arg.name}${this.#random.of(colons)}${value}`;
      })
      .join(this.#space());
  }

  #directives() {
    if (!this.#random.chance(0.08)) return '';
    const name = this.#random.of(['skip', 'include']);
    const boolean = schema.getDirective('skip').args[0].type;
    return ` @${name}(if: ${this.#value(boolean, false, 0)})`;
  }

  #value(type, hasDefault, depth) {
    const random = this.#random;
    if (this.#hasVariables && random.chance(0.25)) return this.#variable(type, hasDefault);
    return this.#literal(type, depth, (inner) =>
      this.#hasVariables && random.chance(0.15) ? this.#variable(inner, false) : undefined,
    );
  }

  /** A use of a variable where this type is wanted; adds its definition. */
  #variable(type, hasDefault) {
    const random = this.#random;
    const name = `v${this.#variables.size}${random.of(['', '_', 'x'])}`;
    const bare = getNullableType(type);
    let written = `${type}`;
    let value = '';
    if (isNonNullType(type)) {
      const looser = random.chance(0.4);
      if (looser) {
        written = `${bare}`;
        // Where the place has a default, the variable needs none.
        if (!hasDefault || random.chance(0.5)) value = ` = ${this.#literal(type, 1)}`;
      } else if (random.chance(0.3)) value = ` = ${this.#literal(type, 1)}`;
    } else {
      if (random.chance(0.3)) written = `${bare}!`;
      if (random.chance(0.3)) value = ` = ${this.#literal(bare, 1)}`;
    }
    if (random.chance(0.1)) written = written.replace(/([!\]])/g, ' $1');
    const text = `$${name}${random.of([':', ': '])}${written}${value}`;
    this.#variables.set(name, text);
    return `$${name}`;
  }

  #literal(type, depth, instead = () => undefined) {
    const random = this.#random;
    if (!isNonNullType(type) && random.chance(0.1)) return 'null';
    const bare = getNullableType(type);
    if (isListType(bare)) {
      const item = () => instead(bare.ofType) ?? this.#literal(bare.ofType, depth + 1, instead);
      // One item may stand for a list of it.
      if (random.chance(0.2)) return this.#literal(getNullableType(bare.ofType), depth + 1);
      return `[${Array.from({ length: random.below(4) }, item).join(this.#space())}]`;
    }
    if (isInputObjectType(bare)) {
      const fields = Object.values(bare.getFields())
        .filter((field) => isRequiredInputField(field) || random.chance(0.4))
        .map((field) => {
          const value = instead(field.type) ?? this.#literal(field.type, depth + 1, instead);
          return `${field.name}:${value}`;
        });
      return `{${fields.join(this.#space())}}`;
    }
    if (isEnumType(bare)) return random.of(bare.getValues()).name;
    const literals = this.#literals[bare.name] ?? ANY;
    return random.of(literals.filter((literal) => literal !== 'null' || !isNonNullType(type)));
  }
}

/**
 * A document at random; of these kinds, with these literals for a scalar's values, with variables
 * or without.
 */
export const generate = (random, options) => new Generator(random, options).document();
