// Taxi-v3: fetch a passenger and take them where they want to go (Dietterich 2000; Gymnasium's numbering).
//
//   state = ((row * 5 + column) * 5 + passenger) * 4 + destination        passenger: at stop 0 ... 3, or 4 in the taxi

import { certain, type FiniteDynamics, finiteDynamics } from '../finite.ts';
import type { TextPicture } from '../picture.ts';
import { type Direction, type Grid, neighbour } from './grid.ts';

const TOWN: Grid = { rows: 5, columns: 5, cells: 'R...G...............Y..B.' };
const STOPS = [...'RGYB'].map((stop) => TOWN.cells.indexOf(stop));
const RIDING = 4;
/** Cells with a wall on their right. */
const WALLED = [1, 6, 15, 17, 20, 22];
const DIRECTIONS: readonly Direction[] = ['down', 'up', 'right', 'left'];
const [PICK_UP, DROP_OFF] = [4, 5];

interface Fare {
  readonly cell: number;
  readonly passenger: number;
  readonly destination: number;
}

const numberOf = ({ cell, passenger, destination }: Fare) =>
  (cell * 5 + passenger) * 4 + destination;

const fareOf = (state: number): Fare => ({
  cell: Math.floor(state / 20),
  passenger: Math.floor(state / 4) % 5,
  destination: state % 4,
});

const delivered = ({ passenger, destination }: Fare) => passenger === destination;

/** Actions down, up, right, left, pick up, drop off. Reward -1 per step, 20 for the delivery, -10 for what cannot be. */
export function taxi(): FiniteDynamics {
  const states = TOWN.cells.length * 20;
  return finiteDynamics({
    id: 'Taxi-v3',
    states,
    actions: 6,
    starts: Array.from({ length: states }, (_, state) => state).filter((state) => {
      const fare = fareOf(state);
      return fare.passenger !== RIDING && !delivered(fare);
    }),
    outcomes(state, action) {
      const fare = fareOf(state);
      if (delivered(fare)) return certain(state, 0, true);
      if (action === PICK_UP) return pickUp(fare);
      if (action === DROP_OFF) return dropOff(fare);
      return certain(numberOf({ ...fare, cell: drive(fare.cell, DIRECTIONS[action]!) }), -1);
    },
    picture: (state) => picture(fareOf(state)),
  });
}

function drive(cell: number, direction: Direction): number {
  const to = neighbour(TOWN, cell, direction);
  const sideways = direction === 'left' || direction === 'right';
  return sideways && WALLED.includes(Math.min(cell, to)) ? cell : to;
}

function pickUp(fare: Fare) {
  return STOPS[fare.passenger] === fare.cell
    ? certain(numberOf({ ...fare, passenger: RIDING }), -1)
    : certain(numberOf(fare), -10);
}

/** At any stop: another than the destination lets the passenger wait there. */
function dropOff(fare: Fare) {
  const stop = STOPS.indexOf(fare.cell);
  if (fare.passenger !== RIDING || stop < 0) return certain(numberOf(fare), -10);
  const there = { ...fare, passenger: stop };
  return certain(numberOf(there), delivered(there) ? 20 : -1, delivered(there));
}

/** Brackets: the taxi, and who is in it; a small letter waits, `>` stands before the destination. */
function picture({ cell, passenger, destination }: Fare): TextPicture {
  const lines = Array.from({ length: TOWN.rows }, (_, row) => {
    let line = '';
    for (let i = row * TOWN.columns; i < (row + 1) * TOWN.columns; i++) {
      const letter = STOPS[passenger] === i ? TOWN.cells[i]!.toLowerCase() : TOWN.cells[i]!;
      const shown = `${STOPS[destination] === i ? '>' : ' '}${letter}`;
      line += (cell === i ? `[${shown}]` : ` ${shown} `) + (WALLED.includes(i) ? '|' : ' ');
    }
    return line;
  });
  const where = passenger === RIDING ? 'in the taxi' : `waits at ${'RGYB'[passenger]}`;
  return {
    kind: 'text',
    lines: [...lines, `passenger: ${where}, to ${'RGYB'[destination]}`],
  };
}
