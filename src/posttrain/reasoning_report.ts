// report.html of the reasoning experiment: accuracy with and without a buffer, and against its budget.

import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Report } from '../io/report.ts';
import type {
  Accuracy,
  ReasoningResult,
  ReasoningResults,
  ReasoningSettings,
  Way,
} from './reasoning_experiment.ts';
import { shown } from './verifiable_report.ts';

/** From this number of steps on, direct answers are compared with the buffer. */
export const MANY_STEPS = 3;

export interface WaySummary {
  readonly way: Way;
  /** Over the seeds, by number of steps, from 1. */
  readonly before: readonly MeanInterval[];
  readonly after: readonly MeanInterval[];
  /** Of `MANY_STEPS` and more, after training. */
  readonly many: MeanInterval;
}

export interface ReasoningSummary {
  readonly ways: readonly WaySummary[];
  /** All problems, after training, by the buffer's budget. */
  readonly budgets: readonly {
    readonly budget: number;
    readonly accuracy: MeanInterval;
    readonly thought: number;
  }[];
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const overall = ({ bySteps }: Accuracy) => mean(bySteps);

export function summariseReasoning({ results }: ReasoningResults): ReasoningSummary {
  const own = (way: Way) => results.filter((each) => each.way === way);
  const bySteps = (some: readonly ReasoningResult[], of: (result: ReasoningResult) => Accuracy) =>
    of(some[0]!).bySteps.map((_, k) => meanInterval(some.map((each) => of(each).bySteps[k]!)));
  const ways = (['direct', 'buffer'] as const)
    .map((way) => ({ way, some: own(way) }))
    .filter(({ some }) => some.length > 0)
    .map(({ way, some }) => ({
      way,
      before: bySteps(some, ({ before }) => before),
      after: bySteps(some, ({ after }) => after),
      many: meanInterval(some.map(({ after }) => mean(after.bySteps.slice(MANY_STEPS - 1)))),
    }));
  const buffers = own('buffer');
  const budgets = (buffers[0]?.byBudget ?? []).map(({ budget }, i) => ({
    budget,
    accuracy: meanInterval(buffers.map(({ byBudget }) => overall(byBudget[i]!))),
    thought: mean(buffers.map(({ byBudget }) => byBudget[i]!.thought)),
  }));
  return { ways, budgets };
}

const NAMES: Readonly<Record<Way, string>> = {
  direct: 'answers alone',
  buffer: 'steps in the buffer',
};

export function reasoningReport(
  experiment: ReasoningResults,
  { seeds, maxSteps, trainBudget, slips, iterations }: ReasoningSettings,
): Omit<Report, 'settings'> {
  const { ways, budgets } = summariseReasoning(experiment);
  const { results } = experiment;
  const steps = Array.from({ length: maxSteps }, (_, k) => k + 1);
  const means = (list: readonly MeanInterval[]) => list.map((each) => each.mean);
  return {
    title: 'Thinking longer solves more, up to a point',
    subtitle: `Word problems of 1 to ${maxSteps} steps; ${results[0]!.parameters.toLocaleString('en')} parameters, warmed up on solutions of which ${(100 * slips).toFixed(0)} % have a slip, then ${iterations} rollouts of GRPO with at most ${trainBudget} tokens of thought`,
    summary: [
      ...ways.map(({ way, many }): [string, string] => [
        `${NAMES[way]}, ${MANY_STEPS} steps and more`,
        shown(many),
      ]),
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
              y: byBudget.map(overall),
              faint: true,
            })),
          {
            label: 'mean',
            x: budgets.map(({ budget }) => budget),
            y: budgets.map(({ accuracy }) => accuracy.mean),
          },
        ],
      },
      {
        title: 'With the buffer and without',
        xLabel: 'steps of the problem',
        yLabel: 'share of right answers',
        fromZero: true,
        series: ways.flatMap(({ way, before, after }) => [
          { label: `${NAMES[way]}, warmed up`, x: steps, y: means(before) },
          { label: `${NAMES[way]}, after GRPO`, x: steps, y: means(after) },
        ]),
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
