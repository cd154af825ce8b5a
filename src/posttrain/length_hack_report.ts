// report.html of the length experiment: how long answers get, and what they are worth.

import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Report } from '../io/report.ts';
import type { LengthHackResults, LengthHackSettings } from './length_hack.ts';
import type { StoryPoint } from './story_study.ts';

/** What is optimised: the truth with something for each token, and that with what repairs it. */
export const CASES = ['length', 'penalty', 'beta'] as const;
export type LengthCase = (typeof CASES)[number];

export interface LengthSummary {
  readonly what: LengthCase;
  readonly name: string;
  /** At the first stretch and at the last, over the seeds. */
  readonly before: Measures;
  readonly after: Measures;
}

type Measures = Readonly<Record<'length' | 'gold' | 'kl' | 'distinct' | 'entropy', MeanInterval>>;

const namesOf = ({ largerBeta, perToken }: LengthHackSettings): Record<LengthCase, string> => ({
  length: `gold and ${perToken} for each token`,
  penalty: '… with a penalty on over-long answers',
  beta: `… with β ${largerBeta}`,
});

const MEASURES = {
  length: (point: StoryPoint) => point.length,
  gold: (point: StoryPoint) => point.means.gold!,
  kl: (point: StoryPoint) => point.kl,
  distinct: (point: StoryPoint) => point.distinct,
  entropy: (point: StoryPoint) => point.entropy,
};

export function summarise(
  { curves }: LengthHackResults,
  settings: LengthHackSettings,
): LengthSummary[] {
  return CASES.flatMap((what) => {
    const own = curves.filter((curve) => curve.what === what);
    if (own.length === 0) return [];
    const at = (which: 0 | -1) => {
      const points = own.map(({ points }) => points.at(which)!);
      const all = Object.entries(MEASURES).map(([name, of]) => [
        name,
        meanInterval(points.map(of)),
      ]);
      return Object.fromEntries(all) as Measures;
    };
    return [{ what, name: namesOf(settings)[what], before: at(0), after: at(-1) }];
  });
}

export function lengthHackReport(
  results: LengthHackResults,
  settings: LengthHackSettings,
): Omit<Report, 'settings'> {
  const summary = summarise(results, settings);
  const plot = (title: string, yLabel: string, name: keyof typeof MEASURES) => ({
    ...{ title, xLabel: 'rollouts', yLabel },
    series: summary.map(({ what, name: label }) => {
      const own = results.curves.filter((curve) => curve.what === what);
      const steps = own[0]!.points.map(({ step }) => step + 1);
      const values = steps.map((_, i) => own.map(({ points }) => MEASURES[name](points[i]!)));
      const mean = (each: number[]) => each.reduce((a, b) => a + b, 0) / each.length;
      return { label, x: steps, y: values.map(mean) };
    }),
  });
  const shown = ({ mean, margin }: MeanInterval, digits = 2) =>
    Number.isFinite(margin)
      ? `${mean.toFixed(digits)} ± ${margin.toFixed(digits)}`
      : mean.toFixed(digits);
  return {
    title: 'A reward for length makes answers long',
    subtitle: `PPO on a model of stories; means of ${settings.seeds.length} seeds`,
    summary: summary.map(({ name, before, after }) => [
      name,
      `${after.length.mean.toFixed(0)} tokens from ${before.length.mean.toFixed(0)}, gold ${after.gold.mean.toFixed(2)} from ${before.gold.mean.toFixed(2)}`,
    ]),
    plots: [
      plot('Tokens of an answer', 'tokens', 'length'),
      plot('What it is worth', 'gold reward', 'gold'),
      plot('Distinct pairs of words', 'share of all pairs in a rollout', 'distinct'),
      plot('Entropy of the next token', 'nats', 'entropy'),
    ],
    tables: [
      {
        title: 'At the end, with 95 % intervals over seeds',
        columns: ['reward', 'tokens', 'gold', 'KL', 'distinct-2', 'entropy'],
        rows: summary.map(({ name, after }) => [
          name,
          shown(after.length, 1),
          ...([after.gold, after.kl, after.distinct, after.entropy] as const).map((x) => shown(x)),
        ]),
      },
    ],
    samples: results.curves
      .filter(({ seed }) => seed === settings.seeds[0])
      .map(({ what, samples }) => ({
        title: namesOf(settings)[what],
        text: samples.map(({ prompt, text }) => prompt + text).join('\n'),
      })),
  };
}
