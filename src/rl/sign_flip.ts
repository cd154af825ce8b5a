// The permutation test of pairs: would the gain of one over the other be as large if each pair had been swapped or not by chance?

import { ConfigError } from '../errors.ts';

/**
 * p of "a is greater than b on average", one-sided and exact: the share of all 2^n ways to swap pairs whose mean difference
 * is at least that of the pairs as they are. @throws ConfigError for lists of unequal length, none or over 20 pairs
 */
export function signFlipTest(a: readonly number[], b: readonly number[]): number {
  const n = a.length;
  if (n !== b.length || n < 1 || n > 20)
    throw new ConfigError(`signFlipTest: ${n} and ${b.length} values, expected 1 to 20 of each`);
  const differences = a.map((x, i) => x - b[i]!);
  const observed = differences.reduce((sum, d) => sum + d, 0);
  let asLarge = 0;
  for (let flips = 0; flips < 2 ** n; flips++) {
    const sum = differences.reduce((sum, d, i) => sum + ((flips >> i) & 1 ? -d : d), 0);
    if (sum >= observed - 1e-12 * Math.abs(observed)) asLarge++;
  }
  return asLarge / 2 ** n;
}
