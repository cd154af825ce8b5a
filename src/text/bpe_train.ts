// Trains byte-level BPE: starting from the 256 bytes, the most frequent pair of neighbours becomes a token, until the
// vocabulary is full.
//
//   Ties: of pairs that are equally frequent, the one whose first occurrence (in the text as it is merged so far) comes
//   first. So the result depends on nothing but the texts, in their order.
//
// Each distinct piece is held once, with its count. Merging a pair touches the places where it occurs and no others: the
// counts of its neighbours are changed there, and new pairs note where they begin. After that a pair only loses
// occurrences, so a heap with outdated entries finds the most frequent: what comes out is brought up to date, and goes
// back if that made it worse. n bytes of distinct pieces take n log n steps, whatever the size of the vocabulary.

import { ConfigError, DataError } from '../errors.ts';
import { addedTokenFinder } from './added_tokens.ts';
import { type BpeTokenizer, bpeTokenizer } from './bpe.ts';
import { utf8 } from './byte_strings.ts';
import { Heap } from './heap.ts';
import { PairTable } from './pair_table.ts';
import { type SplitPattern, splitter } from './split_patterns.ts';
import { END_OF_TEXT } from './tokenizer.ts';

export interface TrainBpeOptions {
  /** All tokens: 256 bytes, merges, specials. There are fewer if the text has no more pairs that are frequent enough. */
  readonly vocabularySize: number;
  /** No merge crosses from one piece into the next. Default 'gpt2'. */
  readonly pattern?: SplitPattern;
  /** They get the last ids, in this order. Where they stand in the text, they end a piece. Default `<|endoftext|>`. */
  readonly specials?: readonly string[];
  /** A pair becomes a token only if it occurs this often. Default 2. */
  readonly minFrequency?: number;
  /** Told of each merge as it is made. */
  readonly onMerge?: (merge: Merge) => void;
}

/** A token that two others became. Its id is 256 + rank. */
export interface Merge {
  /** From 0: the earlier, the more frequent. */
  readonly rank: number;
  /** Their bytes, as characters 0 to 255. */
  readonly left: string;
  readonly right: string;
  /** How often they stood side by side. */
  readonly count: number;
}

const BYTES = 256;

/**
 * @param texts one text or several; pieces do not cross from one to the next
 * @throws DataError for an empty text, ConfigError for a vocabulary without room for the bytes and the specials
 */
export function trainBpe(texts: string | Iterable<string>, options: TrainBpeOptions): BpeTokenizer {
  const { vocabularySize, pattern = 'gpt2', specials = [END_OF_TEXT], minFrequency = 2 } = options;
  const smallest = BYTES + specials.length;
  if (!(Number.isSafeInteger(vocabularySize) && vocabularySize >= smallest)) {
    throw new ConfigError(
      `trainBpe: vocabularySize is ${vocabularySize}; expected an integer of at least ${smallest} (256 bytes and ${specials.length} specials)`,
    );
  }
  if (specials.some((text, i) => text === '' || specials.indexOf(text) !== i)) {
    throw new ConfigError('trainBpe: a special token is empty, or there twice');
  }
  const counts = countPieces(typeof texts === 'string' ? [texts] : texts, pattern, specials);
  if (counts.size === 0) throw new DataError('trainBpe: the text is empty');
  const training = new Training(counts);
  const tokens = Array.from({ length: BYTES }, (_, byte) => String.fromCharCode(byte));
  const merges: number[] = [];
  while (tokens.length < vocabularySize - specials.length) {
    const pair = training.mergeMostFrequent(tokens.length, minFrequency);
    if (pair === null) break;
    const { left, right, count } = pair;
    const rank = tokens.length - BYTES;
    merges.push(left, right, tokens.length, rank);
    options.onMerge?.({ rank, left: tokens[left]!, right: tokens[right]!, count });
    tokens.push(tokens[left]! + tokens[right]!);
  }
  const added = specials.map((text, i) => ({ text, id: tokens.length + i, special: true }));
  return bpeTokenizer({ tokens, merges: Int32Array.from(merges), pattern, added });
}

/** Pieces in the order in which they are first seen, and how often each occurs. */
function countPieces(
  texts: Iterable<string>,
  pattern: SplitPattern,
  specials: readonly string[],
): Map<string, number> {
  const counts = new Map<string, number>();
  const split = splitter(pattern);
  const find = addedTokenFinder(specials.map((text, id) => ({ text, id, special: true })));
  const count = (text: string) =>
    split(text, (piece) => counts.set(piece, (counts.get(piece) ?? 0) + 1));
  for (const text of texts) {
    let done = 0;
    for (const { token, at } of find(text)) {
      count(text.slice(done, at));
      done = at + token.text.length;
    }
    count(text.slice(done));
  }
  return counts;
}

