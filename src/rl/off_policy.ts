// Importance sampling: expectations under one distribution from samples of another.
//
//   E_p f = E_q[w f]    w = p/q        of an episode: ρ(τ) = Π_t π(a_t | s_t) / μ(a_t | s_t)
//
// Ratios are handled as logarithms: a product of a hundred of them leaves the range of floats.

import { ConfigError } from '../errors.ts';

/**
 * - 'ordinary': 1/N Σ w f. No bias; its variance grows with that of w
 * - 'truncated': the same with min(w, most) (Ionides 2008). Pulled towards E_q f
 * - 'self-normalised': Σ w f / Σ w. A bias of order 1/N, and always within the range of f
 */
export type Weighting = 'ordinary' | 'truncated' | 'self-normalised';

export interface ImportanceOptions {
  /** Default 'ordinary'. */
  readonly weighting?: Weighting;
  /** Of 'truncated': the largest weight. Default √N. */
  readonly most?: number;
}

/** How far two distributions are apart, by the weights of N samples. */
export interface Overlap {
  /** (Σ w)² / Σ w²: so many samples of p itself would be as good. From 1 to N. */
  readonly effectiveSize: number;
  /** effectiveSize / N. */
  readonly share: number;
  /** ln of the largest weight. */
  readonly maxLogRatio: number;
  /** What to tell a user where share is below LEAST_SHARE, else null. */
  readonly warning: string | null;
}

export const LEAST_SHARE = 0.1;

export interface Estimate extends Overlap {
  readonly estimate: number;
}

/** E_p f by samples of q. @param logRatios ln p/q of each sample. @throws ConfigError for none, or not one for each. */
export function isEstimate(
  f: ArrayLike<number>,
  logRatios: ArrayLike<number>,
  options: ImportanceOptions = {},
): Estimate {
  if (f.length !== logRatios.length)
    throw new ConfigError(`isEstimate: ${f.length} values and ${logRatios.length} ratios`);
  const weights = importanceWeights(logRatios, options);
  const estimate = weights.reduce((total, w, i) => total + w * f[i]!, 0) / weights.length;
  return { estimate, ...overlap(logRatios) };
}

/** What to multiply each sample with, so that their plain mean is the estimate. @throws ConfigError for no samples */
export function importanceWeights(
  logRatios: ArrayLike<number>,
  { weighting = 'ordinary', most = Math.sqrt(logRatios.length) }: ImportanceOptions = {},
): Float64Array {
  if (weighting !== 'self-normalised') {
    const bound = weighting === 'truncated' ? most : Infinity;
    expectSamples(logRatios);
    return Float64Array.from(logRatios, (l) => Math.min(Math.exp(l), bound));
  }
  const { relative, total } = relativeWeights(logRatios);
  return relative.map((w) => (w * relative.length) / total);
}

export function overlap(logRatios: ArrayLike<number>): Overlap {
  const { relative, total, top } = relativeWeights(logRatios);
  const effectiveSize = total ** 2 / relative.reduce((squares, w) => squares + w * w, 0);
  const share = effectiveSize / relative.length;
  const few = effectiveSize.toPrecision(3);
  const warning =
    share < LEAST_SHARE
      ? `importance sampling: ${relative.length} samples are worth ${few}; the policies are too far apart`
      : null;
  return { effectiveSize, share, maxLogRatio: top, warning };
}

/** w / max w, which no ratio makes overflow. */
function relativeWeights(logRatios: ArrayLike<number>) {
  const logs = Float64Array.from(logRatios);
  expectSamples(logs);
  const top = logs.reduce((a, b) => Math.max(a, b));
  if (!Number.isFinite(top))
    throw new ConfigError(`importance sampling: the largest ln ratio is ${top}, expected a number`);
  const relative = logs.map((l) => Math.exp(l - top));
  return { relative, total: sumOf(relative), top };
}

function expectSamples({ length }: ArrayLike<number>): void {
  if (length === 0) throw new ConfigError('importance sampling: there are no samples');
}

/** ln ρ(τ) = Σ_t ln π(a_t | s_t) - ln μ(a_t | s_t). */
export function trajectoryLogRatio(logPi: ArrayLike<number>, logMu: ArrayLike<number>): number {
  return sumOf(stepLogRatios(logPi, logMu));
}

/** ln π(a_t | s_t) - ln μ(a_t | s_t). */
export function stepLogRatios(logPi: ArrayLike<number>, logMu: ArrayLike<number>): Float64Array {
  if (logPi.length !== logMu.length)
    throw new ConfigError(`off-policy: ${logPi.length} steps under π and ${logMu.length} under μ`);
  return Float64Array.from(logPi, (l, t) => l - logMu[t]!);
}

/**
 * - 'trajectory': ρ(τ) on all steps of an episode. E_μ of the weighted gradient is ∇J exactly; ρ grows with the length
 * - 'step': the ratio of the step alone. Small, and biased: it asks how likely the action is, and not how likely it was to
 *   get there, nor what follows. The bias vanishes as μ → π
 */
export type RatioPer = 'trajectory' | 'step';

/** The advantages of episodes that μ made, weighted for π, and how far the two are apart by the ratios that were used. */
export function offPolicyWeights(
  advantages: readonly ArrayLike<number>[],
  logPi: readonly ArrayLike<number>[],
  logMu: readonly ArrayLike<number>[],
  { per = 'trajectory', ...options }: ImportanceOptions & { readonly per?: RatioPer } = {},
): { weights: Float64Array[]; overlap: Overlap } {
  const steps = advantages.map((_, i) => stepLogRatios(logPi[i]!, logMu[i]!));
  const logRatios = per === 'step' ? steps.flatMap((own) => [...own]) : steps.map(sumOf);
  const ratios = importanceWeights(logRatios, options);
  let at = 0;
  const weights = advantages.map((episode, i) =>
    Float64Array.from(episode, (A) => A * ratios[per === 'step' ? at++ : i]!),
  );
  return { weights, overlap: overlap(logRatios) };
}

const sumOf = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
