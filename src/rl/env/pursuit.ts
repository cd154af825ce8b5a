// Pursuit on a grid: catch an evader that runs as far as it can, and stumbles half of the time; if it never did,
// it would run around the blocks for ever.
//
// The pursuer moves first. Then the evader rests with probability 1/2; else it goes to the cell, its own included, that is
// farthest from the pursuer by walking, each of several as likely. Reward -1 per step until it is caught.

import type { ScriptedPolicy } from '../experts.ts';
import { certain, type FiniteDynamics, finiteDynamics, type Outcome } from '../finite.ts';
import { cellsOf, type Direction, neighbour, parseGrid } from './grid.ts';

const ACTIONS: readonly Direction[] = ['up', 'down', 'left', 'right'];
const STUMBLE = 0.5;
/** At the start, in steps. */
const FAR = 4;

const GRID = parseGrid('Pursuit-v0', ['.....', '.#.#.', '.....', '.#.#.', '.....'], '.#');
/** The free ones: pursuer and evader are numbered by them. */
const CELLS = cellsOf(GRID, '.');
const COUNT = CELLS.length;

/** The cell that way, or the same where something is in the way. */
const moved = (cell: number, direction: Direction): number => {
  const to = CELLS.indexOf(neighbour(GRID, CELLS[cell]!, direction));
  return to < 0 ? cell : to;
};

/** Steps from any cell to any other. */
const DISTANCES = CELLS.map((_, from) => {
  const steps = new Array<number>(COUNT).fill(Infinity);
  steps[from] = 0;
  for (let front = [from]; front.length > 0; ) {
    const reached = front.flatMap((cell) => ACTIONS.map((action) => [cell, moved(cell, action)]));
    front = [];
    for (const [cell, to] of reached) {
      if (steps[to!] !== Infinity) continue;
      steps[to!] = steps[cell!]! + 1;
      front.push(to!);
    }
  }
  return steps;
});

const stateOf = (pursuer: number, evader: number): number => pursuer * COUNT + evader;
const placesOf = (state: number) => ({
  pursuer: Math.floor(state / COUNT),
  evader: state % COUNT,
});

/** Sees both places, as one number. Actions up, down, left, right. */
export function pursuit(): FiniteDynamics {
  const states = Array.from({ length: COUNT ** 2 }, (_, state) => state);
  const apart = (state: number) => {
    const { pursuer, evader } = placesOf(state);
    return DISTANCES[pursuer]![evader]!;
  };
  return finiteDynamics({
    id: 'Pursuit-v0',
    states: states.length,
    actions: ACTIONS.length,
    starts: states.filter((state) => apart(state) >= FAR),
    outcomes(state, action) {
      if (apart(state) === 0) return certain(state, 0, true);
      const { pursuer, evader } = placesOf(state);
      return chase(moved(pursuer, ACTIONS[action]!), evader);
    },
    picture(state) {
      const { pursuer, evader } = placesOf(state);
      const cells = [...GRID.cells];
      cells[CELLS[evader]!] = 'E';
      cells[CELLS[pursuer]!] = 'P';
      const row = (i: number) => cells.slice(i * GRID.columns, (i + 1) * GRID.columns).join(' ');
      return { kind: 'text', lines: Array.from({ length: GRID.rows }, (_, i) => row(i)) };
    },
  });
}

/** What may follow once the pursuer has moved. */
function chase(pursuer: number, evader: number): readonly Outcome[] {
  if (pursuer === evader) return certain(stateOf(pursuer, evader), -1, true);
  const within = [...new Set([evader, ...ACTIONS.map((action) => moved(evader, action))])];
  const farthest = Math.max(...within.map((cell) => DISTANCES[pursuer]![cell]!));
  const chosen = within.filter((cell) => DISTANCES[pursuer]![cell] === farthest);
  return within
    .map((cell) => ({
      probability:
        (chosen.includes(cell) ? (1 - STUMBLE) / chosen.length : 0) +
        (cell === evader ? STUMBLE : 0),
      state: stateOf(pursuer, cell),
      reward: -1,
      terminated: false,
    }))
    .filter(({ probability }) => probability > 0);
}

/** Steps nearer by the shortest way. */
export const pursuitExpert: () => ScriptedPolicy = () => (state) => {
  const { pursuer, evader } = placesOf(state as number);
  const after = ACTIONS.map((action) => DISTANCES[moved(pursuer, action)]![evader]!);
  return after.indexOf(Math.min(...after));
};
