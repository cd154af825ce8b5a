// What the denoising objectives hide and how they disturb, drawn at random.

import { ConfigError } from '../errors.ts';
import type { RandomStream } from '../tensor/philox.ts';
import type { Span } from './denoise.ts';

/** Each of `length` tokens is noise with probability `rate`, independently. */
export function independentNoise(random: RandomStream, length: number, rate: number): boolean[] {
  requireRate('independentNoise', rate);
  return Array.from({ length }, () => random.uniform() < rate);
}

/**
 * Spans that hold round(rate * length) of the tokens, at least one and not all, in round(that / meanLength) spans, at least
 * one: as many as there is room for between them. How the tokens are divided among the spans, and the others among the
 * gaps, is uniform over all ways; the text begins with a gap (Raffel et al. 2020).
 */
export function spanNoise(
  random: RandomStream,
  length: number,
  { rate, meanLength }: { readonly rate: number; readonly meanLength: number },
): Span[] {
  requireRate('spanNoise', rate);
  if (!(meanLength >= 1)) {
    throw new ConfigError(`spanNoise: meanLength is ${meanLength}; expected at least 1`);
  }
  if (length < 2) return [];
  const noise = Math.min(Math.max(Math.round(rate * length), 1), length - 1);
  const count = Math.min(Math.max(Math.round(noise / meanLength), 1), length - noise);
  const gaps = parts(random, length - noise, count);
  let at = 0;
  return parts(random, noise, count).map((size, n) => {
    const span = { start: at + gaps[n]!, length: size };
    at = span.start + size;
    return span;
  });
}

/** `total` as the sum of `count` positive integers, each such list equally likely: count - 1 borders among total - 1. */
function parts(random: RandomStream, total: number, count: number): number[] {
  const borders = sorted(chosen(random, total - 1, count - 1)).map((border) => border + 1);
  return [...borders, total].map((border, i) => border - (borders[i - 1] ?? 0));
}

/** `count` of 0 … n - 1, each set equally likely (Floyd's method). */
function chosen(random: RandomStream, n: number, count: number): Set<number> {
  const taken = new Set<number>();
  for (let last = n - count; last < n; last++) {
    const drawn = random.integer(last + 1);
    taken.add(taken.has(drawn) ? last : drawn);
  }
  return taken;
}

const sorted = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);

export interface ReplacementOptions {
  /** Share of the tokens that is chosen. Default 0.15, as what follows from Devlin et al. 2019. */
  readonly rate?: number;
  readonly mask: number;
  /** Random tokens are 0 … vocabularySize - 1. */
  readonly vocabularySize: number;
  /** Of the chosen ones: how many become the mask, default 0.8, and how many any token, default 0.1; the others stay. */
  readonly maskShare?: number;
  readonly randomShare?: number;
}

/** What BERT puts in the place of which tokens: each is chosen with probability `rate`. */
export function bertReplacements(
  random: RandomStream,
  tokens: ArrayLike<number>,
  options: ReplacementOptions,
): Map<number, number> {
  const { rate = 0.15, mask, vocabularySize, maskShare = 0.8, randomShare = 0.1 } = options;
  requireRate('bertReplacements', rate);
  const replacements = new Map<number, number>();
  for (let at = 0; at < tokens.length; at++) {
    if (random.uniform() >= rate) continue;
    const kind = random.uniform();
    const other = () =>
      kind < maskShare + randomShare ? random.integer(vocabularySize) : tokens[at]!;
    replacements.set(at, kind < maskShare ? mask : other());
  }
  return replacements;
}

function requireRate(name: string, rate: number): void {
  if (rate >= 0 && rate <= 1) return;
  throw new ConfigError(`${name}: rate is ${rate}; expected a probability`);
}
