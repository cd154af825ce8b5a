// How tokens are drawn: which are left, and by which temperature.

import { ConfigError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';

const MOST_ENDS = 4; // in the kernel's struct

/** The cuts are made in this order, as in Hugging Face's generate. */
export interface SamplingOptions {
  /** Divisor of the logits that tokens in the row had before, where they are positive, else factor (Keskar et al. 2019). Default 1. */
  readonly repetitionPenalty?: number;
  /** Divisor of the logits; 0 takes the likeliest token. Default 1. */
  readonly temperature?: number;
  /** Only the k likeliest tokens (Fan et al. 2018); among equals the lowest ids. Default: all. */
  readonly topK?: number;
  /** Of those the fewest, likeliest first, that hold at least this share (Holtzman et al. 2020), in (0, 1]. Default 1. */
  readonly topP?: number;
  /** Only tokens at least so likely as this share of the likeliest (Nguyen et al. 2024), in [0, 1]. Default 0. */
  readonly minP?: number;
  /** [V] or [B, V] u32; 0 forbids a token. Default: all are allowed. */
  readonly allowed?: Tensor | undefined;
  /** Up to four tokens that end a row. Default: none. */
  readonly ends?: readonly number[];
}

/** The options as the kernel takes them. @throws ConfigError for one out of its range. */
export function checkSampling(options: SamplingOptions, V: number) {
  const {
    repetitionPenalty = 1,
    temperature = 1,
    topK = V,
    topP = 1,
    minP = 0,
    ends = [],
  } = options;
  const fail = (name: string, value: number, expected: string): never => {
    throw new ConfigError(`sampling: ${name} is ${value}, expected ${expected}`);
  };
  if (!(repetitionPenalty > 0 && repetitionPenalty < 1e6))
    fail('repetitionPenalty', repetitionPenalty, 'a number above 0');
  if (!(temperature >= 0 && temperature < 1e30))
    fail('temperature', temperature, 'a number from 0 on');
  if (!(Number.isInteger(topK) && topK >= 1)) fail('topK', topK, 'a whole number from 1 on');
  if (!(topP >= 1e-6 && topP <= 1)) fail('topP', topP, 'a share in (0, 1]');
  if (!(minP >= 0 && minP <= 1)) fail('minP', minP, 'a share in [0, 1]');
  const stray = ends.find((id) => !(Number.isInteger(id) && id >= 0 && id < V));
  if (stray !== undefined) fail('an end token', stray, `an id in 0 … ${V - 1}`);
  if (ends.length > MOST_ENDS)
    fail('the number of end tokens', ends.length, `at most ${MOST_ENDS}`);
  const padded = Array.from({ length: MOST_ENDS }, (_, i) => ends[i] ?? -1);
  return {
    penalty: repetitionPenalty,
    temperature,
    topK: Math.min(topK, V),
    topP,
    minP,
    ends: padded,
  };
}
