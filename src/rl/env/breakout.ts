// Breakout on 10 x 10 cells, of our own: a ball, a paddle of one cell, a wall of 30 bricks. After the game of MinAtar
// (Young & Tian 2019), from its rules alone.
//
// The ball moves diagonally, one cell per step. Side walls and the ceiling turn it; a brick that it would enter is gone,
// +1, and the ball stays for that step and turns. At the bottom the paddle returns it: under the ball, onwards; where it
// was heading, back to where it came from. Else the episode is over. Who clears the wall faces a new one.

import { box, discrete } from '../environment.ts';
import type { ScriptedPolicy } from '../experts.ts';
import type { Picture } from '../picture.ts';
import type { Dynamics } from '../simulate.ts';
import { clamp } from './limits.ts';

const SIZE = 10;
const LAST = SIZE - 1;
const CELLS = SIZE * SIZE;
/** Of the bricks. */
const [FIRST_ROW, ROWS] = [1, 3];
const BRICKS = ROWS * SIZE;
const START_ROW = FIRST_ROW + ROWS;
const START = 4; // of the paddle

/** Ball, its direction, paddle. After these a 1 per brick, row by row. */
type Ball = readonly [x: number, y: number, dx: number, dy: number, paddle: number];
const WALL = 5;

/** Sees [4, 10, 10]: paddle, ball, where the ball comes from, bricks. Actions: stay, left, right. */
export function breakout(): Dynamics<number[], Float64Array, number> {
  return {
    id: 'Breakout10x10-v0',
    observationSpace: box([4, SIZE, SIZE], 0, 1),
    actionSpace: discrete(3),
    begin(random) {
      const [right, inset] = [random.integer(2), random.integer(3)]; // from a side, inwards
      const x = right ? LAST - inset : inset;
      return [x, START_ROW, right ? -1 : 1, 1, START, ...new Array<number>(BRICKS).fill(1)];
    },
    next(state, action) {
      const [x, y, dx, dy, from] = state as unknown as Ball;
      const paddle = clamp(from + [0, -1, 1][action]!, 0, LAST);
      const bricks = state.slice(WALL);
      const ahead = flight({ x, y, dx, dy });
      const turned = { ...ahead, x, y, dy: -ahead.dy };
      const then = (ball: Flight, reward = 0) => ({
        state: [ball.x, ball.y, ball.dx, ball.dy, paddle, ...bricks],
        reward,
        terminated: ball.y === LAST,
      });
      const brick = brickAt(ahead);
      if (brick !== null && bricks[brick] === 1) {
        bricks[brick] = 0;
        return then(turned, 1);
      }
      if (ahead.y < LAST) return then(ahead);
      if (!bricks.includes(1)) bricks.fill(1);
      if (paddle === x) return then(turned);
      if (paddle === ahead.x) return then({ ...turned, dx: -ahead.dx });
      return then(ahead);
    },
    observe(state) {
      const [x, y, dx, dy, paddle] = state as unknown as Ball;
      const seen = new Float64Array(4 * CELLS);
      seen[LAST * SIZE + paddle] = 1;
      seen[CELLS + y * SIZE + x] = 1;
      seen[2 * CELLS + clamp(y - dy, 0, LAST) * SIZE + clamp(x - dx, 0, LAST)] = 1;
      seen.set(state.slice(WALL), 3 * CELLS + FIRST_ROW * SIZE);
      return seen;
    },
    picture: draw,
  };
}

interface Flight {
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
}

/** One step, of walls and ceiling alone. */
function flight({ x, y, dx, dy }: Flight): Flight {
  const inside = x + dx >= 0 && x + dx <= LAST;
  const below = y + dy >= 0;
  return {
    x: inside ? x + dx : x,
    y: below ? y + dy : y,
    dx: inside ? dx : -dx,
    dy: below ? dy : -dy,
  };
}

function brickAt({ x, y }: Flight): number | null {
  const row = y - FIRST_ROW;
  return row >= 0 && row < ROWS ? row * SIZE + x : null;
}

function draw(state: readonly number[]): Picture {
  const [x, y, , , paddle] = state as unknown as Ball;
  const lines = Array.from({ length: SIZE }, () => new Array<string>(SIZE).fill('.'));
  for (let i = 0; i < BRICKS; i++)
    if (state[WALL + i] === 1) lines[FIRST_ROW + Math.floor(i / SIZE)]![i % SIZE] = '#';
  lines[LAST]![paddle] = '=';
  lines[y]![x] = 'o';
  return { kind: 'text', lines: lines.map((line) => line.join('')) };
}

/** Goes under the ball where it comes down, bricks aside. */
export function breakoutExpert(): ScriptedPolicy {
  const cell = (seen: Float64Array, channel: number) => {
    const at = seen.indexOf(1, channel * CELLS) - channel * CELLS;
    return { x: at % SIZE, y: Math.floor(at / SIZE) };
  };
  return (observation) => {
    const seen = observation as Float64Array;
    const [paddle, ball, from] = [cell(seen, 0), cell(seen, 1), cell(seen, 2)];
    const dx = ball.x - from.x || (ball.x === 0 ? 1 : -1); // against a wall it goes inwards
    const dy = ball.y - from.y || 1;
    let at: Flight = { ...ball, dx, dy };
    while (dy > 0 && at.y < LAST - 1) at = flight(at);
    if (at.x === paddle.x) return 0;
    return at.x < paddle.x ? 1 : 2;
  };
}
