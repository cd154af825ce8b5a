// report.html of the chain-of-thought experiment: accuracy by number of steps.

import type { Report } from '../io/report.ts';
import type { Asked, ChainResults, ChainSettings, Taught } from './chain_of_thought.ts';

/** A kind of model, asked one way, over the seeds. */
export interface ChainSummary {
  readonly taught: Taught;
  readonly asked: Asked;
  /** Mean shares of right answers by number of steps, from 1. */
  readonly mean: readonly number[];
  /** Those of each seed. */
  readonly seeds: readonly (readonly number[])[];
}

export function summariseChains({ results }: ChainResults): ChainSummary[] {
  const summaries = new Map<string, ChainSummary & { seeds: (readonly number[])[] }>();
  for (const { taught, answers } of results) {
    for (const { asked, accuracy } of answers) {
      const key = `${taught} ${asked}`;
      const summary = summaries.get(key) ?? { taught, asked, mean: [], seeds: [] };
      summary.seeds.push(accuracy);
      summaries.set(key, summary);
    }
  }
  return [...summaries.values()].map((summary) => ({ ...summary, mean: meanOf(summary.seeds) }));
}

const meanOf = (rows: readonly (readonly number[])[]): number[] =>
  rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);

const ASKED_TEXT: Readonly<Record<Asked, string>> = {
  directly: 'asked directly',
  stepByStep: '“Let’s think step by step.”',
  afterAnswers: 'after two problems with answers',
  afterChains: 'after two problems with chains',
};

export function chainReport(
  experiment: ChainResults,
  { seeds, examples, steps, maxSteps }: ChainSettings,
): Omit<Report, 'settings'> {
  const { results } = experiment;
  const summaries = summariseChains(experiment);
  const separate = summaries.filter(({ taught }) => taught === 'answers' || taught === 'chains');
  const byPrompt = (taught: Taught, title: string) => {
    const own = summaries.filter((each) => each.taught === taught);
    const series = own.map(({ asked, mean }) => ({ label: ASKED_TEXT[asked], x, y: mean }));
    return { ...axes, title, series };
  };
  const x = Array.from({ length: maxSteps }, (_, k) => k + 1);
  const axes = { xLabel: 'steps of the problem', yLabel: 'share of right answers', fromZero: true };
  return {
    title: 'A chain of thought solves what a direct answer does not',
    subtitle: `Word problems of 1 to ${maxSteps} steps; ${examples.toLocaleString('en')} examples, ${steps.toLocaleString('en')} steps of training, ${results[0]!.parameters.toLocaleString('en')} parameters`,
    summary: [
      ...separate.map(({ taught, mean }): [string, string] => [
        `taught ${taught}, ${maxSteps} steps`,
        `${(100 * mean.at(-1)!).toFixed(0)} % right`,
      ]),
      ['seeds', seeds.join(', ')],
    ],
    plots: [
      {
        ...axes,
        title: 'Two models: taught answers, or chains',
        series: [
          ...separate.flatMap(({ taught, mean, seeds: rows }) => [
            ...rows.map((y, i) => ({ label: `${taught}, seed ${seeds[i]}`, x, y, faint: true })),
            { label: `taught ${taught}, mean`, x, y: mean },
          ]),
        ],
      },
      byPrompt('both', 'One model that has learned both, by its prompt'),
      byPrompt('prompted', 'One model that goes by solved problems before the question, too'),
    ],
    samples: results
      .filter(({ seed }) => seed === seeds[0])
      .flatMap(({ taught, answers }) =>
        answers.map(({ asked, sample }) => ({
          title: `Taught ${taught}, ${ASKED_TEXT[asked]}`,
          text: sample,
        })),
      ),
  };
}
