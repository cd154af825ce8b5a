// The second part: three actions as a point on the simplex, an arrow per action, and what a baseline changes (lecture S0).

import { actionScores, expectedGradient, softmaxOf } from '../../src/rl/softmax_policy.ts';
import { element } from '../shared/page.ts';
import { svg } from '../shared/svg.ts';
import { tableRow } from '../shared/table.ts';
import { signed } from './numbers.ts';
import { arrow } from './shapes.ts';

type Point = readonly [x: number, y: number];

/** Of the triangle, in the picture's units; the actions' places. */
const CORNERS: readonly [Point, Point, Point] = [
  [30, 250],
  [330, 250],
  [180, 250 - 150 * Math.sqrt(3)],
];
/** How long an arrow of (A - b) (e - p) is: 1 would lead to the corner where A - b = 1. */
const SCALE = 0.5;
/** A dragged point stays off the edge, where logits would be infinite. */
const LEAST = 0.01;
const RATE = 1;

export function showSimplex(): { draw(): void } {
  const ranges = (name: string) => [1, 2, 3].map((j) => element(`${name}-${j}`, HTMLInputElement));
  const [logits, advantages] = [ranges('z'), ranges('advantage')];
  const centred = element('centred', HTMLInputElement);
  const rows = element('actions', HTMLTableSectionElement);
  const words = element('simplex-words', HTMLElement);
  const picture = svg('svg', { viewBox: '0 -40 360 320', role: 'img' });
  element('simplex-picture', HTMLElement).replaceChildren(picture);

  function state() {
    const p = softmaxOf(logits.map((range) => range.valueAsNumber));
    const A = advantages.map((range) => range.valueAsNumber);
    const value = A.reduce((sum, a, j) => sum + p[j]! * a, 0);
    const baseline = centred.checked ? value : 0;
    return { p, A, value, baseline, ...expectedGradient(p, A, baseline) };
  }

  function draw(): void {
    const { p, A, value, baseline, mean, variance } = state();
    for (const range of [...logits, ...advantages])
      element(`${range.id}-value`, HTMLOutputElement).value = signed(range.valueAsNumber);
    const scores = actionScores(p);
    rows.replaceChildren(
      ...p.map((pj, j) => {
        const score = `(${scores[j]!.map(signed).join(', ')})`;
        return tableRow([String(j + 1), pj.toFixed(3), signed(A[j]! - baseline), score]);
      }),
    );
    words.textContent =
      `V = Σ p A = ${signed(value)}. The mean of (A − b) u is (${mean.map(signed).join(', ')}), with any b; ` +
      `its variance by one drawn action is ${variance.toFixed(3)}.`;
    drawPicture({ p, weights: A.map((a) => a - baseline), mean });
  }

  function drawPicture({
    p,
    weights,
    mean,
  }: {
    p: readonly number[];
    weights: readonly number[];
    mean: readonly number[];
  }): void {
    const here = placeOf(p);
    const shares = p.map((pj, j) => `${pj.toFixed(2)} for action ${j + 1}`).join(', ');
    picture.setAttribute('aria-label', `The policy on the simplex: ${shares}`);
    const parts: SVGElement[] = [
      svg('polygon', { class: 'simplex', points: CORNERS.map((c) => c.join()).join(' ') }),
    ];
    for (const [j, corner] of CORNERS.entries()) {
      const at = { x: corner[0], y: corner[1] + (j < 2 ? 22 : -10), 'text-anchor': 'middle' };
      parts.push(svg('text', at, `action ${j + 1}`));
      const tip = along(here, corner, SCALE * weights[j]!);
      parts.push(arrow(here, tip, { kind: `score series-${j}`, head: 9 }));
    }
    const end: Point = [
      here[0] + mean.reduce((sum, g, k) => sum + g * CORNERS[k]![0], 0),
      here[1] + mean.reduce((sum, g, k) => sum + g * CORNERS[k]![1], 0),
    ];
    parts.push(arrow(here, end, { kind: 'mean', head: 12 }));
    parts.push(svg('circle', { class: 'handle', cx: here[0], cy: here[1], r: 8 }));
    picture.replaceChildren(...parts);
  }

  function setLogits(z: readonly number[]): void {
    for (const [j, range] of logits.entries()) range.value = String(z[j]);
    draw();
  }

  const told = () => logits[0]!.dispatchEvent(new Event('change', { bubbles: true }));
  const dragTo = (event: PointerEvent) => {
    const matrix = picture.getScreenCTM();
    if (!matrix) return;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    setLogits(logitsOf(sharesAt([x, y])));
  };
  picture.addEventListener('pointerdown', (event) => {
    picture.setPointerCapture(event.pointerId);
    dragTo(event);
  });
  picture.addEventListener('pointermove', (event) => {
    if (picture.hasPointerCapture(event.pointerId)) dragTo(event);
  });
  picture.addEventListener('pointerup', told);
  element('simplex-step', HTMLButtonElement).addEventListener('click', () => {
    const { mean } = state();
    setLogits(logits.map((range, j) => range.valueAsNumber + RATE * mean[j]!));
    told();
  });
  for (const each of [...logits, ...advantages, centred]) each.addEventListener('input', draw);
  return { draw };
}

/** Σ p_k corner_k. */
function placeOf(p: readonly number[]): Point {
  const sum = (axis: 0 | 1) => p.reduce((total, pk, k) => total + pk * CORNERS[k]![axis], 0);
  return [sum(0), sum(1)];
}

const along = ([x1, y1]: Point, [x2, y2]: Point, share: number): Point => [
  x1 + share * (x2 - x1),
  y1 + share * (y2 - y1),
];

/** The probabilities at a place, those outside at the nearest share that is allowed. */
function sharesAt([x, y]: Point): number[] {
  const [[x1, y1], [x2], [x3, y3]] = CORNERS;
  const third = (y1 - y) / (y1 - y3);
  const second = (x - x1 - third * (x3 - x1)) / (x2 - x1);
  const shares = [1 - second - third, second, third].map((p) => Math.max(LEAST, p));
  const total = shares.reduce((sum, p) => sum + p, 0);
  return shares.map((p) => p / total);
}

/** Those of mean 0. */
function logitsOf(p: readonly number[]): number[] {
  const logs = p.map(Math.log);
  const mean = logs.reduce((sum, z) => sum + z, 0) / logs.length;
  return logs.map((z) => z - mean);
}
