// The laws of several architectures side by side (Hestness et al. 2017: another architecture shifts the law, and its
// exponents stay).

import type { Report, ReportPlot, ReportTable } from '../io/report.ts';
import type { FittedLaw, ScalingResult } from './scaling.ts';
import { between, overlap, type ScalingAnalysis } from './scaling_analysis.ts';
import type { Cell } from './scaling_cell.ts';
import { predictLoss, type ScalingLaw } from './scaling_law.ts';

/** What is told of each law, and its interval. */
const FIGURES = [
  ['E', 'E'],
  ['α, of the parameters', 'alpha'],
  ['β, of the text', 'beta'],
] as const;

export function comparisonReport({ laws, truth }: ScalingResult): Omit<Report, 'settings'> {
  const [first, ...others] = laws as readonly [FittedLaw, ...FittedLaw[]];
  return {
    title: 'Another architecture, another law?',
    subtitle: `L(N, D) = E + A / N^α + B / D^β of ${laws.map(({ architecture }) => architecture).join(' and ')}`,
    summary: [
      ...FIGURES.flatMap(([name, key]): [string, string][] => [
        ...laws.map(({ architecture, analysis }): [string, string] => [
          `${name}, ${architecture}`,
          shown(analysis, key),
        ]),
        [`do the intervals of ${key} overlap`, overlaps(laws, key) ? 'yes' : 'no'],
      ]),
      ...others.flatMap(({ architecture, differences }): [string, string][] => [
        [`α, ${architecture} less ${first.architecture}`, between(differences!.alpha)],
        [`β, ${architecture} less ${first.architecture}`, between(differences!.beta)],
      ]),
      ['entropy of the source', `${truth.toFixed(4)} nats per character`],
      ...others.map((law): [string, string] => [
        `${law.architecture} above it, per ${first.architecture}`,
        `${excessRatio(law, first, truth).toFixed(3)} times as far`,
      ]),
    ],
    plots: [againstSize(laws, truth), againstText(laws, truth)],
    tables: [lawTable(laws, truth), ...laws.map((law) => cellTable(law, truth))],
    samples: [],
    notes: [
      'Intervals hold 95 % of a bootstrap over the cells.',
      'How far above the entropy: the geometric mean, over equal widths and equal amounts of text.',
    ],
  };
}

/** Whether the architectures' intervals of a number have a value in common. */
export function overlaps(laws: readonly FittedLaw[], key: keyof ScalingLaw): boolean {
  return overlap(laws.map(({ analysis }) => analysis.intervals[key]));
}

/** How much farther above the entropy the one's losses are than the other's: the geometric mean over equal cells. */
export function excessRatio(law: FittedLaw, other: FittedLaw, truth: number): number {
  const logs = law.cells.map(({ loss }, i) =>
    Math.log((loss - truth) / (other.cells[i]!.loss - truth)),
  );
  return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
}

function shown({ law, intervals }: ScalingAnalysis, key: keyof ScalingLaw): string {
  return `${law[key].toFixed(key === 'E' ? 4 : 3)} ${between(intervals[key])}`;
}

function againstSize(laws: readonly FittedLaw[], truth: number): ReportPlot {
  const most = Math.max(...laws.flatMap(({ cells }) => cells.map(({ tokens }) => tokens)));
  return {
    title: `Loss above the source's entropy, after ${most.toLocaleString('en')} characters`,
    xLabel: 'parameters',
    ...curves(
      laws,
      truth,
      ({ parameters }) => parameters,
      ({ tokens }) => tokens === most,
    ),
  };
}

function againstText(laws: readonly FittedLaw[], truth: number): ReportPlot {
  const width = Math.max(...laws.flatMap(({ cells }) => cells.slice(0, -1).map((c) => c.width)));
  return {
    title: `Loss above the source's entropy, of models ${width} wide`,
    xLabel: 'characters trained on',
    ...curves(
      laws,
      truth,
      ({ tokens }) => tokens,
      (cell) => cell.width === width,
    ),
  };
}

/** The cells that are `kept` as points, and before them their architecture's law. */
function curves(
  laws: readonly FittedLaw[],
  truth: number,
  x: (cell: Cell) => number,
  kept: (cell: Cell) => boolean,
): Pick<ReportPlot, 'yLabel' | 'logX' | 'logY' | 'series'> {
  return {
    yLabel: 'nats per character',
    logX: true,
    logY: true,
    series: laws.flatMap(({ architecture, cells, analysis }) => {
      const own = cells.filter(kept);
      const [from, to] = [own[0]!, own.at(-1)!];
      const between = Array.from({ length: 300 }, (_, i) => {
        const at = (a: number, b: number) => a * (b / a) ** (i / 299);
        return {
          ...from,
          parameters: at(from.parameters, to.parameters),
          tokens: at(from.tokens, to.tokens),
        };
      });
      return [
        {
          label: `${architecture}'s law`,
          x: between.map(x),
          y: between.map((size) => predictLoss(analysis.law, size) - truth),
          faint: true,
        },
        {
          label: architecture,
          x: own.map(x),
          y: own.map(({ loss }) => loss - truth),
          points: true,
        },
      ];
    }),
  };
}

function lawTable(laws: readonly FittedLaw[], truth: number): ReportTable {
  return {
    title: 'The laws',
    columns: ['', ...laws.map(({ architecture }) => architecture), 'overlap', 'truth'],
    rows: FIGURES.map(([name, key]) => [
      name,
      ...laws.map(({ analysis }) => shown(analysis, key)),
      overlaps(laws, key) ? 'yes' : 'no',
      key === 'E' ? truth : '',
    ]),
  };
}

function cellTable({ architecture, cells, analysis }: FittedLaw, truth: number): ReportTable {
  return {
    title: `The models: ${architecture}`,
    columns: ['width', 'parameters', 'characters', 'loss', 'above the entropy', 'law'],
    rows: cells.map((cell) => [
      cell.width,
      cell.parameters,
      cell.tokens,
      cell.loss,
      cell.loss - truth,
      predictLoss(analysis.law, cell),
    ]),
  };
}