interface Pair {
  readonly left: number;
  readonly right: number;
  /** Now. */
  count: number;
  /** Where it occurred when it came into being, ascending; places where it is no more are passed over. */
  readonly places: number[];
  /** How many of `places` are known to be gone, from the first on. */
  gone: number;
}

/** The distinct pieces, one after the other, as linked lists of ids; a node's place is where its first byte was. */
class Training {
  readonly #ids: Int32Array; // -1 where a node was joined to the one before
  readonly #next: Int32Array; // -1 at the end of a piece
  readonly #previous: Int32Array; // -1 at its beginning
  readonly #weight: Float64Array; // how often the node's piece occurs
  readonly #pairs: Pair[] = [];
  readonly #indexOf = new PairTable();
  readonly #heap = new Heap(); // keys are -count, places where a pair first occurs

  constructor(counts: ReadonlyMap<string, number>) {
    const pieces = Array.from(counts, ([piece, count]) => ({ bytes: utf8(piece), count }));
    const length = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#ids = new Int32Array(length);
    this.#next = new Int32Array(length).fill(-1);
    this.#previous = new Int32Array(length).fill(-1);
    this.#weight = new Float64Array(length);
    let at = 0;
    for (const { bytes, count } of pieces) {
      for (let i = 0; i < bytes.length; i++, at++) {
        this.#ids[at] = bytes.charCodeAt(i);
        this.#weight[at] = count;
        if (i === 0) continue;
        this.#previous[at] = at - 1;
        this.#next[at - 1] = at;
        this.#add(at - 1);
      }
    }
    for (let index = 0; index < this.#pairs.length; index++) this.#offer(index);
  }

  /** Makes the most frequent pair the token `id`. Returns the pair, or null if none occurs `minFrequency` times. */
  mergeMostFrequent(
    id: number,
    minFrequency: number,
  ): Pick<Pair, 'left' | 'right' | 'count'> | null {
    const heap = this.#heap;
    while (heap.pop()) {
      const index = heap.item;
      const pair = this.#pairs[index]!;
      if (pair.count < minFrequency) continue; // for ever: counts only fall
      if (pair.count !== -heap.key || this.#first(pair) !== heap.place) {
        this.#offer(index);
        continue;
      }
      const { left, right, count } = pair;
      this.#merge(pair, id);
      return { left, right, count };
    }
    return null;
  }

  #merge({ left, right, places, gone }: Pair, id: number): void {
    const firstNew = this.#pairs.length;
    for (let i = gone; i < places.length; i++) {
      const at = places[i]!;
      if (!this.#isAt(left, right, at)) continue;
      const [before, joined] = [this.#previous[at]!, this.#next[at]!];
      const after = this.#next[joined]!;
      this.#remove(at);
      if (before !== -1) this.#remove(before);
      if (after !== -1) this.#remove(joined);
      this.#ids[at] = id;
      this.#ids[joined] = -1;
      this.#next[at] = after;
      if (after !== -1) this.#previous[after] = at;
      if (before !== -1) this.#add(before);
      if (after !== -1) this.#add(at);
    }
    for (let index = firstNew; index < this.#pairs.length; index++) this.#offer(index);
  }

  #isAt(left: number, right: number, at: number): boolean {
    const next = this.#next[at]!;
    return this.#ids[at] === left && next !== -1 && this.#ids[next] === right;
  }

  /** Counts the pair that begins at `at`. */
  #add(at: number): void {
    const [left, right] = [this.#ids[at]!, this.#ids[this.#next[at]!]!];
    let index = this.#indexOf.get(left, right);
    if (index === -1) {
      index = this.#pairs.length;
      this.#indexOf.set(left, right, index);
      this.#pairs.push({ left, right, count: 0, places: [], gone: 0 });
    }
    const pair = this.#pairs[index]!;
    pair.count += this.#weight[at]!;
    pair.places.push(at);
  }

  /** Uncounts the pair that begins at `at`. */
  #remove(at: number): void {
    const index = this.#indexOf.get(this.#ids[at]!, this.#ids[this.#next[at]!]!);
    this.#pairs[index]!.count -= this.#weight[at]!;
  }

  #offer(index: number): void {
    const pair = this.#pairs[index]!;
    if (pair.count > 0) this.#heap.push(-pair.count, this.#first(pair), index);
  }

  /** The first place where a pair occurs now. It must occur. */
  #first(pair: Pair): number {
    while (!this.#isAt(pair.left, pair.right, pair.places[pair.gone]!)) pair.gone++;
    return pair.places[pair.gone]!;
  }
}
