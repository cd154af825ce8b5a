// A sequence of random numbers for what runs on the host: an environment's resets and noise, a scripted choice.
// Number i is element i of a Philox draw, so that kernels/env gives the same numbers from (seed, stream, position).

import { ConfigError } from '../errors.ts';
import { keyOf, normalPair, randomBlock, uniformFromBits, type Words } from '../tensor/philox.ts';

export interface RandomPosition {
  readonly seed: number;
  /** u32: tells apart the copies of one environment. */
  readonly stream: number;
  /** Words taken so far. */
  readonly position: number;
}

export class RandomSequence {
  readonly #seed: number;
  readonly #stream: number;
  readonly #key: readonly [number, number];
  #position: number;
  #block: Words = [0, 0, 0, 0];
  #blockIndex = -1;

  constructor({ seed, stream = 0, position = 0 }: { seed: number } & Partial<RandomPosition>) {
    this.#seed = seed;
    this.#stream = stream;
    this.#key = keyOf(seed);
    this.#position = position;
  }

  /** What the rest of the sequence follows from: `new RandomSequence(random.at)` gives the same numbers. */
  get at(): RandomPosition {
    return { seed: this.#seed, stream: this.#stream, position: this.#position };
  }

  /** In [low, high), of 2^24 values. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * uniformFromBits(this.#word());
  }

  /** Standard normal; takes two words. */
  normal(): number {
    return normalPair(this.#word(), this.#word())[0];
  }

  /** One of 0 … n - 1, n at most 2^24. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** An index, with probability proportional to its weight. @throws ConfigError where no weight is positive. */
  choice(weights: ArrayLike<number>): number {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i]!;
    if (!(total > 0)) throw new ConfigError(`choice: the weights sum to ${total}`);
    let left = this.uniform() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      if (weights[i]! <= 0) continue;
      last = i;
      left -= weights[i]!;
      if (left < 0) return i;
    }
    return last; // rounding
  }

  #word(): number {
    const block = Math.floor(this.#position / 4);
    if (block !== this.#blockIndex) {
      this.#block = randomBlock(block, this.#stream, 0, this.#key);
      this.#blockIndex = block;
    }
    return this.#block[this.#position++ % 4]!;
  }
}
