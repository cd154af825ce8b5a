// report.html of the intrinsic dimension: accuracy by dimension, and where it crosses 90 % of the whole network's.

import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Report } from '../io/report.ts';
import type { IntrinsicResults, IntrinsicSettings } from './intrinsic_experiment.ts';

/** A dimension with the rate that is best on the validation images. */
export interface DimensionSummary extends MeanInterval {
  readonly dimension: number;
  readonly rate: number;
  /** Shares of test images, by seed. */
  readonly accuracies: readonly number[];
}

export interface IntrinsicSummary {
  /** By dimension; the last is the whole network. */
  readonly dimensions: readonly DimensionSummary[];
  /** 90 % of the whole network's mean accuracy. */
  readonly threshold: number;
  /** The largest d below it and the smallest d that reaches it, of those that were trained; null where there is none. */
  readonly below: number | null;
  readonly reached: number | null;
}

export function summariseIntrinsic(
  { cells, parameters }: IntrinsicResults,
  settings: IntrinsicSettings,
): IntrinsicSummary {
  const sorted = [...settings.dimensions].sort((a, b) => a - b);
  const dimensions = [...sorted, parameters].map((dimension) => {
    const own = cells.filter((cell) => cell.dimension === dimension);
    const each = settings.rates.map((rate) => {
      const runs = own.map(({ runs }) => runs.find((run) => run.rate === rate)!);
      const accuracies = runs.map(({ test }) => test);
      const validation = runs.reduce((sum, run) => sum + run.validation, 0);
      return { validation, dimension, rate, accuracies, ...meanInterval(accuracies) };
    });
    const { validation: _, ...best } = each.reduce((a, b) => (b.validation > a.validation ? b : a));
    return best;
  });
  const threshold = 0.9 * dimensions.at(-1)!.mean;
  const first = dimensions.findIndex(({ mean }) => mean >= threshold);
  const below = dimensions[first - 1]?.dimension ?? null;
  const reached = first < sorted.length ? dimensions[first]!.dimension : null;
  return { dimensions, threshold, below, reached };
}

export function intrinsicReport(
  results: IntrinsicResults,
  settings: IntrinsicSettings,
): Omit<Report, 'settings'> {
  const summary = summariseIntrinsic(results, settings);
  const { dimensions, threshold } = summary;
  const subspaces = dimensions.slice(0, -1);
  const whole = dimensions.at(-1)!;
  const x = subspaces.map(({ dimension }) => dimension);
  return {
    title: 'The intrinsic dimension of a task',
    subtitle: `A network of ${results.parameters.toLocaleString('en')} parameters on MNIST, trained in random subspaces`,
    summary: [
      ['90 % of the whole network', crossing(summary)],
      ['whole network', `${percent(whole.mean)} % right`],
      ['parameters', results.parameters],
      ['seeds', settings.seeds.length],
    ],
    plots: [
      {
        title: 'Test accuracy against dimensions',
        xLabel: 'dimensions d',
        yLabel: '% of test images right',
        logX: true,
        series: [
          {
            label: 'in a random subspace, mean',
            x,
            y: subspaces.map(({ mean }) => 100 * mean),
          },
          ...settings.seeds.map((seed, i) => ({
            label: `seed ${seed}`,
            x,
            y: subspaces.map(({ accuracies }) => 100 * accuracies[i]!),
            points: true,
          })),
        ],
        lines: [
          { label: 'whole network', y: 100 * whole.mean },
          { label: '90 % of it', y: 100 * threshold },
        ],
      },
    ],
    tables: [
      {
        title: 'Right, % of test images',
        columns: ['dimensions', 'rate', 'mean', 'by seed'],
        rows: dimensions.map(({ dimension, rate, mean, accuracies }) => [
          dimension,
          rate,
          percent(mean),
          accuracies.map(percent).join(' '),
        ]),
      },
    ],
    samples: [],
    notes: [
      'The rate of each row is the one with the highest mean accuracy on validation images, among those in the settings; the learning rate in a subspace is rate √(D/d).',
    ],
  };
}

/** Where the accuracy crosses the threshold, in words. */
export function crossing({ below, reached }: IntrinsicSummary): string {
  if (reached === null) return `more than ${below} dimensions`;
  return below === null
    ? `${reached} dimensions or fewer`
    : `${reached} dimensions; ${below} are too few`;
}

const percent = (share: number) => (100 * share).toFixed(2);
