// report.html of the comparison of in-context learning and fine-tuning: accuracy over the sizes at one number of examples, one
// mark per seed, and accuracy against the number of examples for each size.

import type { Report, ReportPlot, ReportTable } from '../io/report.ts';
import type { ClassifyResults, ClassifySettings } from './classify_experiment.ts';
import { CLASSIFY_METHODS, type ClassifyMethod } from './classify_methods.ts';

/** One point of the figure. */
export interface ClassifySummary {
  readonly width: number;
  readonly method: ClassifyMethod;
  readonly examples: number;
  /** By seed, in the settings' order. */
  readonly accuracies: readonly number[];
  readonly mean: number;
  /** Half of the 95 % interval of the mean over the seeds, by Student's t. */
  readonly margin: number;
}

export function summariseClassify(
  { results }: ClassifyResults,
  { widths, examples }: ClassifySettings,
): ClassifySummary[] {
  return widths.flatMap((width) =>
    CLASSIFY_METHODS.flatMap((method) =>
      examples.map((count) => {
        const own = results.filter(
          (x) => x.width === width && x.method === method && x.examples === count,
        );
        const accuracies = own.map(({ accuracy }) => accuracy);
        return { width, method, examples: count, accuracies, ...meanAndMargin(accuracies) };
      }),
    ),
  );
}

/**
 * Of each size the least number of examples from which on fine-tuning with the pattern is better on average than learning in
 * context; null where it never is.
 */
export function crossovers(
  summary: readonly ClassifySummary[],
  { widths, examples }: ClassifySettings,
): { readonly width: number; readonly examples: number | null }[] {
  return widths.map((width) => {
    const of = (method: ClassifyMethod, count: number) =>
      summary.find((x) => x.width === width && x.method === method && x.examples === count)!.mean;
    const wins = examples.map((count) => of('pattern', count) > of('icl', count));
    const from = wins.lastIndexOf(false) + 1;
    return { width, examples: examples[from] ?? null };
  });
}

/** The mean difference of two methods over all pairs of the same size, number of examples and seed, with its margin over the seeds. */
export function pairedDifference(
  { results }: ClassifyResults,
  { seeds }: ClassifySettings,
  [a, b]: readonly [ClassifyMethod, ClassifyMethod],
  mostExamples: number,
): { readonly mean: number; readonly margin: number } {
  const accuracy = (seed: number, method: ClassifyMethod) => {
    const own = results.filter(
      (x) => x.seed === seed && x.method === method && x.examples <= mostExamples,
    );
    return own.reduce((sum, x) => sum + x.accuracy, 0) / own.length;
  };
  return meanAndMargin(seeds.map((seed) => accuracy(seed, a) - accuracy(seed, b)));
}

/** Student's t of 95 % for 1, 2, … degrees of freedom; the normal's from there on. */
const T_95 = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179];

function meanAndMargin(values: readonly number[]): { mean: number; margin: number } {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  if (n < 2) return { mean, margin: Number.NaN };
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  return { mean, margin: (T_95[n - 2] ?? 1.96) * Math.sqrt(variance / n) };
}

const NAMES: Readonly<Record<ClassifyMethod, string>> = {
  icl: 'in context',
  pattern: 'fine-tuned by pattern',
  head: 'fine-tuned with a new head',
};

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

export function classifyReport(
  experiment: ClassifyResults,
  settings: ClassifySettings,
): Omit<Report, 'settings'> {
  const { widths, examples, seeds, shots } = settings;
  const summary = summariseClassify(experiment, settings);
  const { bases, bayes } = experiment;
  const few = examples.includes(16) ? 16 : examples.at(-1)!;
  const difference = pairedDifference(experiment, settings, ['pattern', 'head'], 16);
  return {
    title: 'A language model as a classifier: in context, or fine-tuned',
    subtitle: `Accuracy on unseen products of held-out rules; ${seeds.length} rules (seeds); chance is 50 %, and the context holds ${shots} examples`,
    summary: [
      ...crossovers(summary, settings).map(({ width, examples }): [string, string] => [
        `${bases.find((base) => base.width === width)!.parameters.toLocaleString('en')} values: fine-tuning wins`,
        examples === null ? 'nowhere' : `from ${examples} examples on`,
      ]),
      [
        'pattern − head, up to 16 examples',
        `${percent(difference.mean)} ± ${(100 * difference.margin).toFixed(1)}`,
      ],
    ],
    plots: [
      bySize(summary, few, experiment),
      ...widths.map((width) => byExamples(summary, width, experiment)),
    ],
    tables: [
      {
        title: 'Mean accuracy in %, with half of its 95 % interval over the seeds',
        columns: ['width', 'method', ...examples.map((count) => `n = ${count}`)],
        rows: [
          ...widths.flatMap((width) =>
            CLASSIFY_METHODS.map((method) => [
              width,
              NAMES[method],
              ...summary
                .filter((x) => x.width === width && x.method === method)
                .map(
                  ({ mean, margin }) => `${(100 * mean).toFixed(1)} ± ${(100 * margin).toFixed(1)}`,
                ),
            ]),
          ),
          ['', 'best possible', ...bayes.map(({ accuracy }) => (100 * accuracy).toFixed(1))],
        ],
      },
      ordersTable(summariseOrders(experiment, settings)),
    ],
    samples: [],
  };
}

