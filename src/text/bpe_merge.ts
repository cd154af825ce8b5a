// Byte pair encoding of one piece: of all neighbours that a merge joins, the pair with the lowest rank is joined first,
// the leftmost where several have it. With a heap of the pairs, n bytes take n log n steps.

import { Heap } from './heap.ts';
import { PairTable } from './pair_table.ts';

/** Merges, four numbers each: the ids of the left, the right and the joined token, and the rank. */
export const MERGE_FIELDS = 4;

export class Merger {
  readonly #indexOf: PairTable;
  readonly #merges: Int32Array;
  readonly #heap = new Heap();
  #next = new Int32Array(256);
  #previous = new Int32Array(256);

  /** @param merges [merges, 4], see MERGE_FIELDS; no pair occurs twice */
  constructor(merges: Int32Array) {
    this.#merges = merges;
    this.#indexOf = new PairTable(merges.length / MERGE_FIELDS);
    for (let at = 0; at < merges.length; at += MERGE_FIELDS) {
      this.#indexOf.set(merges[at]!, merges[at + 1]!, at);
    }
  }

  /** Joins what can be joined in `ids`, in place. Returns how many are left, at its beginning. */
  merge(ids: Int32Array, length: number): number {
    if (length < 2) return length;
    const merges = this.#merges;
    const heap = this.#heap;
    this.#reserve(length);
    const [next, previous] = [this.#next, this.#previous];
    for (let i = 0; i < length; i++) {
      next[i] = i + 1 < length ? i + 1 : -1;
      previous[i] = i - 1;
      if (i + 1 < length) this.#offer(ids, i, i + 1);
    }
    while (heap.pop()) {
      const [at, merge] = [heap.place, heap.item];
      const right = next[at]!;
      if (right === -1 || this.#indexOf.get(ids[at]!, ids[right]!) !== merge) continue; // that pair is no more
      const after = next[right]!;
      ids[at] = merges[merge + 2]!;
      next[right] = -1;
      next[at] = after;
      if (after !== -1) {
        previous[after] = at;
        this.#offer(ids, at, after);
      }
      if (previous[at] !== -1) this.#offer(ids, previous[at]!, at);
    }
    let count = 0;
    for (let at = 0; at !== -1; at = next[at]!) ids[count++] = ids[at]!;
    return count;
  }

  #offer(ids: Int32Array, left: number, right: number): void {
    const merge = this.#indexOf.get(ids[left]!, ids[right]!);
    if (merge !== -1) this.#heap.push(this.#merges[merge + 3]!, left, merge);
  }

  #reserve(length: number): void {
    if (length <= this.#next.length) return;
    this.#next = new Int32Array(length);
    this.#previous = new Int32Array(length);
  }
}
