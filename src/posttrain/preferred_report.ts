// report.html of the comparison by size: how often each kind of model is preferred to one opponent.

import { meanInterval } from '../io/mean_interval.ts';
import type { Report } from '../io/report.ts';
import type { PreferredResults, PreferredSettings } from './preferred.ts';

export const KINDS = ['base', 'fine-tuned', 'preference-tuned'] as const;
export type Kind = (typeof KINDS)[number];

/** A kind of model at a size, over the seeds. */
export interface PreferredSummary {
  readonly kind: Kind;
  readonly width: number;
  readonly parameters: number;
  readonly rate: number;
  /** Half the 95 % interval over the seeds; of one seed, of its prompts. */
  readonly margin: number;
  readonly gold: number;
}

export function summarise(
  { models }: PreferredResults,
  { widths }: PreferredSettings,
): PreferredSummary[] {
  return KINDS.flatMap((kind) =>
    widths.flatMap((width) => {
      const own = models.filter((model) => model.kind === kind && model.width === width);
      if (own.length === 0) return [];
      const { mean, margin } = meanInterval(own.map(({ winRate }) => winRate.rate));
      const [{ parameters, winRate }] = own as [(typeof own)[number]];
      return [
        {
          ...{ kind, width, parameters, rate: mean },
          margin: own.length > 1 ? margin : (winRate.high - winRate.low) / 2,
          gold: own.reduce((sum, { gold }) => sum + gold, 0) / own.length,
        },
      ];
    }),
  );
}

export function preferredReport(
  results: PreferredResults,
  settings: PreferredSettings,
): Omit<Report, 'settings'> {
  const summary = summarise(results, settings);
  const { models } = results;
  const largest = Math.max(...settings.widths);
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  const byKind = (y: 'rate' | 'gold') =>
    KINDS.map((kind) => {
      const own = summary.filter((each) => each.kind === kind);
      return {
        label: kind,
        x: own.map(({ parameters }) => parameters),
        y: own.map((each) => each[y]),
      };
    });
  return {
    title: 'Which model is preferred, by size',
    subtitle: `Stories of base, fine-tuned and preference-tuned models against those of the largest fine-tuned one, on ${settings.prompts} prompts by the gold reward; means of ${settings.seeds.length} seeds`,
    summary: summary
      .filter(({ width }) => width === largest)
      .map(({ kind, rate, margin }) => [
        `${kind}, largest`,
        `${percent(rate)} ± ${percent(margin)}`,
      ]),
    plots: [
      {
        title: 'Preferred to the largest fine-tuned model',
        ...{ xLabel: 'parameters', yLabel: 'share of prompts, ties half', logX: true },
        series: byKind('rate'),
        lines: [{ label: 'as often as not', y: 0.5 }],
      },
      {
        ...{ title: 'Gold reward', xLabel: 'parameters', yLabel: 'mean of an answer', logX: true },
        series: byKind('gold'),
      },
    ],
    tables: [
      {
        title: 'Win rates with 95 % intervals over the seeds',
        columns: ['model', 'parameters', 'win rate', '±', 'each seed', 'gold'],
        rows: summary.map(({ kind, width, parameters, rate, margin, gold }) => {
          const own = models.filter((model) => model.kind === kind && model.width === width);
          const each = own.map(({ winRate }) => percent(winRate.rate)).join(', ');
          return [kind, parameters, percent(rate), percent(margin), each, gold];
        }),
      },
    ],
    samples: models
      .filter(({ seed, width }) => seed === settings.seeds[0] && width === largest)
      .map(({ kind, sample }) => ({ title: `${kind}, largest`, text: sample })),
  };
}
