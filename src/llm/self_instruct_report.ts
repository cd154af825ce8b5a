// report.html of the self-instruct experiment: held-out tasks solved, and what was learned from, by round.

import type { Report, ReportPlot } from '../io/report.ts';
import type { Filter, Round, SelfInstructResults, SelfInstructSettings } from './self_instruct.ts';

/** A filter, over the seeds. */
export interface SelfInstructSummary {
  readonly filter: Filter;
  /** Means by round; the first is the base. */
  readonly rounds: readonly Round[];
  /** Those of each seed. */
  readonly seeds: readonly (readonly Round[])[];
}

export function summariseSelfInstruct({ results }: SelfInstructResults): SelfInstructSummary[] {
  return [...new Set(results.map(({ filter }) => filter))].map((filter) => {
    const seeds = results.filter((each) => each.filter === filter).map(({ rounds }) => rounds);
    const mean = (of: keyof Round, round: number) =>
      seeds.reduce((sum, rounds) => sum + rounds[round]![of], 0) / seeds.length;
    const rounds = seeds[0]!.map((_, round) => ({
      solved: mean('solved', round),
      pool: mean('pool', round),
      right: mean('right', round),
    }));
    return { filter, rounds, seeds };
  });
}

const FILTER_TEXT: Readonly<Record<Filter, string>> = {
  seedsOnly: 'seed tasks only',
  new: 'and new tasks',
  newAndRight: 'and new tasks with right answers',
};

export function selfInstructReport(
  results: SelfInstructResults,
  { seedTasks, seeds, heldOut, drawn }: SelfInstructSettings,
): Omit<Report, 'settings'> {
  const summaries = summariseSelfInstruct(results);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const plot = (title: string, yLabel: string, of: (round: Round) => number): ReportPlot => ({
    title,
    xLabel: 'round',
    yLabel,
    fromZero: true,
    series: summaries.flatMap(({ filter, rounds, seeds: rows }) => {
      const x = rounds.map((_, round) => round);
      return [
        ...rows.map((own, i) => ({
          label: `${FILTER_TEXT[filter]}, seed ${seeds[i]}`,
          x,
          y: own.map(of),
          faint: true,
        })),
        { label: `${FILTER_TEXT[filter]}, mean`, x, y: rounds.map(of) },
      ];
    }),
  });
  return {
    title: 'A model makes up its own training data',
    subtitle: `From ${seedTasks} seed tasks, ${drawn} lines drawn a round, of which the filter keeps what is new, or new and right`,
    summary: [
      ['the base', `${percent(summaries[0]!.rounds[0]!.solved)} solved`],
      ...summaries.map(({ filter, rounds }): [string, string] => [
        FILTER_TEXT[filter],
        `${percent(rounds.at(-1)!.solved)} solved`,
      ]),
      ['held-out tasks', heldOut],
      ['seeds', seeds.join(', ')],
    ],
    plots: [
      plot('Held-out tasks solved', 'share', ({ solved }) => solved),
      plot('Tasks to learn from', 'tasks', ({ pool }) => pool),
      plot('Of those, with a right answer', 'share', ({ pool, right }) => right / pool),
    ],
    samples: [],
  };
}
