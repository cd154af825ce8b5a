// The roofline plot: both axes logarithmic, the two ceilings as lines, each measurement a point with its name.

import type { BenchResult } from '../../bench/run.ts';
import { figure } from '../../bench/table.ts';
import { onResize, svg } from '../shared/svg.ts';

/** Of the newest measurement: what the device takes, another variant, the visitor's; or an earlier one. */
export type Kind = 'built-in' | 'variant' | 'yours' | 'earlier';

export interface RooflinePoint {
  readonly label: string;
  readonly kind: Kind;
  readonly result: BenchResult;
}

/** GFLOP/s, and GB/s. */
export interface Roof {
  readonly fma: number;
  readonly copy: number;
}

const HEIGHT = 340;
const MARGIN = { left: 52, right: 12, top: 24, bottom: 34 };
const LABEL_HEIGHT = 15;
const LETTER = 6.5; // wide, about
const EMPTY = 'Measure, to see the roof of this adapter and where the kernels are under it.';

/** Fills a `<figure>` that has a figcaption. */
export function rooflinePlot(parent: HTMLElement) {
  const target = document.createElement('div');
  target.className = 'roofline';
  parent.querySelector('figcaption')!.after(target);
  let points: readonly RooflinePoint[] = [];
  const draw = () => target.replaceChildren(drawing(points, target.clientWidth));
  onResize(target, draw);
  return {
    show(given: readonly RooflinePoint[]): void {
      points = given;
      draw();
    },
  };
}

/** As the newest measurement found it. */
function roofOf(points: readonly RooflinePoint[]): Roof | null {
  const result = points.at(-1)?.result;
  return result ? { fma: result.fmaGflops!, copy: result.copyGbps! } : null;
}

const intensityOf = ({ result: { gflops, gbps } }: RooflinePoint) => gflops! / gbps!;

