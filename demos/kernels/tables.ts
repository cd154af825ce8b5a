// Tables: of the variants that took turns, of all that was measured in this visit, of what the tuner chose.

import type { BenchResult } from '../../bench/run.ts';
import { shareOf } from '../../bench/sample.ts';
import { duration, figure, percent, size, spread } from '../../bench/table.ts';
import type { TunedClass } from '../../bench/tune.ts';
import { makeTable } from '../shared/table.ts';

/** Puts a table in its place, which scrolls sideways where it is too narrow, by the keyboard too. */
export function showTable(place: HTMLElement, table: HTMLTableElement): void {
  place.replaceChildren(table);
  place.tabIndex = 0;
  place.hidden = false;
}

export function variantTable(results: readonly BenchResult[]) {
  const rows = results.map((result) => [nameOf(result), ...speedCells(result)]);
  return makeTable(['variant', ...SPEED_HEADS], rows);
}

/** Which kernels of which files a call of each variant launches. */
export function launchTable(results: readonly BenchResult[]) {
  const rows = results.flatMap((result) =>
    (result.kernels ?? []).map(({ label, count, microseconds }) => [
      nameOf(result),
      label,
      String(Number(count.toFixed(2))),
      duration(microseconds),
    ]),
  );
  return makeTable(['variant', 'file and entry point', 'launches', 'time'], rows);
}

/** The newest measurement first. */
export function historyTable(measurements: readonly (readonly BenchResult[])[]) {
  const rows = measurements
    .toReversed()
    .flat()
    .map((result) => [result.name, nameOf(result), ...shortOf(speedCells(result))]);
  return makeTable(['kernel', 'variant', ...shortOf(SPEED_HEADS)], rows);
}

export function tunedTable(classes: readonly TunedClass[]) {
  const rows = classes.map(({ item, family, shipped, chosen, variants }) => [
    item,
    family,
    shipped,
    chosen === shipped ? 'the same' : chosen,
    variants.map(({ variant, microseconds }) => `${variant} ${duration(microseconds)}`).join(', '),
  ]);
  return makeTable(['measured on', 'family', 'before', 'now', 'per call'], rows);
}

const SPEED_HEADS = [
  'time',
  'p10, p90',
  'ratio',
  'float64',
  'GFLOP/s',
  'GB/s',
  'of the roof',
  'compile',
  'memory',
];

/** Without the spread, and up to the roof: as much as is beside the settings on a screen of 1,280 pixels. */
const shortOf = ([time, , ...others]: readonly string[]): string[] => [
  time!,
  ...others.slice(0, 5),
];

function speedCells(result: BenchResult): string[] {
  return [
    duration(result.microseconds),
    spread(result),
    result.speedup === undefined ? '1' : `${result.speedup.toFixed(2)}×`,
    agreement(result),
    figure(result.gflops),
    figure(result.gbps),
    percent(result),
    duration(1000 * result.compileMilliseconds),
    size(result.memoryBytes),
  ];
}

/** What the device takes by itself is named as such; of what it takes of several families, the item's own. */
export function nameOf({ variant, speedup }: BenchResult): string {
  if (speedup !== undefined || variant === 'built-in') return variant;
  const parts = variant.split(', ');
  return `built-in: ${parts.find((part) => !part.includes(' ')) ?? parts.at(-1)}`;
}

/** With the share of its tolerance that the farthest value uses. */
function agreement({ correct, worst }: BenchResult): string {
  if (!correct) return 'WRONG';
  return worst && worst.allowed > 0 ? `right, ${figure(100 * shareOf(worst))} %` : 'right';
}

/** One line on each that is wrong, or could not run. */
export function problemsOf(results: readonly BenchResult[]): string[] {
  return results.flatMap((result) =>
    result.problem ? [`${nameOf(result)}: ${result.problem}`] : [],
  );
}

/** What a call does, and which ceiling is over it. */
export function aboutItem(results: readonly BenchResult[]): string {
  const { name, gflops, gbps, source, ...rest } = results[0]!;
  const compared = Math.max(...results.map((result) => result.compared));
  const intensity = gflops! / gbps!;
  const ridge = rest.fmaGflops! / rest.copyGbps!;
  const bound = intensity < ridge ? 'the copy' : 'the multiply-adds';
  const roof = Math.min(rest.fmaGflops!, rest.copyGbps! * intensity);
  return (
    `${name}: ${figure(intensity)} operations per byte. This adapter's ceilings meet at ${figure(ridge)}, ` +
    `so ${bound} bound it: at most ${figure(roof)} GFLOP/s. ` +
    (source === 'timestamp'
      ? 'Times are of the GPU, by timestamp queries. '
      : 'Times are on the wall: this adapter has no timestamp queries. ') +
    `${compared.toLocaleString('en')} values were compared with float64; "right" tells how much of its tolerance the farthest one uses.`
  );
}
