// Plays Asteroids by where each rock may be after the next step.

import type { ScriptedPolicy } from '../experts.ts';
import { cellAt, EIGHT_WAYS, FOUR_WAYS, moveOf, REACH, SIZE, shotOf } from './asteroids.ts';

/** Of a crash, in hits. */
const DREAD = 20;

/**
 * Remembers the frame before, and so knows how most rocks drift; without memory every rock may drift any way.
 * Takes the action with the most P(hit) - 20 P(crash), rocks taken one by one.
 */
export function asteroidsExpert({ memory = true } = {}): ScriptedPolicy {
  let before: Float64Array | null = null;
  return (observation) => {
    const seen = observation as Float64Array;
    const rocks = places(seen).map(([x, y]) => {
      const known = before
        ? EIGHT_WAYS.filter(([dx, dy]) => wasThere(before!, seen, x - dx, y - dy))
        : [];
      return { x, y, ways: known.length > 0 ? known : EIGHT_WAYS };
    });
    if (memory) before = seen;

    /** The chance that none of the rocks comes to any of these cells. */
    const free = (cells: readonly number[], [moveX, moveY]: readonly [number, number]) =>
      rocks.reduce((chance, { x, y, ways }) => {
        const there = ways.filter(([dx, dy]) =>
          cells.includes(cellAt(x + dx - moveX, y + dy - moveY)),
        );
        return chance * (1 - there.length / ways.length);
      }, 1);

    let [best, most] = [0, -Infinity];
    for (let action = 0; action <= 2 * FOUR_WAYS.length; action++) {
      const move = moveOf(action);
      const shot = shotOf(action);
      const line = shot
        ? Array.from({ length: REACH }, (_, i) => cellAt((i + 1) * shot[0], (i + 1) * shot[1]))
        : [];
      const score = 1 - free(line, move) - DREAD * (1 - free([cellAt(0, 0)], move));
      if (score > most) [best, most] = [action, score];
    }
    return best;
  };
}

/** Of the rocks in a frame, from the ship. */
function places(seen: Float64Array): [x: number, y: number][] {
  const cells = Array.from({ length: SIZE * SIZE }, (_, cell) => cell).filter(
    (cell) => seen[cell] === 1,
  );
  return cells.map((cell) => [(cell % SIZE) - REACH, Math.floor(cell / SIZE) - REACH]);
}

/** Whether the frame before has a rock at a place that is told from where the ship is now. */
function wasThere(before: Float64Array, seen: Float64Array, x: number, y: number): boolean {
  const wake = seen.indexOf(1, SIZE * SIZE) - SIZE * SIZE; // the ship then, from where it is now
  const [shipX, shipY] = [(wake % SIZE) - REACH, Math.floor(wake / SIZE) - REACH];
  return before[cellAt(x - shipX, y - shipY)] === 1;
}
