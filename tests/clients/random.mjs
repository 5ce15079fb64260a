// Numbers that look random and come again with their seed.

export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 to 1, without 1. */
  next() {
    // Marsaglia's xorshift on a Weyl sequence, with a multiplication to stir the low bits.
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return ((bits ^ (bits >>> 15)) >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from 0 to `end`, without `end`. */
  below(end) {
    return Math.floor(this.next() * end);
  }

  /** Whether something of this probability comes about. */
  chance(probability) {
    return this.next() < probability;
  }

  /** One of them. */
  of(items) {
    return items[this.below(items.length)];
  }
}
