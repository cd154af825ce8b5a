// FrozenLake-v1: cross a lake on the ice, around its holes (Gymnasium's maps and rules). Slippery ice moves the agent
// where it wants in one of three cases, else to one of the two sides.

import { certain, type FiniteDynamics, finiteDynamics } from '../finite.ts';
import { cellsOf, type Direction, gridPicture, neighbour, parseGrid } from './grid.ts';

const MAPS = {
  '4x4': ['SFFF', 'FHFH', 'FFFH', 'HFFG'],
  '8x8': [
    'SFFFFFFF',
    'FFFFFFFF',
    'FFFHFFFF',
    'FFFFFHFF',
    'FFFHFFFF',
    'FHHFFFHF',
    'FHFFHFHF',
    'FFFHFFFG',
  ],
};

/** In a circle: the sides of an action are its neighbours. */
const ACTIONS: readonly Direction[] = ['left', 'down', 'right', 'up'];

export interface FrozenLakeOptions {
  /** Gymnasium's two maps, or lines of S (start), F (ice), H (hole), G (goal). Default '4x4'. */
  readonly map?: keyof typeof MAPS | readonly string[];
  /** Default true. */
  readonly slippery?: boolean;
}

/** Actions left, down, right, up. Reward 1 at the goal; holes and the goal end the episode. */
export function frozenLake({
  map = '4x4',
  slippery = true,
}: FrozenLakeOptions = {}): FiniteDynamics {
  const id = map === '8x8' ? 'FrozenLake8x8-v1' : 'FrozenLake-v1';
  const grid = parseGrid(id, typeof map === 'string' ? MAPS[map] : map, 'SFHG');
  const isEnd = (cell: number) => 'HG'.includes(grid.cells[cell]!);
  const move = (cell: number, direction: Direction, probability: number) => {
    const state = neighbour(grid, cell, direction);
    const reward = grid.cells[state] === 'G' ? 1 : 0;
    return { probability, state, reward, terminated: isEnd(state) };
  };
  return finiteDynamics({
    id,
    states: grid.cells.length,
    actions: ACTIONS.length,
    starts: cellsOf(grid, 'S'),
    outcomes(cell, action) {
      if (isEnd(cell)) return certain(cell, 0, true);
      if (!slippery) return [move(cell, ACTIONS[action]!, 1)];
      return [action + 3, action, action + 1].map((i) => move(cell, ACTIONS[i % 4]!, 1 / 3));
    },
    picture: (cell) => gridPicture(grid, cell),
  });
}
