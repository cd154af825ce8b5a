// report.html: one file that shows a run, with plots, samples and settings; it opens from disk and never uses the network.

import { DataError } from '../errors.ts';
import { settingEntries } from './config.ts';
import { escapeHtml, renderPage } from './page.ts';
import { drawPlots, type PagePlot } from './report_page.ts';
import { reportStyle, SERIES_COLORS } from './report_style.ts';

export interface ReportSeries {
  readonly label: string;
  readonly x: readonly number[];
  /** As many as `x`; where a value is not finite the curve has a gap. */
  readonly y: readonly number[];
  /** Thin and pale, in the colour of the next series: the raw values behind their mean. Default false. */
  readonly faint?: boolean;
  /** Points that no line joins. Default false. */
  readonly points?: boolean;
}

export interface ReportPlot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly ReportSeries[];
  /** Horizontal lines to compare with: an entropy floor, a reference. */
  readonly lines?: readonly { readonly label: string; readonly y: number }[];
  /** Logarithmic x axis; points with x <= 0 are left out. Default false. */
  readonly logX?: boolean;
  /** Logarithmic y axis; points with y <= 0 become gaps. Default false. */
  readonly logY?: boolean;
  /** Start the y axis at zero, for speeds and other amounts. Default false. */
  readonly fromZero?: boolean;
}

export interface ReportTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** What a run's page shows, in this order; the first plot is drawn large. */
export interface Report {
  readonly title: string;
  readonly subtitle: string;
  /** A leading number in a value is set large and the rest as its unit: `1.53 nats`. */
  readonly summary: readonly (readonly [label: string, value: string | number])[];
  readonly plots: readonly ReportPlot[];
  readonly tables?: readonly ReportTable[];
  readonly samples: readonly { readonly title: string; readonly text: string }[];
  readonly settings: object;
  readonly notes?: readonly string[];
}

/** The text of uPlot's `uPlot.iife.min.js` and `uPlot.min.css`. */
export interface PlotLibrary {
  readonly script: string;
  readonly style: string;
}

/** A curve has at most this many points in the page; a screen has no more columns. */
const MAX_POINTS = 4000;

/**
 * The whole page as text. Throws DataError when a series has not as many y as x, and when the plot library's text
 * could end its own element.
 */
export async function renderReport(report: Report, plotLibrary: PlotLibrary): Promise<string> {
  return renderPage({
    title: report.title,
    style: `${plotLibrary.style}\n${reportStyle}`,
    body: body(report),
    data: { id: 'plots', value: report.plots.map(pagePlot) },
    scripts: [plotLibrary.script, `(${drawPlots})(${formatNumber});`],
  });
}

function body(report: Report): string {
  const { plots, tables = [], samples, notes = [] } = report;
  return `<main>
<header>
<h1>${escapeHtml(report.title)}</h1>
<p>${escapeHtml(report.subtitle)}</p>
</header>
<dl class="summary card">
${report.summary.map(summaryItem).join('\n')}
</dl>
<div class="plots">
${plots.map(figure).join('\n')}
</div>
${tables.map(table).join('\n')}
${section('Samples', 'samples', samples.map(sample))}
${section('Notes', 'notes', notes.map(note), 'ul')}
<h2>Settings</h2>
<dl class="settings card">
${settingEntries(report.settings).map(setting).join('\n')}
</dl>
<footer>Made by shadegrad. This page is one file and uses no network.</footer>
</main>`;
}

function section(title: string, name: string, items: readonly string[], tag = 'div'): string {
  if (items.length === 0) return '';
  return `<h2>${title}</h2>\n<${tag} class="${name}">\n${items.join('\n')}\n</${tag}>`;
}

function summaryItem([label, value]: readonly [string, string | number]): string {
  const text = typeof value === 'number' ? formatNumber(value) : value;
  const parts = /^([-\u2212]?\d[\d.,:]*(?:e[-+]?\d+)?[kMG%]?)(?:\s+(.*))?$/s.exec(text);
  const shown =
    parts === null
      ? escapeHtml(text)
      : `<span class="figure">${escapeHtml(parts[1]!)}</span> <span class="unit">${escapeHtml(parts[2] ?? '')}</span>`;
  return `<div><dt>${escapeHtml(label)}</dt><dd>${shown}</dd></div>`;
}

