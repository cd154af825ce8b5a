// report.html of a scaling experiment: the cells and the law through them, the excess over E on logarithmic axes, the
// compute frontier, and the larger model beside its prediction. Of several architectures, how their laws compare.

import type { Report, ReportPlot, ReportSeries, ReportTable } from '../io/report.ts';
import type { FittedLaw, ScalingResult } from './scaling.ts';
import { between, type ScalingAnalysis, sizeExponent } from './scaling_analysis.ts';
import type { Cell } from './scaling_cell.ts';
import { comparisonReport } from './scaling_comparison.ts';
import {
  computeOptimal,
  FLOPS_PER_PARAMETER_TOKEN,
  predictLoss,
  type ScalingLaw,
} from './scaling_law.ts';

export function scalingReport({ laws, truth }: ScalingResult): Omit<Report, 'settings'> {
  const [only, ...others] = laws;
  return others.length > 0 ? comparisonReport({ laws, truth }) : lawReport(only!, truth);
}

function lawReport({ cells, analysis }: FittedLaw, truth: number): Omit<Report, 'settings'> {
  const { law, intervals, heldOut } = analysis;
  const [trained, larger] = [cells.slice(0, -1), cells.at(-1)!];
  return {
    title: 'Scaling law of a Markov chain',
    subtitle: `L(N, D) = E + A / N^α + B / D^β through ${trained.length} models`,
    summary: [
      ['E of the fit', `${law.E.toFixed(4)} ${between(intervals.E)} nats per character`],
      ['entropy of the source', `${truth.toFixed(4)} nats per character`],
      ['E is off by', `${(100 * (law.E / truth - 1)).toFixed(2)} %`],
      ['α', `${law.alpha.toFixed(3)} ${between(intervals.alpha)}`],
      ['β', `${law.beta.toFixed(3)} ${between(intervals.beta)}`],
      ['N* grows as', `C^${sizeExponent(law).toFixed(3)} ${between(intervals.sizeExponent)}`],
      [
        'larger model',
        `${heldOut.loss.toFixed(4)} predicted ${heldOut.predicted.toFixed(4)} ${between(heldOut.interval)}`,
      ],
    ],
    plots: [
      lossPlot(cells, law, truth),
      excessPlot(trained, law),
      computePlot(trained, larger, law),
      frontierPlot(trained, law),
    ],
    tables: [lawTable(analysis, truth), cellTable(cells, law)],
    samples: [],
    notes: ['Intervals hold 95 % of a bootstrap over the cells.'],
  };
}

const flops = ({ parameters, tokens }: { parameters: number; tokens: number }) =>
  FLOPS_PER_PARAMETER_TOKEN * parameters * tokens;
const named = ({ width, parameters }: Cell) =>
  `${width} wide, ${parameters.toLocaleString('en')} parameters`;

function lossPlot(cells: readonly Cell[], law: ScalingLaw, truth: number): ReportPlot {
  return {
    title: 'Loss, and the law through it',
    xLabel: 'characters trained on',
    yLabel: 'nats per character',
    logX: true,
    series: curves(cells, law, ({ loss }) => loss, 0),
    lines: [{ label: 'entropy of the source', y: truth }],
  };
}

function excessPlot(cells: readonly Cell[], law: ScalingLaw): ReportPlot {
  return {
    title: 'Loss above the fitted E',
    xLabel: 'characters trained on',
    yLabel: 'nats per character',
    logX: true,
    logY: true,
    series: curves(cells, law, ({ loss }) => loss - law.E, law.E),
  };
}

/** For each size the cells as points, and before them the law as a thin line. */
function curves(
  cells: readonly Cell[],
  law: ScalingLaw,
  y: (cell: Cell) => number,
  below: number,
): ReportSeries[] {
  const tokens = spread(
    cells.map((cell) => cell.tokens),
    3,
  );
  return sizes(cells).flatMap((own): ReportSeries[] => {
    const { parameters } = own[0]!;
    return [
      {
        label: 'law',
        x: tokens,
        y: tokens.map((D) => predictLoss(law, { parameters, tokens: D }) - below),
        faint: true,
      },
      { label: named(own[0]!), x: own.map((cell) => cell.tokens), y: own.map(y), points: true },
    ];
  });
}

function computePlot(cells: readonly Cell[], larger: Cell, law: ScalingLaw): ReportPlot {
  const budgets = spread([...cells, larger].map(flops));
  const points = (some: readonly Cell[], label: string): ReportSeries => ({
    label,
    x: some.map(flops),
    y: some.map(({ loss }) => loss),
    points: true,
  });
  return {
    title: 'Loss against compute',
    xLabel: 'operations, 6 N D',
    yLabel: 'nats per character',
    logX: true,
    series: [
      {
        label: 'best for the compute, by the law',
        x: budgets,
        y: budgets.map((C) => computeOptimal(law, C).loss),
      },
      points(cells, 'grid'),
      points([larger], 'larger model, not fitted'),
    ],
    lines: [{ label: 'fitted E', y: law.E }],
  };
}

function frontierPlot(cells: readonly Cell[], law: ScalingLaw): ReportPlot {
  const budgets = spread(cells.map(flops));
  const best = budgets.map((C) => computeOptimal(law, C));
  return {
    title: 'The best use of compute',
    xLabel: 'operations, 6 N D',
    yLabel: 'parameters, characters',
    logX: true,
    logY: true,
    series: [
      { label: 'parameters N*', x: budgets, y: best.map(({ parameters }) => parameters) },
      { label: 'characters D*', x: budgets, y: best.map(({ tokens }) => tokens) },
    ],
  };
}

function lawTable(
  { law, intervals, variableProjection }: ScalingAnalysis,
  truth: number,
): ReportTable {
  const row = (name: string, key: keyof ScalingLaw, known: number | string = '') => [
    name,
    law[key],
    between(intervals[key]),
    variableProjection[key],
    known,
  ];
  return {
    title: 'The law',
    columns: ['', 'Huber on ln L', '95 %', 'variable projection', 'truth'],
    rows: [
      row('E', 'E', truth),
      row('A', 'A'),
      row('B', 'B'),
      row('α', 'alpha'),
      row('β', 'beta'),
      [
        'exponent of N*',
        sizeExponent(law),
        between(intervals.sizeExponent),
        sizeExponent(variableProjection),
        '',
      ],
    ],
  };
}

function cellTable(cells: readonly Cell[], law: ScalingLaw): ReportTable {
  return {
    title: 'The models',
    columns: ['width', 'parameters', 'characters', 'operations', 'loss', 'law', 'off by %'],
    rows: cells.map((cell) => {
      const predicted = predictLoss(law, cell);
      const { width, parameters, tokens, loss } = cell;
      const off = (100 * (loss / predicted - 1)).toFixed(2);
      const operations = flops(cell).toExponential(2);
      return [width, parameters, tokens, operations, loss, predicted, off];
    }),
  };
}

/** The cells by width, in the order of the grid. */
function sizes(cells: readonly Cell[]): Cell[][] {
  const widths = [...new Set(cells.map(({ width }) => width))];
  return widths.map((width) => cells.filter((cell) => cell.width === width));
}

/** 300 numbers at equal ratios, from the lowest to `beyond` times the highest: so many that the plot draws no dots. */
function spread(values: readonly number[], beyond = 1): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values) * beyond];
  return Array.from({ length: 300 }, (_, i) => low * (high / low) ** (i / 299));
}
