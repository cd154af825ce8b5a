// How good a reward model is on preferences that it has not seen: who it takes for the better one, and how sure it is.

/** A pair as the reward model sees it. */
export interface JudgedPair {
  readonly chosen: number;
  readonly rejected: number;
  /** The probability that `chosen` is the better one: 1/2 of a tie. */
  readonly weight: number;
}

/** Pairs in which the model takes one answer for the better one with a probability from `from` on. */
export interface CalibrationBin {
  readonly from: number;
  readonly pairs: number;
  /** The mean of these probabilities, σ(|difference|). */
  readonly predicted: number;
  /** How often the label agrees. */
  readonly observed: number;
}

export interface RewardEvaluation {
  readonly pairs: number;
  /** Mean -ln P(label), in nats; ln 2 is chance. */
  readonly loss: number;
  /** The share of labels that agree with the higher reward; equal rewards and ties count half. */
  readonly accuracy: number;
  /** Of chosen - rejected. */
  readonly meanMargin: number;
  /** Of all rewards. */
  readonly leastReward: number;
  readonly meanReward: number;
  readonly mostReward: number;
  /** Expected calibration error: the mean of |predicted - observed|, by pairs. */
  readonly calibrationError: number;
  /** Those that hold pairs. */
  readonly calibration: readonly CalibrationBin[];
}

/** @param bins of equal width between 1/2 and 1 */
export function evaluatePairs(
  pairs: readonly JudgedPair[],
  { bins = 10 }: { readonly bins?: number } = {},
): RewardEvaluation {
  const n = pairs.length;
  const mean = (of: (pair: JudgedPair) => number) => pairs.reduce((sum, p) => sum + of(p), 0) / n;
  const rewards = pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]);
  const calibration = calibrationOf(pairs, bins);
  return {
    pairs: n,
    loss: mean(({ chosen, rejected, weight }) => {
      const d = chosen - rejected;
      return weight * softplus(-d) + (1 - weight) * softplus(d);
    }),
    accuracy: mean(agreementOf),
    meanMargin: mean(({ chosen, rejected }) => chosen - rejected),
    leastReward: rewards.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    meanReward: mean(({ chosen, rejected }) => (chosen + rejected) / 2),
    mostReward: rewards.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    calibrationError: calibration.reduce(
      (sum, bin) => sum + (bin.pairs / n) * Math.abs(bin.predicted - bin.observed),
      0,
    ),
    calibration,
  };
}

/** The probability that the label takes the same side. */
function agreementOf({ chosen, rejected, weight }: JudgedPair): number {
  if (chosen === rejected) return 0.5;
  return chosen > rejected ? weight : 1 - weight;
}

function calibrationOf(pairs: readonly JudgedPair[], bins: number): CalibrationBin[] {
  const sums = Array.from({ length: bins }, () => ({ pairs: 0, predicted: 0, observed: 0 }));
  for (const pair of pairs) {
    const p = 1 / (1 + Math.exp(-Math.abs(pair.chosen - pair.rejected)));
    const bin = sums[Math.min(bins - 1, Math.floor((p - 0.5) * 2 * bins))]!;
    bin.pairs++;
    bin.predicted += p;
    bin.observed += agreementOf(pair);
  }
  return sums.flatMap(({ pairs, predicted, observed }, i) => {
    const from = 0.5 + i / (2 * bins);
    return pairs > 0
      ? [{ from, pairs, predicted: predicted / pairs, observed: observed / pairs }]
      : [];
  });
}

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
