// The script of report.html: it draws the plots with uPlot. `drawPlots` goes into the page as its own source text, so it
// uses nothing from outside itself but its argument, the page, and the global that uPlot's script makes.

/** One plot as the page's JSON block holds it; null where a value is not finite. */
export interface PagePlot {
  readonly xLabel: string;
  readonly logX: boolean;
  readonly logY: boolean;
  readonly fromZero: boolean;
  readonly series: readonly {
    readonly x: readonly number[];
    readonly y: readonly (number | null)[];
    readonly faint: boolean;
    /** Points that no line joins. */
    readonly loose: boolean;
    /** Which of the page's series colours. */
    readonly color: number;
  }[];
  readonly lines: readonly { readonly label: string; readonly y: number }[];
}

type Column = readonly (number | null | undefined)[];

/** The part of uPlot that the page uses. */
interface Plot {
  readonly ctx: CanvasRenderingContext2D;
  readonly bbox: { readonly left: number; readonly top: number; readonly width: number };
  readonly cursor: { readonly idx?: number | null };
  readonly data: readonly Column[];
  valToPos(value: number, scale: string, canvasPixels: boolean): number;
  setSize(size: { width: number; height: number }): void;
  destroy(): void;
}
declare const uPlot: {
  new (options: object, data: readonly Column[], target: Element): Plot;
  join(tables: readonly (readonly Column[])[]): Column[];
};

/** Runs in the page. Makes one plot for each `[data-plot]` and redraws when the size or the colour scheme changes. */
export function drawPlots(formatNumber: (value: number) => string): void {
  const plots: PagePlot[] = JSON.parse(document.querySelector('#plots')!.textContent!);
  const font = (size: number) => `${size}px ${getComputedStyle(document.body).fontFamily}`;
  const color = (name: string) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  function draw(figure: Element, plot: PagePlot): Plot {
    const target = figure.querySelector('.plot')!;
    const outputs = [...figure.querySelectorAll('output')];
    const curves = plot.series.map(({ x, y }) => [x, y]);
    const columns = curves.length === 0 ? [[]] : uPlot.join(curves); // join needs one at least
    const options = {
      width: target.clientWidth,
      height: target.clientHeight,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false },
      scales: {
        x: { time: false, distr: plot.logX ? 3 : 1 },
        y: plot.logY
          ? { distr: 3 }
          : { range: (_: Plot, low: number | null, high: number | null) => range(plot, low, high) },
      },
      axes: [
        axis({ label: plot.xLabel, size: 30, labelSize: 20, ...wholeTicks(plot) }, plot.logX),
        axis({ size: 52 }, plot.logY),
      ],
      series: [{}, ...plot.series.map(line)],
      hooks: {
        drawAxes: [(u: Plot) => drawLines(u, plot.lines)],
        setCursor: [(u: Plot) => showValues(u, outputs)],
        ready: [(u: Plot) => showValues(u, outputs)],
      },
    };
    return new uPlot(options, columns, target);
  }

  /** The data and the lines with 8 % above and below, but not below zero for data that are not. */
  function range({ lines, fromZero }: PagePlot, low: number | null, high: number | null) {
    const values = [low, high, ...lines.map(({ y }) => y)].filter((v) => v !== null);
    if (values.length === 0) return [0, 1];
    const [min, max] = [Math.min(...values, fromZero ? 0 : Infinity), Math.max(...values)];
    const pad = (max - min) * 0.08 || Math.abs(max) * 0.1 || 1;
    return [min >= 0 ? Math.max(0, min - pad) : min - pad, max + pad];
  }

  /** Of rounds and steps there are no parts: 1, 2, 5, 10 ... between ticks. */
  function wholeTicks({ series, logX }: PagePlot) {
    if (logX || !series.every(({ x }) => x.every(Number.isInteger))) return {};
    return {
      incrs: Array.from({ length: 36 }, (_, i) => [1, 2, 5][i % 3]! * 10 ** Math.trunc(i / 3)),
    };
  }

  function axis(sizes: object, log: boolean) {
    return {
      ...sizes,
      stroke: color('soft'),
      font: font(11),
      labelFont: font(12),
      labelGap: 0,
      gap: 6,
      grid: { stroke: color('grid'), width: 1 },
      ticks: { show: false },
      values: (_: Plot, ticks: Column) => tickLabels(ticks, log),
    };
  }

  /** `12k`, `0.25`, `1e-4`: one form for all labels of an axis, unless it is logarithmic. */
  function tickLabels(ticks: Column, log: boolean): string[] {
    const largest = Math.max(...ticks.map((tick) => Math.abs(tick ?? 0)));
    return ticks.map((tick) => {
      if (tick === null || tick === undefined) return '';
      if (tick === 0) return '0';
      const size = log ? tick : largest;
      if (size < 0.01 || size >= 1e9) {
        return Number(tick.toPrecision(4))
          .toExponential()
          .replace('e+', 'e')
          .replaceAll('-', '\u2212');
      }
      if (size >= 1e6) return `${Number((tick / 1e6).toPrecision(4))}M`;
      if (size >= 1e4) return `${Number((tick / 1e3).toPrecision(4))}k`;
      return String(Number(tick.toPrecision(6)));
    });
  }

  function line({ color: index, faint, loose }: PagePlot['series'][number]) {
    const stroke = color(`series-${index}`);
    const look = faint ? { width: 1, alpha: 0.45 } : { width: 2, alpha: 1 };
    if (loose) return { stroke, paths: () => null, points: { show: true, size: 8, fill: stroke } };
    return { stroke, ...look, points: { size: 5, fill: stroke } };
  }

  /** Horizontal dashed lines under the curves; the highest has its label above it, the others below. */
  function drawLines({ ctx, bbox, valToPos }: Plot, lines: PagePlot['lines']): void {
    const scale = window.devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color('soft');
    ctx.lineWidth = scale;
    ctx.setLineDash([5 * scale, 4 * scale]);
    ctx.font = font(11 * scale);
    ctx.textAlign = 'right';
    const highest = Math.max(...lines.map(({ y }) => y));
    for (const { label, y } of lines) {
      const at = Math.round(valToPos(y, 'y', true));
      const right = bbox.left + bbox.width;
      ctx.beginPath();
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(right, at);
      ctx.stroke();
      ctx.textBaseline = y === highest ? 'bottom' : 'top';
      const away = (y === highest ? -4 : 5) * scale;
      ctx.fillText(`${label} ${formatNumber(y)}`, right - 4 * scale, at + away);
    }
    ctx.restore();
  }

  /** In the legend: the values under the pointer, or the last ones; a curve without a point there shows its one before. */
  function showValues({ cursor, data }: Plot, outputs: readonly HTMLElement[]): void {
    const at = cursor.idx ?? data[0]!.length - 1;
    for (const [i, output] of outputs.entries()) {
      const value = data[i]!.slice(0, at + 1).findLast((v) => v !== undefined && v !== null);
      output.textContent = typeof value === 'number' ? formatNumber(value) : '';
    }
  }

  function drawAll(): Plot[] {
    return [...document.querySelectorAll('[data-plot]')].map((figure, i) =>
      draw(figure, plots[i]!),
    );
  }

  let drawn = drawAll();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const plot of drawn) plot.destroy();
    drawn = drawAll();
  });
  const resized = new ResizeObserver(() => {
    for (const [i, target] of [...document.querySelectorAll('.plot')].entries()) {
      drawn[i]!.setSize({ width: target.clientWidth, height: target.clientHeight });
    }
  });
  resized.observe(document.querySelector('main')!);
}
