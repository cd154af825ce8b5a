// Cooling a data centre: servers heat a room, a fan cools it, and its power grows with the cube of its speed.
//
//   T' = T + a (outside - T) + h load - c fan           r = -(fan³ + w (T' - 24)²)
//
// Load and weather stay for an episode. Held at a speed, the room settles at T_s = outside + (h load - c fan) / a, and
// the best speed to hold is where 3 fan² = 2 w (c / a) (T_s - 24): a little warmer than 24, for cooling costs.

import { box } from '../environment.ts';
import type { ScriptedPolicy } from '../experts.ts';
import type { Dynamics } from '../simulate.ts';
import { clamp } from './limits.ts';

const TARGET = 24; // °C
const LEAK = 0.05; // a, of the difference to outside, per step
const HEAT = 1; // h, °C per step at full load
const COOLING = 1.5; // c, °C per step at full speed
const DISCOMFORT = 0.05; // w, per °C²
const OUTSIDE = [15, 30] as const; // °C
const LOAD = [0.5, 1] as const; // of the servers
const START = [20, 30] as const; // °C
const COLDEST = OUTSIDE[0] - (COOLING - HEAT * LOAD[0]) / LEAK; // where the room settles at full speed
const HOTTEST = OUTSIDE[1] + (HEAT * LOAD[1]) / LEAK;

/** Sees the room's temperature, that outside, and the load; the action is the fan's speed from 0 to 1. */
export function cooling(): Dynamics<number[], Float64Array, Float64Array> {
  return {
    id: 'Cooling-v0',
    observationSpace: box([3], [COLDEST, OUTSIDE[0], LOAD[0]], [HOTTEST, OUTSIDE[1], LOAD[1]]),
    actionSpace: box([1], 0, 1),
    begin: (random) => [
      random.uniform(...START),
      random.uniform(...OUTSIDE),
      random.uniform(...LOAD),
    ],
    next([room, outside, load], [action]) {
      const fan = clamp(action!, 0, 1);
      const after = room! + LEAK * (outside! - room!) + HEAT * load! - COOLING * fan;
      const reward = -(fan ** 3 + DISCOMFORT * (after - TARGET) ** 2);
      return { state: [after, outside!, load!], reward, terminated: false };
    },
    observe: (state) => Float64Array.from(state),
    picture: ([room, outside, load]) => ({
      kind: 'text',
      lines: [
        `room     ${room!.toFixed(1)} °C, best ${TARGET} °C`,
        `outside  ${outside!.toFixed(1)} °C`,
        `load     ${(100 * load!).toFixed(0)} %`,
      ],
    }),
  };
}

/** The best speed to hold: 3 fan² = 2 w (c / a) (excess - (c / a) fan), excess over 24 °C with the fan off. */
export function bestFanSpeed(outside: number, load: number): number {
  const gain = COOLING / LEAK;
  const excess = outside + (HEAT * load) / LEAK - TARGET;
  const linear = 2 * DISCOMFORT * gain ** 2;
  return (-linear + Math.sqrt(linear ** 2 + 12 * 2 * DISCOMFORT * gain * excess)) / 6;
}

/** Holds the best speed, whatever the room's temperature is now. */
export const coolingExpert: () => ScriptedPolicy = () => (seen) => {
  const [, outside, load] = seen as Float64Array;
  return Float64Array.of(bestFanSpeed(outside!, load!));
};
