// CliffWalking-v1: along the edge of a cliff to the other side (Sutton & Barto, example 6.6; Gymnasium's numbering).

import { certain, type FiniteDynamics, finiteDynamics } from '../finite.ts';
import { cellsOf, type Direction, gridPicture, neighbour, parseGrid } from './grid.ts';

const MAP = ['............', '............', '............', 'SCCCCCCCCCCG'];
const ACTIONS: readonly Direction[] = ['up', 'right', 'down', 'left'];

/** Actions up, right, down, left. Reward -1 per step; -100 and back to the start for one over the cliff. */
export function cliffWalking(): FiniteDynamics {
  const id = 'CliffWalking-v1';
  const grid = parseGrid(id, MAP, '.SCG');
  const starts = cellsOf(grid, 'S');
  return finiteDynamics({
    id,
    states: grid.cells.length,
    actions: ACTIONS.length,
    starts,
    outcomes(cell, action) {
      if (grid.cells[cell] === 'G') return certain(cell, 0, true);
      const to = neighbour(grid, cell, ACTIONS[action]!);
      return grid.cells[to] === 'C'
        ? certain(starts[0]!, -100)
        : certain(to, -1, grid.cells[to] === 'G');
    },
    picture: (cell) => gridPicture(grid, cell),
  });
}
