// A head's attention as a picture: rows look, columns are looked at. Its values are told as text, by the pointer and by the
// chosen position.

import { color } from '../shared/colors.ts';
import { keepInLink, restoreFromLink } from '../shared/form.ts';
import { element } from '../shared/page.ts';
import type { Looked } from './protocol.ts';

const form = element('attention-form', HTMLFormElement);
const canvas = element('map', HTMLCanvasElement);
const layer = element('layer', HTMLSelectElement);
const head = element('head', HTMLSelectElement);
const told = element('attention-value', HTMLElement);
const beforeRun = told.textContent;
/** Tokens that the text names of a row. */
const NAMED = 4;
/** Pixels of the page for the tokens at the left and on top, and the most of a token that is written there. */
const MARGIN = 58;
const LETTERS = 7;

interface Shown {
  readonly looked: Looked;
  readonly tokens: readonly string[];
  readonly heads: number;
  /** The chosen position, from 0. */
  readonly row: number;
}
let shown: Shown | null = null;

canvas.hidden = true;
keepInLink(form);
for (const select of [layer, head])
  select.addEventListener('change', () => shown && showAttention(shown));
canvas.addEventListener('pointermove', ({ offsetX, offsetY }) => tellCell(offsetX, offsetY));
canvas.addEventListener('pointerleave', () => shown && tellRow(shown));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => shown && draw(shown));
new ResizeObserver(() => shown && draw(shown)).observe(canvas);

export function offerHeads(layers: number, heads: number): void {
  const unchosen = layer.value === '';
  for (const [select, count] of [
    [layer, layers],
    [head, heads],
  ] as const) {
    const before = Number(select.value || count); // the last layer is the most telling
    select.replaceChildren(
      ...Array.from({ length: count }, (_, i) => new Option(String(i + 1), String(i + 1))),
    );
    select.value = String(Math.min(before, count));
  }
  if (unchosen) restoreFromLink(form);
}

export function showAttention(given: Shown): void {
  shown = given;
  canvas.hidden = false;
  draw(given);
  tellRow(given);
}

export function clearAttention(): void {
  shown = null;
  canvas.hidden = true;
  told.textContent = beforeRun;
}

/** [T, T] of the chosen layer and head. */
function weightsOf({ looked, heads }: Shown): Float32Array {
  const size = looked.ids.length ** 2;
  const begin = ((Number(layer.value) - 1) * heads + Number(head.value) - 1) * size;
  return looked.attention.subarray(begin, begin + size);
}

function tellRow(given: Shown): void {
  const { tokens, row } = given;
  const T = tokens.length;
  const own = [
    ...weightsOf(given)
      .subarray(row * T, (row + 1) * T)
      .entries(),
  ];
  const most = own.sort(([, a], [, b]) => b - a).slice(0, Math.min(NAMED, row + 1));
  const list = most.map(([j, weight]) => `${named(tokens, j)} ${weight.toFixed(2)}`).join(', ');
  told.textContent = `${named(tokens, row)} looks at ${list}.`;
  canvas.ariaLabel = `Attention of layer ${layer.value}, head ${head.value}: ${told.textContent}`;
}

function tellCell(x: number, y: number): void {
  if (!shown) return;
  const { tokens } = shown;
  const cell = cellSize(tokens.length);
  const [j, i] = [x, y].map((at) => Math.floor((at - MARGIN) / cell)) as [number, number];
  if (i < 0 || j < 0 || i >= tokens.length || j >= tokens.length) {
    tellRow(shown);
    return;
  }
  const weight = weightsOf(shown)[i * tokens.length + j]!;
  told.textContent =
    j > i
      ? `${named(tokens, i)} cannot look at ${named(tokens, j)}, which comes later.`
      : `${named(tokens, i)} looks at ${named(tokens, j)}: ${weight.toFixed(3)}.`;
}

const named = (tokens: readonly string[], i: number) => `“${tokens[i]!}” (${i + 1})`;
const cellSize = (T: number) => (canvas.clientWidth - MARGIN) / T;

function draw(given: Shown): void {
  const { tokens, row } = given;
  const weights = weightsOf(given);
  const T = tokens.length;
  const cell = cellSize(T);
  const scale = devicePixelRatio;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(canvas.clientHeight * scale);
  const context = canvas.getContext('2d')!;
  context.scale(scale, scale);
  for (let i = 0; i < T; i++)
    for (let j = 0; j <= i; j++) {
      context.fillStyle = color('grid');
      context.fillRect(MARGIN + j * cell, MARGIN + i * cell, cell - 0.5, cell - 0.5);
      context.globalAlpha = weights[i * T + j]!;
      context.fillStyle = color('series-0');
      context.fillRect(MARGIN + j * cell, MARGIN + i * cell, cell - 0.5, cell - 0.5);
      context.globalAlpha = 1;
    }
  context.strokeStyle = color('series-1');
  context.lineWidth = 1.5;
  context.strokeRect(MARGIN - 1, MARGIN + row * cell - 0.5, (row + 1) * cell + 1, cell + 0.5);
  drawTokens(context, given, cell);
}

function drawTokens(context: CanvasRenderingContext2D, { tokens, row }: Shown, cell: number): void {
  const size = Math.max(7, Math.min(13, cell - 1));
  context.font = `${size}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace`;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const [i, token] of tokens.entries()) {
    const text = token.length > LETTERS ? `${token.slice(0, LETTERS - 1)}…` : token;
    const middle = MARGIN + (i + 0.5) * cell;
    context.fillStyle = color(i === row ? 'ink' : 'soft');
    context.fillText(text, MARGIN - 5, middle);
    context.save();
    context.translate(middle, MARGIN - 5);
    context.rotate(Math.PI / 2);
    context.fillText(text, 0, 0);
    context.restore();
  }
}
