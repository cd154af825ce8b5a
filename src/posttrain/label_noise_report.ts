// report.html of the label-noise experiment: accuracy against flips under the ceiling, and the uncertain labeller's run.

import { meanInterval } from '../io/mean_interval.ts';
import type { Report } from '../io/report.ts';
import type {
  LabelNoiseResults,
  LabelNoiseSettings,
  NoiseResult,
} from './label_noise_experiment.ts';

/** Reward models of one kind of labels, over the seeds. */
export interface NoiseSummary {
  readonly flips: number;
  readonly temperature: number;
  readonly ceiling: number;
  readonly accuracy: number;
  /** Half of the 95 % interval; NaN for one seed. */
  readonly margin: number;
  readonly truth: number;
  readonly accuracies: readonly number[];
}

export function summariseNoise({ curve, uncertain }: LabelNoiseResults): {
  readonly curve: readonly NoiseSummary[];
  readonly uncertain: readonly NoiseSummary[];
} {
  const by = (results: readonly NoiseResult[], key: 'flips' | 'temperature') =>
    [...new Set(results.map((each) => each[key]))].map((value) =>
      summaryOf(results.filter((each) => each[key] === value)),
    );
  return { curve: by(curve, 'flips'), uncertain: by(uncertain, 'temperature') };
}

function summaryOf(results: readonly NoiseResult[]): NoiseSummary {
  const { flips, temperature, ceiling } = results[0]!;
  const accuracies = results.map(({ accuracy }) => accuracy);
  const { mean: accuracy, margin } = meanInterval(accuracies);
  const { mean: truth } = meanInterval(results.map((each) => each.truth));
  return { flips, temperature, ceiling, accuracy, margin, truth, accuracies };
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function labelNoiseReport(
  results: LabelNoiseResults,
  { seeds, curveLabels, labels }: LabelNoiseSettings,
): Omit<Report, 'settings'> {
  const { curve, uncertain } = summariseNoise(results);
  const x = curve.map(({ flips }) => flips);
  return {
    title: 'What a reward model learns from labels that are wrong',
    subtitle: `Pairs of stories by a small model, labelled by rule; ${curveLabels.toLocaleString('en')} labels with a share p flipped`,
    summary: [
      ...curve.map(({ flips, accuracy, ceiling, truth }): [string, string] => [
        `p = ${flips}`,
        `${percent(accuracy)} of labels, at most ${percent(ceiling)}; ${percent(truth)} of the truth`,
      ]),
      ...uncertain.map(({ temperature, accuracy, ceiling }): [string, string] => [
        `${labels.toLocaleString('en')} labels, T = ${temperature}`,
        `${percent(accuracy)} of labels, at most ${percent(ceiling)}`,
      ]),
      ['seeds', seeds.length],
    ],
    plots: [
      {
        title: 'Held-out accuracy against the share of flipped labels',
        xLabel: 'p, the share of labels that are flipped, in training and held out alike',
        yLabel: 'share of pairs',
        series: [
          { label: 'Bayes ceiling, 1 - p', x, y: curve.map(({ ceiling }) => ceiling) },
          { label: 'agrees with the labels, mean', x, y: curve.map(({ accuracy }) => accuracy) },
          { label: 'agrees with the truth, mean', x, y: curve.map(({ truth }) => truth) },
          ...seeds.map((seed) => {
            const own = results.curve.filter((each) => each.seed === seed);
            const y = own.map(({ accuracy }) => accuracy);
            return { label: `seed ${seed}`, x, y, points: true };
          }),
        ],
      },
    ],
    tables: [
      {
        title: `${labels.toLocaleString('en')} labels of an uncertain labeller, by temperature`,
        columns: ['temperature', 'seed', 'accuracy', 'ceiling', 'below it', 'of the truth'],
        rows: results.uncertain.map((each) => [
          each.temperature,
          each.seed,
          percent(each.accuracy),
          percent(each.ceiling),
          percent(each.ceiling - each.accuracy),
          percent(each.truth),
        ]),
      },
    ],
    samples: [],
  };
}
