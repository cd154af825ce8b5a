// Grid worlds from a text map. `#` blocks the way, `*` is the star, which ends the episode, `S` is a start, `.` is free.
//
//   star    r = 1 if s' is the star, else 0         V* = γ^(d - 1), d steps away
//   maze    r = -1 per step, until out              V* = -d with γ = 1

import { ConfigError } from '../../errors.ts';
import { certain, type FiniteDynamics, finiteDynamics } from '../finite.ts';
import { RandomSequence } from '../random.ts';
import { cellsOf, type Direction, type Grid, gridPicture, neighbour, parseGrid } from './grid.ts';

const ACTIONS: readonly Direction[] = ['up', 'down', 'left', 'right'];

/** The one that comes along: blockers, two ways round, a dead end. */
export const GRID_WORLD_MAP = ['S..#..', '.#....', '.#.##.', '...#*.', '.#....'];

export interface GridWorldOptions {
  /** Lines of `.`, `#`, `S` and `*`. Without an S, any free cell is a start. */
  readonly map?: readonly string[];
  /** 'star': 1 at the star. 'maze': -1 per step. Default 'star'. */
  readonly reward?: 'star' | 'maze';
}

/** The map, and the cells to start in. @throws ConfigError for a map that cannot be read */
export function readWorld(id: string, map: readonly string[]): { grid: Grid; starts: number[] } {
  const grid = parseGrid(id, map, '.#S*');
  const marked = cellsOf(grid, 'S');
  const starts = marked.length > 0 ? marked : cellsOf(grid, '.');
  if (starts.length === 0) throw new ConfigError(`${id}: the map has no cell to start in`);
  return { grid, starts };
}

/** Actions up, down, left, right; one that is blocked stays. @throws ConfigError for a map that cannot be read */
export function gridWorld({
  map = GRID_WORLD_MAP,
  reward = 'star',
}: GridWorldOptions = {}): FiniteDynamics {
  const id = reward === 'star' ? 'GridWorld-v0' : 'Maze-v0';
  const { grid, starts } = readWorld(id, map);
  const isStar = (cell: number) => grid.cells[cell] === '*';
  const isBlocked = (cell: number) => grid.cells[cell] === '#';
  const rewardAt = (cell: number) => (reward === 'maze' ? -1 : Number(isStar(cell)));
  return finiteDynamics({
    id,
    states: grid.cells.length,
    actions: ACTIONS.length,
    starts,
    outcomes(cell, action) {
      // Nothing leads into a blocked cell: as a state it is an end of its own.
      if (isStar(cell) || isBlocked(cell)) return certain(cell, 0, true);
      const ahead = neighbour(grid, cell, ACTIONS[action]!);
      const to = isBlocked(ahead) ? cell : ahead;
      return certain(to, rewardAt(to), isStar(to));
    },
    picture: (cell) => gridPicture(grid, cell),
  });
}

export interface RandomMazeOptions {
  readonly seed: number;
  /** Rooms down and across; walls stand between and around them. */
  readonly rows: number;
  readonly columns: number;
  /** Walls taken down besides those that the maze needs open, as a share of what stands between rooms. Default 0. */
  readonly open?: number;
}

/**
 * A map with one way between any two rooms (more where `open` is above 0), its start top left and its star bottom right.
 * Walls fall on a walk that goes on to rooms not seen before, and turns back where there is none.
 */
export function randomMaze({ seed, rows, columns, open = 0 }: RandomMazeOptions): string[] {
  if (!(Number.isInteger(rows) && Number.isInteger(columns) && rows >= 1 && columns >= 2))
    throw new ConfigError(
      `randomMaze: ${rows} x ${columns} rooms; expected at least 1 row and 2 columns`,
    );
  const random = new RandomSequence({ seed });
  const rooms = { rows, columns, cells: '.'.repeat(rows * columns) };
  const width = 2 * columns + 1;
  const map = Array.from({ length: (2 * rows + 1) * width }, () => '#');
  const at = (room: number) =>
    (2 * Math.floor(room / columns) + 1) * width + 2 * (room % columns) + 1;
  const between = (a: number, b: number) => (at(a) + at(b)) / 2;

  const seen = new Set([0]);
  const way = [0];
  while (way.length > 0) {
    const here = way.at(-1)!;
    map[at(here)] = '.';
    const onwards = ACTIONS.map((direction) => neighbour(rooms, here, direction)).filter(
      (room) => !seen.has(room),
    );
    if (onwards.length === 0) {
      way.pop();
      continue;
    }
    const next = onwards[random.integer(onwards.length)]!;
    map[between(here, next)] = '.';
    seen.add(next);
    way.push(next);
  }
  for (let room = 0; room < rows * columns; room++) {
    for (const direction of ['right', 'down'] as const) {
      const next = neighbour(rooms, room, direction);
      if (next !== room && random.uniform() < open) map[between(room, next)] = '.';
    }
  }
  map[at(0)] = 'S';
  map[at(rows * columns - 1)] = '*';
  return Array.from({ length: 2 * rows + 1 }, (_, row) =>
    map.slice(row * width, (row + 1) * width).join(''),
  );
}

/** That of Maze-v0. */
export const MAZE_MAP = randomMaze({ seed: 2, rows: 5, columns: 5 });
