// The bench as a page: per family a roofline plot (attainable and reached GFLOP/s by operations per byte), and a table.

import { type PlotLibrary, type Report, type ReportPlot, renderReport } from '../src/io/report.ts';
import { quantile } from './measure.ts';
import type { BenchResult } from './run.ts';
import type { SuiteResult } from './suite.ts';
import { duration, size } from './table.ts';

type Timed = BenchResult & {
  readonly [K in
    | 'microseconds'
    | 'gflops'
    | 'gbps'
    | 'percentOfPeak'
    | 'fmaGflops'
    | 'copyGbps']: number;
};

/** The page's text. */
export function benchReport(
  { adapter, results }: SuiteResult,
  versions: Readonly<Record<string, string>>,
  plots: PlotLibrary,
): Promise<string> {
  const timed = results.filter((each): each is Timed => each.microseconds !== null);
  const wrong = results.filter(({ correct }) => !correct);
  const families = [...new Set(timed.map(({ family }) => family))];
  const report: Report = {
    title: `Kernels on ${adapter.name}`,
    subtitle: `${results.length} items, timed in turns with the adapter's ceilings`,
    summary: [
      ['multiply-adds', `${median(timed.map((r) => r.fmaGflops)).toFixed(1)} GFLOP/s`],
      ['copy', `${median(timed.map((r) => r.copyGbps)).toFixed(2)} GB/s`],
      ['adapter', adapter.software ? 'software: it computes on the CPU' : 'hardware'],
      ['results', wrong.length === 0 ? 'all agree with float64' : `${wrong.length} wrong`],
    ],
    plots: [
      roofline('All items', timed, (each) => each.family),
      ...families.map((family) =>
        roofline(
          family,
          timed.filter((each) => each.family === family),
          (each) => each.name,
        ),
      ),
    ],
    tables: [resultTable(results)],
    samples: [],
    settings: { ...adapter, versions },
    notes: [
      'A point is an item: to the right, more operations per byte that it must move; up, more of them per second.',
      'The roof is the lower of copy bandwidth times operations per byte, and the multiply-adds in registers.',
      ...wrong.map(({ name, problem }) => `${name}: ${problem}`),
    ],
  };
  return renderReport(report, plots);
}

const intensity = ({ gflops, gbps }: Timed) => gflops / gbps;

/** The roof as a curve, and a series of points for each label. */
function roofline(
  title: string,
  results: readonly Timed[],
  labelOf: (result: Timed) => string,
): ReportPlot {
  const fma = median(results.map((each) => each.fmaGflops));
  const copy = median(results.map((each) => each.copyGbps));
  const ridge = fma / copy;
  const places = results.map(intensity);
  const ends = [Math.min(ridge, ...places) / 2, ridge, Math.max(ridge, ...places) * 2];
  const labels = [...new Set(results.map(labelOf))];
  return {
    title,
    xLabel: 'operations per byte',
    yLabel: 'GFLOP/s',
    logX: true,
    logY: true,
    series: [
      { label: 'roof', x: ends, y: ends.map((x) => Math.min(fma, copy * x)) },
      ...labels.map((label) => {
        const own = results.filter((each) => labelOf(each) === label);
        return { label, x: own.map(intensity), y: own.map(({ gflops }) => gflops), points: true };
      }),
    ],
  };
}

function resultTable(results: readonly BenchResult[]) {
  const rounded = (value: number | null) => (value === null ? '-' : Number(value.toPrecision(3)));
  return {
    title: 'Results',
    columns: ['item', 'variant', 'time', 'GFLOP/s', 'GB/s', '% of peak', 'memory', 'correct'],
    rows: results.map((each) => [
      each.name,
      each.variant,
      duration(each.microseconds),
      rounded(each.gflops),
      rounded(each.gbps),
      rounded(each.percentOfPeak),
      size(each.memoryBytes),
      each.correct ? 'yes' : 'WRONG',
    ]),
  };
}

const median = (values: readonly number[]) =>
  values.length === 0 ? Number.NaN : quantile(values, 0.5);
