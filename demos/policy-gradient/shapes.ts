// The page's own shapes; their looks are classes.

import { svg } from '../shared/svg.ts';

/** From (x1, y1) to (x2, y2), with a head of that length. */
export function arrow(
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
  { kind, head }: { kind: string; head: number },
): SVGPathElement {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  const side = (turn: number) =>
    `${x2 - head * Math.cos(angle + turn)} ${y2 - head * Math.sin(angle + turn)}`;
  const isPoint = Math.hypot(x2 - x1, y2 - y1) < head / 4;
  const d = isPoint ? '' : `M${x1} ${y1}L${x2} ${y2}M${side(0.5)}L${x2} ${y2}L${side(-0.5)}`;
  return svg('path', { class: kind, d });
}

/** A bar from 0 to `value` on a scale from -most to most, or from 0 where nothing is negative. */
export function bar(
  value: number,
  { most, from = -most }: { most: number; from?: number },
): SVGSVGElement {
  const [x, width] = [Math.min(0, value), Math.abs(value)];
  const rect = { class: value < 0 ? 'less' : 'more', x, y: 0.1, width, height: 0.8 };
  const line = {
    class: 'bar-line',
    viewBox: `${from} 0 ${most - from} 1`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  };
  return svg('svg', line, svg('rect', rect));
}
