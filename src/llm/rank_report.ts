// report.html of the rank experiment: held-out loss against rank, and the curves behind it.

import type { Report } from '../io/report.ts';
import type { RankResult, RankResults, RankSettings } from './rank_experiment.ts';

/** Loss by rank, over the seeds. */
export interface RankSummary {
  /** Null: full fine-tuning. */
  readonly rank: number | null;
  readonly trained: number;
  readonly mean: number;
  readonly losses: readonly number[];
}

export function summarise({ results }: RankResults, { ranks }: RankSettings): RankSummary[] {
  return [...ranks, null].flatMap((rank) => {
    const own = results.filter((result) => result.rank === rank);
    const losses = own.map(({ loss }) => loss);
    if (losses.length === 0) return [];
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    return [{ rank, trained: own[0]!.trained, mean, losses }];
  });
}

export function rankReport(
  experiment: RankResults,
  settings: RankSettings,
): Omit<Report, 'settings'> {
  const { results } = experiment;
  const summary = summarise(experiment, settings);
  const byRank = summary.filter(
    (each): each is RankSummary & { rank: number } => each.rank !== null,
  );
  const full = summary.find(({ rank }) => rank === null);
  const loras = results.filter((each): each is RankResult & { rank: number } => each.rank !== null);
  const before =
    results.reduce((sum, { evaluations }) => sum + evaluations[0]!.loss, 0) / results.length;
  return {
    title: 'LoRA converges to full fine-tuning as its rank grows',
    subtitle: `A model that writes words in one secret alphabet learns another of ${settings.letters} letters, on ${settings.targets.join(' and ')}`,
    summary: [
      ['before tuning', `${before.toFixed(2)} nats per letter`],
      ...byRank.map(({ rank, mean, trained }): [string, string] => [
        `rank ${rank}, ${trained.toLocaleString('en')} values`,
        `${mean.toFixed(4)} nats`,
      ]),
      ...(full
        ? [
            [
              `full, ${full.trained.toLocaleString('en')} values`,
              `${full.mean.toFixed(4)} nats`,
            ] as [string, string],
          ]
        : []),
      ['seeds', settings.seeds.length],
    ],
    plots: [
      {
        title: 'Held-out loss against rank',
        xLabel: 'log2 of the rank',
        yLabel: 'nats per letter',
        logY: true,
        series: [
          { label: 'LoRA, mean', x: byRank.map(log2Rank), y: byRank.map(({ mean }) => mean) },
          ...(full
            ? [
                {
                  label: 'full fine-tuning, mean',
                  x: byRank.map(log2Rank),
                  y: byRank.map(() => full.mean),
                },
              ]
            : []),
          ...settings.seeds.map((seed) => {
            const own = loras.filter((result) => result.seed === seed);
            const y = own.map(({ loss }) => loss);
            return { label: `seed ${seed}`, x: own.map(log2Rank), y, points: true };
          }),
        ],
      },
      {
        title: `While it is tuned, seed ${settings.seeds[0]}`,
        xLabel: 'step',
        yLabel: 'nats per letter',
        logY: true,
        series: results
          .filter(({ seed }) => seed === settings.seeds[0])
          .map(({ rank, evaluations }) => ({
            label: rank === null ? 'full' : `rank ${rank}`,
            x: evaluations.map(({ step }) => step),
            y: evaluations.map(({ loss }) => loss),
          })),
      },
    ],
    samples: [],
  };
}

const log2Rank = ({ rank }: { readonly rank: number }): number => Math.log2(rank);
