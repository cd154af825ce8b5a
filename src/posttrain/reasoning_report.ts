// report.html of the reasoning experiment: accuracy with and without a buffer, and against its budget.

import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Report } from '../io/report.ts';
import type { Accuracy, ReasoningResults, ReasoningSettings, Way } from './reasoning_experiment.ts';
import { shown } from './verifiable_report.ts';

export interface ReasoningSummary {
  /** Over the seeds, with all the budget that there is. */
  readonly ways: readonly {
    readonly way: Way;
    readonly before: MeanInterval;
    readonly after: MeanInterval;
  }[];
  /** After training, by the buffer's budget. */
  readonly budgets: readonly {
    readonly budget: number;
    readonly right: MeanInterval;
    /** Tokens that were used of it. */
    readonly thought: number;
  }[];
}

export function summariseReasoning({ results }: ReasoningResults): ReasoningSummary {
  const own = (way: Way) => results.filter((each) => each.way === way);
  const right = (some: readonly Accuracy[]) => meanInterval(some.map((each) => each.right));
  const ways = (['direct', 'buffer'] as const)
    .filter((way) => own(way).length > 0)
    .map((way) => ({
      way,
      before: right(own(way).map(({ before }) => before)),
      after: right(own(way).map(({ after }) => after)),
    }));
  const buffers = own('buffer').map(({ byBudget }) => byBudget);
  const budgets = (buffers[0] ?? []).map(({ budget }, i) => ({
    budget,
    right: right(buffers.map((each) => each[i]!)),
    thought: meanInterval(buffers.map((each) => each[i]!.thought)).mean,
  }));
  return { ways, budgets };
}

const NAMES: Readonly<Record<Way, string>> = {
  direct: 'answers alone',
  buffer: 'steps in the buffer',
};

export function reasoningReport(
  experiment: ReasoningResults,
  { seeds, steps, trainBudget, slips, iterations }: ReasoningSettings,
): Omit<Report, 'settings'> {
  const { ways, budgets } = summariseReasoning(experiment);
  const { results } = experiment;
  const direct = ways.find(({ way }) => way === 'direct');
  return {
    title: 'Thinking longer solves more, up to a point',
    subtitle: `Sums of ${steps} steps; ${results[0]!.parameters.toLocaleString('en')} parameters, warmed up on solutions of which ${(100 * slips).toFixed(0)} % have a slip, then ${iterations} rollouts of GRPO with at most ${trainBudget} tokens of thought`,
    summary: [
      ...ways.map(({ way, after }): [string, string] => [NAMES[way], shown(after)]),
      ['seeds', seeds.join(', ')],
    ],
    plots: [
      {
        title: 'Accuracy against the reasoning budget at test time',
        xLabel: 'most tokens in the buffer (a step has 6)',
        yLabel: 'share of right answers',
        fromZero: true,
        series: [
          ...results
            .filter(({ way }) => way === 'buffer')
            .map(({ seed, byBudget }) => ({
              label: `seed ${seed}`,
              x: byBudget.map(({ budget }) => budget),
              y: byBudget.map(({ right }) => right),
              faint: true,
            })),
          {
            label: 'mean',
            x: budgets.map(({ budget }) => budget),
            y: budgets.map(({ right }) => right.mean),
          },
        ],
        ...(direct && { lines: [{ label: 'answers alone', y: direct.after.mean }] }),
      },
    ],
    tables: [
      {
        title: 'Right answers',
        columns: ['', 'warmed up', 'after GRPO'],
        rows: ways.map(({ way, before, after }) => [NAMES[way], shown(before), shown(after)]),
      },
    ],
    samples: results
      .filter(({ seed }) => seed === seeds[0])
      .map(({ way, sample }) => ({
        title: NAMES[way],
        text: `${sample.prompt}${sample.text}${sample.thought ? `\n\nhidden: ${sample.thought}` : ''}`,
      })),
  };
}
