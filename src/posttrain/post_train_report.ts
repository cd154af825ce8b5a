// report.html of a run of post-training: rewards and KL while it learns, and answers at the same seeds before and after.

import { columnOf, type MetricRecord } from '../io/metrics.ts';
import { type PlotLibrary, type ReportPlot, renderReport } from '../io/report.ts';
import type { AnswerEvaluation, PostTrainOptions, PostTrainResult } from './post_train.ts';
import type { Task } from './rewards.ts';

/** Names for people; a metric without one keeps its own. */
const TITLES: Readonly<Record<string, readonly [title: string, unit: string]>> = {
  kl: ['KL from the reference', 'nats per answer'],
  beta: ['Coefficient of the KL', 'reward per nat'],
  length: ['Length of the answers', 'tokens'],
  finished: ['Answers that come to an end', 'share'],
  equalGroups: ['Groups whose rewards are all equal', 'groups'],
  entropy: ['Entropy of the next token', 'nats'],
  approxKl: ['KL from the policy that drew', 'nats per token'],
  clipFraction: ['Share of clipped tokens', 'share'],
  policyLoss: ['Policy loss', 'loss'],
  valueLoss: ['Value loss', '½ squared error'],
  gradNorm: ['Norm of the gradient', 'norm'],
  tokensPerSecond: ['Speed, updates included', 'drawn tokens/s'],
};

/** Those that say little by themselves. */
const UNSHOWN = new Set(['step', 'score', 'loss']);

export function postTrainReport<T extends Task>(
  { method, settings, ...about }: PostTrainOptions<T>['about'],
  { evaluations, steps, seconds, adapter }: PostTrainResult,
  metrics: readonly MetricRecord[],
  plots: PlotLibrary,
): Promise<string> {
  const keys = new Set(metrics.flatMap((record) => Object.keys(record)));
  const own = [...keys].filter((key) => !UNSHOWN.has(key) && !key.includes('/'));
  const [before, after] = [evaluations[0], evaluations.at(-1)];
  return renderReport(
    {
      title: `Post-training by ${method}`,
      subtitle: Object.values(about)
        .filter((value) => typeof value === 'string')
        .join(', '),
      summary: [
        ...changes(before, after),
        ['rollouts', steps],
        ['time', `${seconds.toFixed(0)} s`],
        ['adapter', adapter],
      ],
      plots: [
        rewardPlot(metrics, [...keys]),
        ...(evaluations.length > 1 ? [heldOutPlot(evaluations)] : []),
        ...own.map((key): ReportPlot => {
          const [title, yLabel] = TITLES[key] ?? [key, key];
          const series = [{ label: key, ...columnOf(metrics, key) }];
          return { title, xLabel: 'rollouts', yLabel, series };
        }),
      ],
      samples: samplePairs(before, after),
      settings,
    },
    plots,
  );
}

function changes(
  before: AnswerEvaluation | undefined,
  after: AnswerEvaluation | undefined,
): [string, string][] {
  return Object.entries(after?.scores ?? {}).map(([name, { mean, margin }]) => {
    const from = before?.scores[name]?.mean.toFixed(2);
    return [`${name}, held out`, `${mean.toFixed(2)} ± ${margin.toFixed(2)}, before ${from}`];
  });
}

function rewardPlot(metrics: readonly MetricRecord[], keys: readonly string[]): ReportPlot {
  const parts = keys.filter((key) => key.startsWith('reward/'));
  return {
    title: 'Reward of the drawn answers',
    xLabel: 'rollouts',
    yLabel: 'mean per answer',
    series: ['score', ...parts].map((key) => ({
      label: key.replace('reward/', ''),
      ...columnOf(metrics, key),
    })),
  };
}

function heldOutPlot(evaluations: readonly AnswerEvaluation[]): ReportPlot {
  const names = Object.keys(evaluations[0]!.scores);
  return {
    title: 'Held-out tasks',
    xLabel: 'rollouts',
    yLabel: 'mean per answer',
    series: names.map((label) => ({
      label,
      x: evaluations.map(({ step }) => step),
      y: evaluations.map(({ scores }) => scores[label]!.mean),
    })),
  };
}

function samplePairs(
  before: AnswerEvaluation | undefined,
  after: AnswerEvaluation | undefined,
): { title: string; text: string }[] {
  return (after?.samples ?? []).map(({ prompt, text }, i) => ({
    title: `Sample ${i + 1}, before and after`,
    text: `${prompt}${before?.samples[i]?.text ?? ''}\n\n${prompt}${text}`,
  }));
}
