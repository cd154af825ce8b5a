// Sums of n-digit numbers, padded with zeros to one length, `058+767=0825`, or with the digits of the sum in reverse,
// `058+767=5280`: from the lowest up a digit depends on two digits and a carry, from the highest down on all that follow
// (Lee et al. 2023, "Teaching arithmetic to small transformers").

import { ConfigError } from '../errors.ts';
import { randomStream } from '../tensor/philox.ts';
import type { Problem } from './problems.ts';

export interface AdditionOptions {
  /** Of each summand; the sum has one more. */
  readonly digits: number;
  readonly reversed: boolean;
}

export function additionProblem(a: number, b: number, options: AdditionOptions): Problem {
  const { digits, reversed } = options;
  const [left, right, sum] = [a, b, a + b].map(String);
  const written = sum!.padStart(digits + 1, '0');
  return {
    prompt: `${left!.padStart(digits, '0')}+${right!.padStart(digits, '0')}=`,
    completion: reversed ? [...written].reverse().join('') : written,
  };
}

export interface AdditionData {
  readonly train: readonly Problem[];
  readonly heldOut: readonly Problem[];
}

const STREAM = 0x61646420; // 'add ': the draws of a seed that belong to sums

/**
 * Sums of summands drawn evenly from 0 to 10^digits - 1, all different: of a + b and b + a there is only one. The same seed
 * gives the same sums, however they are written.
 * @throws ConfigError for more than half of all sums that there are.
 */
export function additionData(
  options: AdditionOptions & {
    readonly examples: number;
    readonly heldOut: number;
    readonly seed: number;
  },
): AdditionData {
  const { digits, examples, heldOut, seed } = options;
  const numbers = 10 ** digits;
  const sums = (numbers * (numbers + 1)) / 2;
  const wanted = examples + heldOut;
  if (wanted > sums / 2) {
    throw new ConfigError(
      `addition: ${examples} examples and ${heldOut} held out are more than half of the ${sums} sums of ${digits} digits; take fewer`,
    );
  }
  const random = randomStream(seed, STREAM);
  const problems = new Map<number, Problem>();
  while (problems.size < wanted) {
    const [a, b] = [random.integer(numbers), random.integer(numbers)];
    const pair = Math.min(a, b) * numbers + Math.max(a, b);
    if (!problems.has(pair)) problems.set(pair, additionProblem(a, b, options));
  }
  const all = [...problems.values()];
  return { train: all.slice(0, examples), heldOut: all.slice(examples) };
}