function drawing(points: readonly RooflinePoint[], width: number): SVGElement {
  const roof = roofOf(points);
  const root = svg('svg', {
    ...{ width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img' },
    'aria-label': described(points, roof),
  });
  if (!roof) {
    root.append(svg('text', { x: width / 2, y: HEIGHT / 2, 'text-anchor': 'middle' }, EMPTY));
    return root;
  }
  const { fma, copy } = roof;
  const ridge = fma / copy;
  const places = [ridge, ...points.map(intensityOf)];
  const heights = [fma, ...points.map(({ result }) => result.gflops!)];
  const x = logScale(Math.min(...places) / 4, Math.max(...places) * 5, [
    MARGIN.left,
    width - MARGIN.right,
  ]);
  const lowest = Math.min(copy * x.low, ...heights.map((height) => height / 2));
  const y = logScale(lowest, Math.max(...heights) * 2, [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const line = [x.low, ridge, x.high].map((at) => `${x(at)},${y(Math.min(fma, copy * at))}`);
  root.append(
    ...axes(x, y, width),
    svg('polyline', { class: 'roof', points: line.join(' ') }),
    ...ceilingNames(x, y, roof),
    ...marks(points, x, y, width),
  );
  return root;
}

type Scale = ((value: number) => number) & { readonly low: number; readonly high: number };

function logScale(low: number, high: number, [from, to]: readonly [number, number]): Scale {
  const factor = (to - from) / Math.log(high / low);
  const at = (value: number) => Math.round(10 * (from + factor * Math.log(value / low))) / 10;
  return Object.assign(at, { low, high });
}

/** Powers of ten, with 2 and 5 between them where there is room. */
function ticks({ low, high }: Scale): number[] {
  const steps = high / low > 3000 ? [1] : [1, 2, 5];
  const first = Math.floor(Math.log10(low));
  const decades = Array.from(
    { length: Math.ceil(Math.log10(high)) - first + 1 },
    (_, i) => first + i,
  );
  return decades
    .flatMap((decade) => steps.map((step) => step * 10 ** decade))
    .filter((value) => value >= low && value <= high);
}

const short = (value: number) => Number(value.toPrecision(1)).toLocaleString('en');

function axes(x: Scale, y: Scale, width: number): SVGElement[] {
  const [bottom, right] = [HEIGHT - MARGIN.bottom, width - MARGIN.right];
  return [
    ...ticks(x).flatMap((value) => [
      svg('line', { class: 'grid', x1: x(value), x2: x(value), y1: MARGIN.top, y2: bottom }),
      svg('text', { x: x(value), y: bottom + 16, 'text-anchor': 'middle' }, short(value)),
    ]),
    ...ticks(y).flatMap((value) => [
      svg('line', { class: 'grid', x1: MARGIN.left, x2: right, y1: y(value), y2: y(value) }),
      svg('text', { x: MARGIN.left - 6, y: y(value) + 4, 'text-anchor': 'end' }, short(value)),
    ]),
    svg('text', { x: right, y: HEIGHT - 3, 'text-anchor': 'end' }, 'operations per byte'),
    svg('text', { x: 2, y: 12 }, 'GFLOP/s'),
  ];
}

function ceilingNames(x: Scale, y: Scale, { fma, copy }: Roof): SVGElement[] {
  const slope = (y(copy * x.low * 2) - y(copy * x.low)) / (x(x.low * 2) - x(x.low));
  const angle = (Math.atan(slope) * 180) / Math.PI;
  const [left, high] = [x(x.low * 1.1), y(copy * x.low * 1.1)];
  return [
    svg(
      'text',
      { class: 'ceiling', x: x(x.high) - 4, y: y(fma) - 6, 'text-anchor': 'end' },
      `multiply-adds ${figure(fma)} GFLOP/s`,
    ),
    svg(
      'text',
      { class: 'ceiling', transform: `translate(${left} ${high - 8}) rotate(${angle.toFixed(1)})` },
      `copy ${figure(copy)} GB/s`,
    ),
  ];
}

/** Points, and their names beside them, moved apart where they would cover each other. */
function marks(points: readonly RooflinePoint[], x: Scale, y: Scale, width: number): SVGElement[] {
  const named = points
    .filter(({ kind }) => kind !== 'earlier')
    .map((point) => ({ point, at: x(intensityOf(point)), y: y(point.result.gflops!) }))
    .sort((a, b) => a.y - b.y);
  let free = MARGIN.top + LABEL_HEIGHT;
  const names = named.map(({ point, at, y: own }) => {
    const place = Math.max(free, own + 4);
    free = place + LABEL_HEIGHT;
    const text = `${point.label} ${figure(point.result.gflops)}`;
    const left = at + 20 + LETTER * text.length > width;
    return svg(
      'text',
      {
        class: `name ${point.kind}`,
        x: left ? at - 11 : at + 11,
        y: place,
        'text-anchor': left ? 'end' : 'start',
      },
      text,
    );
  });
  return [
    ...points.map((point) => mark(point, x(intensityOf(point)), y(point.result.gflops!))),
    ...names,
  ];
}

/** A shape of its own for each kind, since colours are not seen by all. */
export function mark({ kind, label }: Pick<RooflinePoint, 'kind' | 'label'>, x: number, y: number) {
  const shape = { class: `mark ${kind}` };
  const title = svg('title', {}, label);
  if (kind === 'yours')
    return svg('path', { ...shape, d: `M${x} ${y - 7}l7 7l-7 7l-7 -7z` }, title);
  if (kind === 'variant')
    return svg('rect', { ...shape, x: x - 4.5, y: y - 4.5, width: 9, height: 9 }, title);
  return svg('circle', { ...shape, cx: x, cy: y, r: kind === 'earlier' ? 3.5 : 5.5 }, title);
}

function described(points: readonly RooflinePoint[], roof: Roof | null): string {
  if (!roof) return EMPTY;
  const told = points
    .filter(({ kind }) => kind !== 'earlier')
    .map(
      (point) =>
        `${point.label} ${figure(point.result.gflops)} GFLOP/s at ${figure(intensityOf(point))} operations per byte`,
    );
  return `Roofline: multiply-adds ${figure(roof.fma)} GFLOP/s, copy ${figure(roof.copy)} GB/s; ${told.join('; ')}`;
}