/** Means over the seeds. */
export interface OrderSummary {
  readonly width: number;
  readonly which: 'raw' | 'calibrated';
  readonly accuracy: number;
  /** Over the 24 orders of four examples. */
  readonly accuracyVariance: number;
  readonly probabilityVariance: number;
}

export function summariseOrders(
  { orders }: ClassifyResults,
  { widths }: ClassifySettings,
): OrderSummary[] {
  return widths.flatMap((width) =>
    (['raw', 'calibrated'] as const).map((which) => {
      const own = orders.filter((x) => x.width === width).map((x) => x[which]);
      const of = (key: 'meanAccuracy' | 'accuracyVariance' | 'probabilityVariance') =>
        own.reduce((sum, x) => sum + x[key], 0) / own.length;
      return {
        width,
        which,
        accuracy: of('meanAccuracy'),
        accuracyVariance: of('accuracyVariance'),
        probabilityVariance: of('probabilityVariance'),
      };
    }),
  );
}

function ordersTable(orders: readonly OrderSummary[]): ReportTable {
  return {
    title: 'Four examples in context in all 24 orders: means over the seeds',
    columns: ['width', '', 'accuracy', 'variance of the accuracy', 'variance of P(label)'],
    rows: orders.map(({ width, which, ...x }) => [
      width,
      which === 'raw' ? 'as it is' : 'calibrated with "N/A"',
      percent(x.accuracy),
      x.accuracyVariance.toExponential(2),
      x.probabilityVariance.toExponential(2),
    ]),
  };
}

/** Each method beside the others at a size: its mean as a line, its seeds as marks. */
function bySize(
  summary: readonly ClassifySummary[],
  count: number,
  { bases, bayes }: ClassifyResults,
): ReportPlot {
  const series = CLASSIFY_METHODS.flatMap((method, m) => {
    const own = summary.filter((x) => x.method === method && x.examples === count);
    const x = own.map(({ width }) => log2Parameters(bases, width) + (m - 1) * ASIDE);
    const marks = own.flatMap(({ accuracies }, i) =>
      accuracies.map((y, seed) => ({ x: x[i]! + FAN * (seed - (accuracies.length - 1) / 2), y })),
    );
    // Faint: in the colour of the mean that follows.
    return [
      {
        label: `${NAMES[method]}, each seed`,
        x: marks.map(({ x }) => x),
        y: marks.map(({ y }) => y),
        points: true,
        faint: true,
      },
      { label: 'mean', x, y: own.map(({ mean }) => mean) },
    ];
  });
  const best = bayes.find(({ examples }) => examples === count)!;
  return {
    title: `With ${count} examples, one mark per seed`,
    xLabel: "log2 of the base's parameters",
    yLabel: 'accuracy',
    series,
    lines: [
      { label: 'chance', y: 0.5 },
      { label: 'best possible', y: best.accuracy },
    ],
  };
}

/** How far the methods stand apart at a size, and the seeds at a method: each has an x of its own, and no mark covers another. */
const ASIDE = 0.25;
const FAN = 0.016;

const log2Parameters = (bases: ClassifyResults['bases'], width: number): number =>
  Math.log2(bases.find((base) => base.width === width)!.parameters);

function byExamples(
  summary: readonly ClassifySummary[],
  width: number,
  { bases, bayes }: ClassifyResults,
): ReportPlot {
  const { parameters } = bases.find((base) => base.width === width)!;
  return {
    title: `${parameters.toLocaleString('en')} values, width ${width}`,
    xLabel: 'log2 of the number of examples',
    yLabel: 'accuracy, mean over the seeds',
    series: [
      ...CLASSIFY_METHODS.map((method) => {
        const own = summary.filter((x) => x.width === width && x.method === method);
        const x = own.map(({ examples }) => Math.log2(examples));
        return { label: NAMES[method], x, y: own.map(({ mean }) => mean) };
      }),
      {
        label: 'best possible',
        x: bayes.map(({ examples }) => Math.log2(examples)),
        y: bayes.map(({ accuracy }) => accuracy),
      },
    ],
    lines: [{ label: 'chance', y: 0.5 }],
  };
}
