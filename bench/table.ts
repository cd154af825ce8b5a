// Results as text: a head, one line per result as it comes, and what was wrong.

import type { Item } from './item.ts';
import type { BenchResult } from './run.ts';
import type { BenchAdapter } from './suite.ts';

export interface Column {
  readonly title: string;
  readonly width: number;
  readonly text: (result: BenchResult) => string;
}

/** The columns for some items; the first is as wide as the longest name. */
export function columnsFor(
  items: readonly Item[],
  extra: readonly Column[] = [],
): readonly Column[] {
  const tokens: Column = {
    title: 'tokens/s',
    width: 8,
    text: ({ tokensPerSecond = null }) => figure(tokensPerSecond),
  };
  const width = Math.max(4, ...items.map(({ name }) => name.length));
  return [
    { title: 'item', width, text: ({ name }) => name },
    { title: 'time', width: 9, text: ({ microseconds }) => duration(microseconds) },
    { title: 'p10, p90', width: 11, text: spread },
    { title: 'GFLOP/s', width: 8, text: ({ gflops }) => figure(gflops) },
    { title: 'GB/s', width: 8, text: ({ gbps }) => figure(gbps) },
    ...(items.some(({ tokens }) => tokens) ? [tokens] : []),
    { title: 'of peak', width: 11, text: percent },
    { title: 'memory', width: 9, text: ({ memoryBytes }) => size(memoryBytes) },
    { title: 'compile', width: 8, text: (r) => duration(1000 * r.compileMilliseconds) },
    ...extra,
    { title: '', width: 5, text: ({ correct }) => (correct ? 'ok' : 'WRONG') },
    { title: 'variant', width: 8, text: ({ variant }) => variant },
  ];
}

export const headOf = (columns: readonly Column[]): string =>
  line(columns, (column) => column.title);

/** The line of a result; a second one says what is wrong with it. */
export function lineOf(columns: readonly Column[], result: BenchResult): string {
  const text = line(columns, (column) => column.text(result));
  return result.problem ? `${text}\n  ${result.problem}` : text;
}

/** Text to the left, figures to the right. */
function line(columns: readonly Column[], textOf: (column: Column) => string): string {
  return columns
    .map((column, i) => {
      const text = textOf(column);
      const isText = i === 0 || column.title === '' || column.title === 'variant';
      return isText ? text.padEnd(column.width) : text.padStart(column.width);
    })
    .join('  ')
    .trimEnd();
}

/** What the numbers were measured on, for people. */
export function describeAdapter(
  adapter: BenchAdapter,
  versions: Readonly<Record<string, string>>,
  toggles: readonly string[],
): string {
  const kind = adapter.software ? 'software: it computes on the CPU' : 'hardware';
  const clock = adapter.clock === 'timestamp' ? 'GPU time (timestamp queries)' : 'wall time';
  const rows = [
    ['adapter', `${adapter.name} (${kind})`],
    ['driver', adapter.driver],
    ['features', adapter.features.join(', ') || 'none'],
    ['toggles', toggles.join(', ') || "Dawn's defaults"],
    [
      'versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ['clock', clock],
  ];
  return rows.map(([label, value]) => `${label!.padEnd(10)}${value}`).join('\n');
}

/** '12.3 us', '4.56 ms', '7.89 s'; '-' for null. */
export function duration(microseconds: number | null): string {
  if (microseconds === null) return '-';
  if (microseconds < 999.5) return `${figure(microseconds)} us`;
  if (microseconds < 999_500) return `${figure(microseconds / 1e3)} ms`;
  return `${figure(microseconds / 1e6)} s`;
}

/** Three digits. */
export function figure(value: number | null): string {
  if (value === null) return '-';
  if (value >= 99.95) return Math.round(value).toLocaleString('en-US');
  if (value > 0 && value < 0.0995) return value.toPrecision(2);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

/** p10 and p90 as shares of the median: '-3 +12 %'. */
export function spread({ microseconds, p10, p90 }: BenchResult): string {
  if (microseconds === null || p10 === null || p90 === null) return '-';
  const share = (value: number) => Math.round(100 * (value / microseconds - 1));
  return `${share(p10) || '-0'} +${share(p90)} %`;
}

export function percent({ percentOfFma, percentOfCopy, percentOfPeak }: BenchResult): string {
  if (percentOfPeak === null) return '-';
  const bound = percentOfFma! >= percentOfCopy! ? 'fma' : 'copy';
  return `${figure(percentOfPeak)} % ${bound}`;
}

/** '12.3 MB'. */
export function size(bytes: number): string {
  if (bytes < 999.5) return `${bytes} B`;
  return bytes < 999_500 ? `${figure(bytes / 1e3)} kB` : `${figure(bytes / 1e6)} MB`;
}
