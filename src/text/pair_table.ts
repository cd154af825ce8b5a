// Numbers by pairs of token ids: a hash table with open addressing. A Map would need one key per pair, a string or a
// number past 31 bits, and both are allocated for each look-up.

export class PairTable {
  #slots: Int32Array; // left, right, value
  #mask: number;
  #size = 0;

  /** @param expected pairs that are about to come */
  constructor(expected = 16) {
    const capacity = 1 << (32 - Math.clz32(Math.max(8, 2 * expected)));
    this.#slots = new Int32Array(3 * capacity).fill(-1);
    this.#mask = capacity - 1;
  }

  /** The value of a pair, or -1. */
  get(left: number, right: number): number {
    return this.#slots[this.#find(left, right) + 2]!;
  }

  /** @param value 0 or more */
  set(left: number, right: number, value: number): void {
    const slot = this.#find(left, right);
    if (this.#slots[slot] === -1) this.#size++;
    this.#slots[slot] = left;
    this.#slots[slot + 1] = right;
    this.#slots[slot + 2] = value;
    if (2 * this.#size > this.#mask) this.#grow();
  }

  /** Where the pair is, or the free place where it belongs. */
  #find(left: number, right: number): number {
    const slots = this.#slots;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (; ; hash++) {
      const slot = 3 * (hash & this.#mask);
      if (slots[slot] === -1 || (slots[slot] === left && slots[slot + 1] === right)) return slot;
    }
  }

  #grow(): void {
    const old = this.#slots;
    const grown = new PairTable(this.#mask + 1);
    for (let slot = 0; slot < old.length; slot += 3) {
      if (old[slot] !== -1) grown.set(old[slot]!, old[slot + 1]!, old[slot + 2]!);
    }
    this.#slots = grown.#slots;
    this.#mask = grown.#mask;
  }
}
