// Curves that are drawn as they come, by uPlot, with a legend that shows the values under the pointer, or the newest.

import uPlot from 'uplot';
import { color } from './colors.ts';

export interface Line {
  readonly label: string;
  /** One of the page's colours, `--series-N`. */
  readonly color: 0 | 1 | 2 | 3;
  /** Thin and pale, and not in the legend: what a mean is made of. */
  readonly faint?: boolean;
  readonly dashed?: boolean;
  /** A point at each value: for values that come seldom. */
  readonly points?: boolean;
  /** Default three digits after the point. */
  readonly format?: (value: number) => string;
}

/** A horizontal line with a meaning: a bound, a random policy's return. */
export interface Level {
  readonly label: string;
  readonly value: number;
  readonly color: 0 | 1 | 2 | 3;
}

export interface LinePlotOptions {
  /** With its unit, as in `loss (nats per character)`. */
  readonly x: string;
  readonly y: string;
  readonly lines: readonly Line[];
  /** Where the axes begin and end before there are values, or at least. Default: what the values need. */
  readonly xRange?: readonly [number, number] | null;
  readonly yRange?: readonly [number, number] | null;
}

export interface LinePlot {
  /** Adds values at `x`, one per line, null where a line has none there; at the `x` before, fills what is null. */
  add(x: number, values: readonly (number | null)[]): void;
  setLevels(levels: readonly Level[]): void;
  /** What is drawn now stays as pale lines behind what comes, with this label; null: nothing does. */
  keepBehind(label: string | null): void;
  /** Empties it; the axes then span at least these ranges, and `y` may have another unit. */
  reset(options?: Partial<Pick<LinePlotOptions, 'xRange' | 'yRange' | 'y'>>): void;
}

type Column = (number | null)[];

/** More would be drawn on the same pixels: each second value is left out then. */
const MOST_VALUES = 8192;

/**
 * Fills a `<figure>` that has a `<figcaption>` with its heading: legend and units in it, and the plot after it, of class `plot`.
 * The plot is a picture to screen readers; the legend's values are its text.
 */
export function linePlot(figure: HTMLElement, options: LinePlotOptions): LinePlot {
  const { lines } = options;
  const legend = buildLegend(figure, options);
  const target = document.createElement('div');
  target.className = 'plot';
  target.role = 'img';
  target.ariaLabel = `Curves of ${lines.map(({ label }) => label).join(', ')} by ${options.x}`;
  figure.querySelector('figcaption')!.after(target);

  let columns: Column[] = [[], ...lines.map(() => [])];
  let behind: Column[] = [];
  let levels: readonly Level[] = [];
  let { xRange = null, yRange = null } = options;
  let drawn = draw();
  let frame = 0;

  function draw(): uPlot {
    const soft = () => color('soft');
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: soft, font, gap: 6, ticks: { show: false } };
    const grid = { stroke: () => color('grid'), width: 1 };
    return new uPlot(
      {
        width: target.clientWidth,
        height: target.clientHeight,
        padding: [10, 16, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: {
          x: {
            time: false,
            range: (_, low, high) => withRange([low, high, ...bounds(0)], xRange, 0),
          },
          y: { range: (_, low, high) => withRange([low, high, ...bounds(1)], yRange, 0.06) },
        },
        axes: [
          { ...axis, grid, size: 28, space: 60 },
          { ...axis, grid, size: 52 },
        ],
        series: [{}, ...lines.map(series)],
        hooks: {
          drawAxes: [drawBehind, drawLevels],
          setCursor: [({ cursor }) => tell(cursor.idx ?? null)],
        },
      },
      columns as uPlot.AlignedData,
      target,
    );
  }

  /** What stays behind is seen too, and on the second axis the levels. */
  function bounds(axis: 0 | 1): number[] {
    const kept = (axis === 0 ? behind.slice(0, 1) : behind.slice(1)).flat();
    const marked = axis === 0 ? [] : levels.map(({ value }) => value);
    return [...kept.filter((value) => value !== null), ...marked];
  }

  function drawBehind({ ctx, valToPos }: uPlot): void {
    ctx.save();
    ctx.globalAlpha = 0.4;
    ctx.lineWidth = 2 * devicePixelRatio;
    for (const [i, column] of behind.slice(1).entries()) {
      if (lines[i]!.faint) continue;
      ctx.strokeStyle = color(`series-${lines[i]!.color}`);
      ctx.beginPath();
      for (const [at, value] of column.entries())
        if (value !== null)
          ctx.lineTo(valToPos(behind[0]![at]!, 'x', true), valToPos(value, 'y', true));
      ctx.stroke();
    }
    ctx.restore();
  }

  function drawLevels({ ctx, bbox, valToPos }: uPlot): void {
    ctx.save();
    ctx.setLineDash([6 * devicePixelRatio, 5 * devicePixelRatio]);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    for (const level of levels) {
      const y = Math.round(valToPos(level.value, 'y', true));
      ctx.strokeStyle = color(`series-${level.color}`);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  /** The values at a place, or the newest ones. */
  function tell(at: number | null): void {
    const until = (column: Column) =>
      column.slice(0, at === null ? undefined : at + 1).findLast((value) => value !== null) ?? null;
    legend.show(
      at === null ? null : columns[0]![at]!,
      columns.slice(1).map((column) => until(column)),
    );
  }

  function update(): void {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      drawn.setData(columns as uPlot.AlignedData);
      tell(drawn.cursor.idx ?? null);
    });
  }

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    drawn.destroy();
    drawn = draw();
  });
  new ResizeObserver(() => {
    drawn.setSize({ width: target.clientWidth, height: target.clientHeight });
  }).observe(target);

  return {
    add(x, values) {
      const last = columns[0]!.length - 1;
      if (columns[0]![last] === x) {
        for (const [i, value] of values.entries()) columns[i + 1]![last] ??= value;
      } else {
        for (const [i, value] of [x, ...values].entries()) columns[i]!.push(value);
      }
      if (columns[0]!.length > MOST_VALUES) columns = thinned(columns);
      update();
    },
    setLevels(given) {
      levels = given;
      legend.setLevels(given);
      update();
    },
    keepBehind(label) {
      behind = label === null ? [] : columns;
      legend.setBehind(label);
      update();
    },
    reset(ranges = {}) {
      if (ranges.y) legend.setUnit(ranges.y);
      columns = [[], ...lines.map(() => [])];
      [xRange, yRange] = [ranges.xRange ?? xRange, ranges.yRange ?? yRange];
      update();
    },
  };
}

