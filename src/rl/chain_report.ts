// report.html of the chain experiment: how the policy learns, and how it swims with chains of other lengths.

import type { Report } from '../io/report.ts';
import type { ChainResults, ChainSettings } from './chain_experiment.ts';

/** A policy against random actions with the same chain. */
export interface ChainComparison {
  readonly links: number;
  readonly seed: number;
  readonly mean: number;
  readonly random: number;
  /** How many standard errors of the difference it is better. */
  readonly standardErrors: number;
}

export function compared({ random, scores }: ChainResults): ChainComparison[] {
  return scores.map(({ links, seed, returns }) => {
    const drawn = moments(random.find((score) => score.links === links)!.returns);
    const own = moments(returns);
    const error = Math.sqrt(own.squaredError + drawn.squaredError);
    const standardErrors = (own.mean - drawn.mean) / error;
    return { links, seed, mean: own.mean, random: drawn.mean, standardErrors };
  });
}

/** The mean, and the square of its standard error. */
function moments(values: readonly number[]) {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { mean, squaredError: squares / (n * Math.max(1, n - 1)) };
}

export function chainReport(
  results: ChainResults,
  settings: ChainSettings,
): Omit<Report, 'settings'> {
  const { links, triedLinks, seeds, episodes } = settings;
  const rows = compared(results);
  const of = (seed: number) => rows.filter((row) => row.seed === seed);
  const x = [...triedLinks];
  const random = x.map((tried) => rows.find((row) => row.links === tried)!.random);
  return {
    title: `A graph policy swims with ${links} links, and with more`,
    subtitle: `PPO for ${settings.steps.toLocaleString('en')} steps; messages along the links, ${settings.rounds} rounds; longer chains are never trained on`,
    summary: [
      ...rows.map((row): [string, string] => [
        `${row.links} links, seed ${row.seed}`,
        `${row.mean.toFixed(2)} (random ${row.random.toFixed(2)}, ${row.standardErrors.toFixed(0)} standard errors below)`,
      ]),
      ['episodes each', episodes],
    ],
    plots: [
      {
        title: 'Mean return by length of the chain',
        xLabel: 'links',
        yLabel: 'metres per second, summed over 200 steps',
        series: [
          { label: 'random actions', x, y: random },
          ...seeds.map((seed) => ({
            label: `seed ${seed}`,
            x: of(seed).map((row) => row.links),
            y: of(seed).map((row) => row.mean),
            points: true,
          })),
        ],
      },
      {
        title: `While it learns with ${links} links`,
        xLabel: 'environment steps',
        yLabel: 'mean return',
        series: results.trainings.map(({ seed, curve }) => ({
          label: `seed ${seed}`,
          x: curve.map(({ step }) => step),
          y: curve.map((each) => each.return),
        })),
      },
    ],
    samples: [],
  };
}
