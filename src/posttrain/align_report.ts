// The figure of the alignment experiment: the true reward against the KL that it took.

import type { Report } from '../io/report.ts';
import type { AlignResults, AlignSettings } from './align_experiment.ts';

const NAMES = { base: 'base', 'best-of-n': 'best of n', ppo: 'PPO', dpo: 'DPO' } as const;

export function alignReport(
  { results }: AlignResults,
  { seeds, bestOf }: AlignSettings,
): Omit<Report, 'settings'> {
  const methods = Object.keys(NAMES) as (keyof typeof NAMES)[];
  const of = (method: string) => results.filter((each) => each.method === method);
  const curves = of('ppo');
  return {
    title: 'What a reward gains, and what it costs',
    subtitle: `Answers to held-out story beginnings, by the true reward and by their KL from the model they began with. Best of ${bestOf}; seeds ${seeds.join(', ')}.`,
    summary: methods.flatMap((method) => {
      const all = of(method);
      const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
      const gold = mean(all.map((each) => each.gold.mean)).toFixed(2);
      const wins = (100 * mean(all.map(({ winRate }) => winRate))).toFixed(0);
      const kl = mean(all.map((each) => each.kl)).toFixed(2);
      return [[NAMES[method], `${gold} points, ${wins} % wins, KL ${kl}`] as const];
    }),
    plots: [
      {
        title: 'True reward against KL',
        xLabel: 'KL from the base, nats per answer',
        yLabel: 'mean true reward',
        series: methods.map((method) => ({
          label: NAMES[method],
          x: of(method).map(({ kl }) => kl),
          y: of(method).map(({ gold }) => gold.mean),
          points: true,
        })),
      },
      {
        title: 'While PPO learns',
        xLabel: 'rollouts',
        yLabel: 'mean true reward',
        series: curves.map(({ seed, curve }) => ({
          label: `seed ${seed}`,
          x: curve.map(({ step }) => step),
          y: curve.map(({ gold }) => gold),
        })),
      },
      {
        title: 'KL while PPO learns',
        xLabel: 'rollouts',
        yLabel: 'nats per answer',
        series: curves.map(({ seed, curve }) => ({
          label: `seed ${seed}`,
          x: curve.map(({ step }) => step),
          y: curve.map(({ kl }) => kl),
        })),
      },
    ],
    tables: [
      {
        title: 'Every run',
        columns: ['seed', 'method', 'true reward', '±', 'KL', 'wins over the base'],
        rows: results.map(({ seed, method, gold, kl, winRate }) => [
          ...[seed, NAMES[method], gold.mean.toFixed(3), gold.margin.toFixed(3)],
          ...[kl.toFixed(2), `${(100 * winRate).toFixed(1)} %`],
        ]),
      },
    ],
    samples: results
      .filter(({ seed }) => seed === seeds[0])
      .map(({ method, samples }) => ({ title: NAMES[method], text: samples.join('\n') })),
  };
}