/** Every second place, and each that has a value of a line with few. */
function thinned(columns: readonly Column[]): Column[] {
  const dense = columns.map(
    (column) => column.filter((value) => value !== null).length > column.length / 2,
  );
  const places = [...columns[0]!.keys()].filter(
    (i) => i % 2 === 0 || columns.some((column, c) => !dense[c] && column[i] !== null),
  );
  return columns.map((column) => places.map((i) => column[i]!));
}

function series({
  color: index,
  faint = false,
  dashed = false,
  points = false,
}: Line): uPlot.Series {
  const stroke = () => color(`series-${index}`);
  return {
    stroke,
    width: faint ? 1 : 2,
    alpha: faint ? 0.3 : 1,
    spanGaps: true,
    ...(dashed && { dash: [6, 5] }),
    points: { show: points, size: 6, fill: stroke },
  };
}

/** What the values span, widened to the range that is asked for, with a margin where the values decide. */
function withRange(
  given: readonly (number | null)[],
  least: readonly [number, number] | null,
  margin: number,
): [number, number] {
  const values = given.filter((value) => value !== null); // uPlot has null where nothing is drawn yet
  if (values.length === 0) return [...(least ?? [0, 1])] as [number, number];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const space = (high - low || Math.abs(high) || 1) * margin;
  if (!least)
    return low === high ? [low - (space || 1), high + (space || 1)] : [low - space, high + space];
  return [low < least[0] ? low - space : least[0], high > least[1] ? high + space : least[1]];
}

function buildLegend(figure: HTMLElement, { lines, x, y }: LinePlotOptions) {
  const caption = figure.querySelector('figcaption');
  if (!caption) throw new TypeError('the figure of a plot has a figcaption with its heading');
  const list = document.createElement('ul');
  list.className = 'legend';
  const unit = document.createElement('p');
  unit.className = 'unit';
  const setUnit = (y: string) => {
    unit.textContent = `${y}, by ${x}`;
  };
  setUnit(y);
  caption.append(list, unit);
  const place = legendItem('', null);
  const values = lines.map(({ label, color, faint, dashed }) =>
    faint ? null : legendItem(label, color, dashed),
  );
  const items = values.flatMap((each) => (each ? [each.item] : []));
  const past = legendItem('', lines[0]!.color);
  past.item.classList.add('past');
  past.item.hidden = true;
  list.append(...items, past.item, place.item);
  let bounds: HTMLElement[] = [];
  return {
    setUnit,
    show(at: number | null, shown: readonly (number | null)[]): void {
      place.value.textContent = at === null ? '' : `at ${at.toLocaleString('en')}`;
      for (const [i, line] of lines.entries()) {
        const { format = (value: number) => value.toFixed(3) } = line;
        const value = shown[i] ?? null;
        if (values[i]) values[i].value.textContent = value === null ? '' : format(value);
      }
    },
    setBehind(label: string | null): void {
      past.item.hidden = label === null;
      past.value.textContent = label;
    },
    setLevels(levels: readonly Level[]): void {
      for (const bound of bounds) bound.remove();
      bounds = levels.map(({ label, color: index, value }) => {
        const level = legendItem(label, index, true);
        level.value.textContent = Number(value.toFixed(3)).toLocaleString('en');
        return level.item;
      });
      place.item.before(...bounds);
    },
  };
}

function legendItem(label: string, index: number | null, dashed = false) {
  const item = document.createElement('li');
  const value = document.createElement('span');
  value.className = 'value';
  if (index !== null) {
    const swatch = document.createElement('i');
    swatch.className = `swatch series-${index}${dashed ? ' dashed' : ''}`;
    item.append(swatch);
  }
  item.append(label, ' ', value);
  return { item, value };
}
