// Asteroids on a ring of 7 x 7 cells, of our own. Rocks drift, each its own way, and their velocities are not seen: where a
// rock will be follows from two frames, not from one.
//
// In a step the ship stays, moves or fires, and every rock drifts by its velocity, one of the eight. A rock that comes to
// the ship ends the episode. A shot hits the first rock along its row or column, up to 3 cells away, where rocks have
// come to: +1, and another rock drifts in from the rim.

import { box, discrete } from '../environment.ts';
import type { Picture } from '../picture.ts';
import type { RandomSequence } from '../random.ts';
import type { Dynamics } from '../simulate.ts';

export const SIZE = 7;
/** Cells from the ship, which is always in the middle, to the rim. */
export const REACH = 3;
const CELLS = SIZE * SIZE;
const ROCKS = 5;

type Way = readonly [dx: number, dy: number];
export const FOUR_WAYS: readonly Way[] = [
  [0, -1],
  [0, 1],
  [-1, 0],
  [1, 0],
];
export const EIGHT_WAYS: readonly Way[] = [-1, 0, 1].flatMap((dx) =>
  [-1, 0, 1].flatMap((dy) => (dx === 0 && dy === 0 ? [] : [[dx, dy] as const])),
);

/** The ship's last move, then of each rock its place from the ship and its velocity. */
type Rock = readonly [x: number, y: number, dx: number, dy: number];

export const STAY = 0;
/** 1 to 4: the ship's move; 5 to 8: a shot. */
export const moveOf = (action: number): Way => FOUR_WAYS[action - 1] ?? [0, 0];
export const shotOf = (action: number): Way | undefined => FOUR_WAYS[action - 5];

/** Sees [2, 7, 7]: rocks, and the cell that the ship came from. */
export function asteroids(): Dynamics<number[], Float64Array, number> {
  return {
    id: 'Asteroids7x7-v0',
    observationSpace: box([2, SIZE, SIZE], 0, 1),
    actionSpace: discrete(1 + 2 * FOUR_WAYS.length),
    begin: (random) => [0, 0, ...Array.from({ length: ROCKS }, () => newRock(random)).flat()],
    next(state, action, random) {
      const move = moveOf(action);
      const rocks = rocksOf(state).map((rock) => drift(rock, move));
      if (rocks.some(([x, y]) => x === 0 && y === 0))
        return { state: [...move, ...rocks.flat()], reward: 0, terminated: true };
      const hit = firstHit(rocks, shotOf(action));
      if (hit !== null) rocks[hit] = newRock(random);
      return {
        state: [...move, ...rocks.flat()],
        reward: Number(hit !== null),
        terminated: false,
      };
    },
    observe(state) {
      const [dx, dy] = state as unknown as Way;
      const seen = new Float64Array(2 * CELLS);
      for (const [x, y] of rocksOf(state)) seen[cellAt(x, y)] = 1;
      seen[CELLS + cellAt(-dx, -dy)] = 1;
      return seen;
    },
    picture: draw,
  };
}

/** From the ship: x to the right, y downwards, both from -3 to 3. */
export const cellAt = (x: number, y: number): number => (wrap(y) + REACH) * SIZE + wrap(x) + REACH;

const wrap = (x: number): number => ((((x + REACH) % SIZE) + SIZE) % SIZE) - REACH;

const rocksOf = (state: readonly number[]): Rock[] =>
  Array.from({ length: ROCKS }, (_, i) => state.slice(2 + 4 * i, 6 + 4 * i) as unknown as Rock);

/** Seen from the ship, which moves too. */
const drift = ([x, y, dx, dy]: Rock, [moveX, moveY]: Way): Rock => [
  wrap(x + dx - moveX),
  wrap(y + dy - moveY),
  dx,
  dy,
];

/** On the rim, with any velocity. */
function newRock(random: RandomSequence): Rock {
  const along = random.integer(SIZE) - REACH;
  const [x, y] = random.integer(2) === 0 ? [REACH, along] : [along, REACH];
  const [dx, dy] = EIGHT_WAYS[random.integer(EIGHT_WAYS.length)]!;
  return [x, y, dx, dy];
}

/** The nearest rock in the line of the shot. */
function firstHit(rocks: readonly Rock[], shot: Way | undefined): number | null {
  if (!shot) return null;
  for (let distance = 1; distance <= REACH; distance++) {
    const cell = cellAt(distance * shot[0], distance * shot[1]);
    const hit = rocks.findIndex(([x, y]) => cellAt(x, y) === cell);
    if (hit >= 0) return hit;
  }
  return null;
}

function draw(state: readonly number[]): Picture {
  const lines = Array.from({ length: SIZE }, () => new Array<string>(SIZE).fill('.'));
  for (const [x, y] of rocksOf(state)) lines[y + REACH]![x + REACH] = 'o';
  lines[REACH]![REACH] = 'A';
  return { kind: 'text', lines: lines.map((line) => line.join(' ')) };
}