/** The x axis's name is drawn with the axis; the y axis's stands above it, where it reads without turning the head. */
function figure({ title, xLabel, yLabel, series }: ReportPlot): string {
  const curves = series.map(({ label, faint }, i) => {
    const swatch = `swatch s${colorIndex(series, i)}${faint ? ' faint' : ''}`;
    return `<li><span class="${swatch}"></span>${escapeHtml(label)} <output></output></li>`;
  });
  return `<figure class="card" data-plot>
<figcaption><h3>${escapeHtml(title)}</h3><span class="y-label">${escapeHtml(yLabel)}</span>
<ul class="legend"><li>${escapeHtml(xLabel)} <output></output></li>${curves.join('')}</ul></figcaption>
<div class="plot" role="img" aria-label="${escapeHtml(`${title}: ${yLabel} against ${xLabel}`)}"></div>
</figure>`;
}

/** Colours go by the curves that are not faint, so that a faint one has the colour of its mean, which follows it. */
function colorIndex(series: readonly ReportSeries[], index: number): number {
  return series.slice(0, index).filter(({ faint }) => !faint).length % SERIES_COLORS;
}

function table({ title, columns, rows }: ReportTable): string {
  const cell = (value: string | number) =>
    typeof value === 'number'
      ? `<td class="number">${formatNumber(value)}</td>`
      : `<td>${escapeHtml(value)}</td>`;
  const isNumber = (column: number) => rows.every((row) => typeof row[column] === 'number');
  const heads = columns.map(
    (name, i) => `<th${isNumber(i) ? ' class="number"' : ''}>${escapeHtml(name)}</th>`,
  );
  return `<h2>${escapeHtml(title)}</h2>
<div class="card scroll"><table>
<thead><tr>${heads.join('')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}
</tbody>
</table></div>`;
}

// The newline after <pre> is the markup's: HTML drops it, and would drop the text's own first one otherwise.
function sample({ title, text }: { title: string; text: string }): string {
  return `<article class="card"><h3>${escapeHtml(title)}</h3><pre tabindex="0">\n${escapeHtml(text)}</pre></article>`;
}

function note(text: string): string {
  return `<li>${escapeHtml(text)}</li>`;
}

function setting([name, value]: [string, unknown]): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(text)}</dd></div>`;
}

function pagePlot(plot: ReportPlot): PagePlot {
  const { title, xLabel, series, lines = [], logX = false, logY = false, fromZero = false } = plot;
  return {
    xLabel,
    logX,
    logY,
    fromZero,
    lines: lines.filter(({ y }) => isShown(y, logY)),
    series: series.map(({ label, x, y, faint = false, points: loose = false }, i) => {
      if (x.length !== y.length) {
        throw new DataError(
          `report: "${label}" in "${title}" has ${x.length} x and ${y.length} y; expected as many`,
        );
      }
      const shown = points(
        x,
        y.map((value) => (isShown(value, logY) ? value : Number.NaN)),
        logX,
      );
      return { ...shown, faint, loose, color: colorIndex(series, i) };
    }),
  };
}

/** A logarithmic axis has no place for the others. */
const isShown = (value: number, log: boolean) => Number.isFinite(value) && (!log || value > 0);

/** The curve by ascending finite x, rounded to 6 digits, with gaps as null, and thinned to what a screen can show. */
function points(x: readonly number[], y: readonly number[], logX: boolean) {
  const order = [...x.keys()]
    .filter((i) => Number.isFinite(x[i]!) && (!logX || x[i]! > 0))
    .sort((i, j) => x[i]! - x[j]!);
  const kept = thinned(order, y);
  return {
    x: kept.map((i) => x[i]!),
    y: kept.map((i) => (Number.isFinite(y[i]!) ? Number(y[i]!.toPrecision(6)) : null)),
  };
}

/** Of each run of neighbours the lowest, the highest and the first gap, so that no spike and no divergence is lost. */
function thinned(order: readonly number[], y: readonly number[]): number[] {
  if (order.length <= MAX_POINTS) return [...order];
  const width = Math.ceil((3 * order.length) / MAX_POINTS);
  const kept: number[] = [];
  for (let start = 0; start < order.length; start += width) {
    const run = order.slice(start, start + width);
    const finite = run.filter((i) => Number.isFinite(y[i]!));
    const low = finite.reduce((a, b) => (y[b]! < y[a]! ? b : a), finite[0] ?? -1);
    const high = finite.reduce((a, b) => (y[b]! > y[a]! ? b : a), finite[0] ?? -1);
    const gap = run.find((i) => !Number.isFinite(y[i]!));
    kept.push(...run.filter((i) => i === low || i === high || i === gap));
  }
  return kept;
}

/** Four digits: `1.532`, `12,400`, `3.00e-4`. Runs in the page too, so it uses nothing from outside itself. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return value.toLocaleString('en-US');
  if (!Number.isFinite(value) || size >= 1e15) return String(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  return size < 1e-3 ? value.toExponential(2) : value.toPrecision(4);
}
