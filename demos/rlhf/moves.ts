// What PPO has done: reward and KL by rollout, both rewards against the root of KL with earlier runs beside, and a table.

import { linePlot } from '../shared/line_plot.ts';
import { element } from '../shared/page.ts';
import { tableRow } from '../shared/table.ts';
import type { MovePoint, MoveSettings } from './protocol.ts';

interface Move {
  readonly settings: MoveSettings;
  readonly points: MovePoint[];
  readonly row: HTMLTableRowElement;
}

/** Earlier runs that stay in the last figure. */
const EARLIER = 4;
const UNIT = "standard deviations of the writer's answers";

const rewards = linePlot(element('reward', HTMLElement), {
  x: 'rollout',
  y: UNIT,
  lines: [
    { label: 'learned', color: 0 },
    { label: 'gold', color: 1, dashed: true },
  ],
});
const distance = linePlot(element('kl', HTMLElement), {
  x: 'rollout',
  y: 'KL, nats per answer',
  lines: [{ label: 'KL', color: 3 }],
  yRange: [0, 1],
});
const pale = Array.from({ length: EARLIER }, (_, i) => [
  { label: `learned, earlier run ${i + 1}`, color: 0 as const, faint: true },
  { label: `gold, earlier run ${i + 1}`, color: 1 as const, faint: true, dashed: true },
]).flat();
const path = linePlot(element('path', HTMLElement), {
  x: 'root of the KL from the writer',
  y: UNIT,
  lines: [
    { label: 'learned', color: 0, points: true },
    { label: 'gold', color: 1, points: true, dashed: true },
    ...pale,
  ],
  xRange: [0, 1],
});
const table = element('runs', HTMLTableSectionElement);
const scroll = element('runs-scroll', HTMLElement);

let moves: Move[] = [];

/** Another run begins. */
export function beginMove(settings: MoveSettings): void {
  const row = table.insertRow();
  scroll.hidden = false;
  moves = [...moves, { settings, points: [], row }];
  rewards.reset({ xRange: [0, settings.rollouts] });
  distance.reset({ xRange: [0, settings.rollouts] });
  drawPaths();
}

export function showMove(point: MovePoint): void {
  const { settings, points, row } = moves.at(-1)!;
  points.push(point);
  const { step, learned, gold, kl, length } = point;
  rewards.add(step, [learned, gold]);
  distance.add(step, [kl]);
  const cells = [String(settings.beta), String(step), ...[kl, learned, gold].map(twoDigits)];
  row.replaceChildren(...tableRow([...cells, length.toFixed(0)]).cells);
  drawPaths();
}

export function clearMoves(): void {
  moves = [];
  table.replaceChildren();
  scroll.hidden = true;
  for (const plot of [rewards, distance, path]) plot.reset();
}

/** All curves share one axis, so that the values of all runs go in by their place on it. */
function drawPaths(): void {
  const [current, ...earlier] = moves.toReversed();
  const shown = [current!, ...earlier.slice(0, EARLIER)];
  const width = 2 * (1 + EARLIER);
  const values = shown.flatMap(({ points }, run) =>
    points.map(({ kl, learned, gold }) => {
      const row: (number | null)[] = Array(width).fill(null);
      [row[2 * run], row[2 * run + 1]] = [learned, gold];
      return { x: Math.sqrt(Math.max(0, kl)), row };
    }),
  );
  path.reset();
  for (const { x, row } of values.sort((a, b) => a.x - b.x)) path.add(x, row);
}

const twoDigits = (value: number) => value.toFixed(2);
