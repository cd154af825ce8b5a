// report.html of the over-optimisation experiment: what is optimised goes on rising, and the truth does not.

import { meanInterval } from '../io/mean_interval.ts';
import type { Report, ReportSeries } from '../io/report.ts';
import type { OveroptimiseResults, OveroptimiseSettings, PpoCurve } from './overoptimise.ts';

/** A method at a stretch of its training, or a number of candidates: a value per seed. */
interface Step {
  readonly kl: readonly number[];
  /** In deviations of the base's answers, from their mean. */
  readonly learned: readonly number[];
  readonly gold: readonly number[];
}

export interface Method {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** Best of n, then PPO by β. */
export function methodsOf(
  { bestOf, ppo }: OveroptimiseResults,
  { betas }: OveroptimiseSettings,
): Method[] {
  const bases = new Map(bestOf.map((curve) => [curve.seed, curve]));
  const first: Method = {
    name: 'best of n',
    steps: stepsOf(
      bestOf.map(({ points }) => points),
      (point) => point,
    ),
  };
  const optimised = betas.map((beta): Method => {
    const own = ppo.filter((curve) => curve.beta === beta);
    const scaled = ({ seed, points }: PpoCurve) => {
      const { goldMean, goldDeviation } = bases.get(seed)!;
      return points.map(({ kl, means }) => {
        return { kl, learned: means.learned!, gold: (means.gold! - goldMean) / goldDeviation };
      });
    };
    return { name: `PPO, β ${beta}`, steps: stepsOf(own.map(scaled), (point) => point) };
  });
  return [first, ...optimised];
}

type Point = { readonly kl: number; readonly learned: number; readonly gold: number };

/** The curves of all seeds, step by step. */
function stepsOf<P>(curves: readonly (readonly P[])[], of: (point: P) => Point): Step[] {
  const length = Math.min(...curves.map((points) => points.length));
  return Array.from({ length: curves.length === 0 ? 0 : length }, (_, i) => {
    const points = curves.map((curve) => of(curve[i]!));
    return {
      kl: points.map(({ kl }) => kl),
      learned: points.map(({ learned }) => learned),
      gold: points.map(({ gold }) => gold),
    };
  });
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Noise of an estimate may take a small KL below 0. */
const rootKl = ({ kl }: Step) => Math.sqrt(Math.max(0, mean(kl)));

/** Where a method ends, and where the truth was highest. */
export interface Summary {
  readonly name: string;
  readonly kl: number;
  readonly learned: number;
  readonly gold: number;
  /** Half the 95 % interval of gold over the seeds. */
  readonly margin: number;
  readonly best: { readonly kl: number; readonly gold: number };
}

export function summarise(results: OveroptimiseResults, settings: OveroptimiseSettings): Summary[] {
  return methodsOf(results, settings)
    .filter(({ steps }) => steps.length > 0)
    .map(({ name, steps }) => {
      const last = steps.at(-1)!;
      const best = steps.reduce((a, b) => (mean(b.gold) > mean(a.gold) ? b : a));
      return {
        ...{ name, kl: mean(last.kl), learned: mean(last.learned), gold: mean(last.gold) },
        margin: meanInterval(last.gold).margin,
        best: { kl: mean(best.kl), gold: mean(best.gold) },
      };
    });
}

export function overoptimiseReport(
  results: OveroptimiseResults,
  settings: OveroptimiseSettings,
): Omit<Report, 'settings'> {
  const { rewards, ppo } = results;
  const methods = methodsOf(results, settings);
  const curve = (steps: readonly Step[], which: 'learned' | 'gold') => ({
    x: steps.map(rootKl),
    y: steps.map((step) => mean(step[which])),
  });
  const both = methods.flatMap(({ name, steps }): ReportSeries[] => [
    { label: `${name}: learned`, faint: true, ...curve(steps, 'learned') },
    { label: `${name}: gold`, ...curve(steps, 'gold') },
  ]);
  const bySeed = methods.map(({ name, steps }): ReportSeries => {
    const each = steps.flatMap(({ kl, gold }) => kl.map((x, i) => ({ x, y: gold[i]! })));
    const x = each.map((point) => Math.sqrt(Math.max(0, point.x)));
    return { label: name, points: true, x, y: each.map(({ y }) => y) };
  });
  const summary = summarise(results, settings);
  const accuracy = mean(rewards.map((reward) => reward.accuracy));
  const seeds = settings.seeds.length;
  return {
    title: 'A learned reward, optimised too far',
    subtitle: `A reward model of ${rewards[0]?.pairs ?? 0} labels, policies optimised against it, and the truth that the labels came from; means of ${seeds} seeds, in standard deviations of the base's answers`,
    summary: [
      ['held-out labels predicted', `${(100 * accuracy).toFixed(1)} %`],
      ...summary.map(({ name, gold, learned }): [string, string] => [
        `${name}, at the end`,
        `${gold.toFixed(2)} gold, ${learned.toFixed(2)} learned`,
      ]),
    ],
    plots: [
      {
        title: 'Gold beside the learned reward (pale)',
        xLabel: 'root of the KL from the base, in nats per answer',
        yLabel: 'deviations above the base',
        series: both,
      },
      {
        title: 'Gold, each seed',
        xLabel: 'root of the KL from the base',
        yLabel: 'deviations above the base',
        series: bySeed,
      },
      ...(['length', 'distinct'] as const).map((what) => ({
        title: what === 'length' ? 'Tokens of an answer' : 'Distinct pairs of words',
        xLabel: 'rollouts',
        yLabel: what === 'length' ? 'tokens' : 'share of all pairs in a rollout',
        series: ppo
          .filter(({ seed }) => seed === settings.seeds[0])
          .map(({ beta, points }) => ({
            label: `PPO, β ${beta}, seed ${settings.seeds[0]}`,
            x: points.map(({ step }) => step + 1),
            y: points.map((point) => point[what]),
          })),
      })),
    ],
    tables: [
      {
        title: 'At the end, and where the truth was best',
        columns: ['method', 'KL', 'learned', 'gold', '± 95 %', 'best gold', 'at KL'],
        rows: summary.map(({ name, kl, learned, gold, margin, best }) => {
          return [name, kl, learned, gold, margin, best.gold, best.kl];
        }),
      },
    ],
    samples: ppo
      .filter(({ seed }) => seed === settings.seeds[0])
      .map(({ beta, samples }) => ({
        title: `PPO, β ${beta}`,
        text: samples.map(({ prompt, text }) => prompt + text).join('\n'),
      })),
    notes: [
      'The KL of best of n is its upper bound ln n - (n - 1) / n; that of PPO is measured on the answers it learns from.',
    ],
  };
}
