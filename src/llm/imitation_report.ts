// report.html of the imitation experiment: the imitated family and the others against the amount of the teacher's outputs.

import type { Report } from '../io/report.ts';
import { FAMILIES, type Family } from '../text/string_tasks.ts';
import type { ImitationResult, ImitationResults, ImitationSettings } from './imitation.ts';

/** A base and what became of it, over the seeds. */
export interface ImitationSummary {
  readonly width: number;
  readonly parameters: number;
  /** Outputs of the teacher; 0: the base, null: the teacher itself. */
  readonly examples: number | null;
  /** Mean shares of held-out tasks solved: of the imitated family, and of the others together. */
  readonly imitated: number;
  readonly others: number;
  /** The same of each seed. */
  readonly seeds: readonly { readonly imitated: number; readonly others: number }[];
}

export function summariseImitation(
  { results }: ImitationResults,
  { family }: ImitationSettings,
): ImitationSummary[] {
  const groups = new Map<string, ImitationResult[]>();
  for (const result of results) {
    const key = `${result.width} ${result.examples}`;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()].map((own) => {
    const seeds = own.map(({ solved }) => ({
      imitated: solved[family],
      others: meanOf(FAMILIES.filter((each) => each !== family).map((each) => solved[each])),
    }));
    const { width, parameters, examples } = own[0]!;
    const imitated = meanOf(seeds.map(({ imitated }) => imitated));
    const others = meanOf(seeds.map(({ others }) => others));
    return { width, parameters, examples, imitated, others, seeds };
  });
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const FAMILY_TEXT: Readonly<Record<Family, string>> = {
  R: 'reversing',
  S: 'sorting',
  M: 'moving a letter',
  N: 'the next letters',
};

export function imitationReport(
  results: ImitationResults,
  settings: ImitationSettings,
): Omit<Report, 'settings'> {
  const { family, widths, seeds, heldOut } = settings;
  const summaries = summariseImitation(results, settings);
  const teacher = summaries.find(({ examples }) => examples === null)!;
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  const plot = (title: string, of: 'imitated' | 'others') => ({
    title,
    xLabel: 'log2 of 1 + outputs of the teacher learned from',
    yLabel: 'share of held-out tasks solved',
    fromZero: true,
    lines: [{ label: 'teacher', y: teacher[of] }],
    series: widths.flatMap((width) => {
      const own = summaries.filter((each) => each.width === width && each.examples !== null);
      const x = own.map(({ examples }) => Math.log2(1 + examples!));
      const mean = own.map((each) => each[of]);
      return [
        ...seeds.map((seed, i) => ({
          label: `width ${width}, seed ${seed}`,
          x,
          y: own.map((each) => each.seeds[i]![of]),
          faint: true,
        })),
        { label: `base of width ${width}, mean`, x, y: mean },
      ];
    }),
  });
  return {
    title: 'Imitation teaches what is imitated, and no more',
    subtitle: `A teacher of ${teacher.parameters.toLocaleString('en')} parameters, bases of width ${widths.join(' and ')}, which learn its ${FAMILY_TEXT[family]}; ${heldOut} held-out tasks of each family`,
    summary: [
      ['the teacher, imitated family', percent(teacher.imitated)],
      ...widths.flatMap((width): [string, string][] => {
        const own = summaries.filter((each) => each.width === width && each.examples !== null);
        const [base, most] = [own[0]!, own.at(-1)!];
        return [
          [
            `width ${width}, imitated family`,
            `${percent(base.imitated)} → ${percent(most.imitated)}`,
          ],
          [`width ${width}, other families`, `${percent(base.others)} → ${percent(most.others)}`],
        ];
      }),
      ['seeds', seeds.join(', ')],
    ],
    plots: [
      plot(`The imitated family: ${FAMILY_TEXT[family]}`, 'imitated'),
      plot('The other families', 'others'),
    ],
    samples: [],
  };
}
