// The figure of preferences in rounds: the true reward and the reward model's accuracy on what its policy writes, by round.

import type { Report } from '../io/report.ts';
import type { IterateResults, IterateSettings, Round } from './iterate.ts';

export function iterateReport(
  { rounds }: IterateResults,
  { seeds, labels }: IterateSettings,
): Omit<Report, 'settings'> {
  const of = (seed: number) => rounds.filter((each) => each.seed === seed);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const last = Math.max(...rounds.map(({ round }) => round));
  const gold = (round: number) =>
    mean(rounds.filter((each) => each.round === round).map((each) => each.gold.mean)).toFixed(2);
  const curves = (value: (round: Round) => number | null) =>
    seeds.map((seed) => {
      const own = of(seed).filter((each) => value(each) !== null);
      return {
        label: `seed ${seed}`,
        x: own.map(({ round }) => round),
        y: own.map((each) => value(each)!),
      };
    });
  return {
    title: 'Sample, label, refit, optimise, repeat',
    subtitle: `Each round labels ${labels} pairs of what the policy writes now, and fits a new reward model to all labels so far.`,
    summary: [
      ['true reward before', gold(0)],
      ['after the first round', gold(1)],
      [`after round ${last}`, gold(last)],
    ],
    plots: [
      {
        title: 'True reward on held-out prompts',
        xLabel: 'round',
        yLabel: 'mean',
        series: curves((round) => round.gold.mean),
      },
      {
        title: 'The reward model on fresh pairs of its own policy',
        xLabel: 'round',
        yLabel: 'share of labels predicted',
        series: curves(({ accuracy }) => accuracy),
        lines: [{ label: 'chance', y: 0.5 }],
      },
      {
        title: 'KL from the base',
        xLabel: 'round',
        yLabel: 'nats per answer',
        series: curves(({ kl }) => kl),
      },
    ],
    tables: [
      {
        title: 'Every round',
        columns: ['seed', 'round', 'labels', 'true reward', '±', 'KL', 'right on fresh pairs'],
        rows: rounds.map(({ seed, round, learnedFrom, gold, kl, accuracy }) => [
          ...[seed, round, learnedFrom, gold.mean.toFixed(3), gold.margin.toFixed(3)],
          ...[kl.toFixed(2), accuracy === null ? '' : `${(100 * accuracy).toFixed(1)} %`],
        ]),
      },
    ],
    samples: of(seeds[0]!).map(({ round, samples }) => ({
      title: `Round ${round}`,
      text: samples.join('\n'),
    })),
  };
}
