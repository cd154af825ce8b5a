// CartPole-v1: balance a pole on a cart by pushing left or right (Barto, Sutton & Anderson 1983; Gymnasium's equations).

import { type Box, box, discrete } from '../environment.ts';
import type { Dynamics } from '../simulate.ts';

const GRAVITY = 9.8; // m/s²
const CART = 1; // kg
const POLE = 0.1; // kg
const HALF_LENGTH = 0.5; // m
const FORCE = 10; // N
const STEP = 0.02; // s
const FAR = 2.4; // m
const TILTED = (12 * Math.PI) / 180;

/** Position, velocity, angle, angular velocity. */
export type CartPoleState = readonly [x: number, v: number, theta: number, omega: number];

export interface CartPoleOptions {
  /** Sees velocities too; default true. Without them one observation does not tell the state. */
  readonly velocities?: boolean;
}

/** Reward 1 per step, the last included. */
export function cartPole({
  velocities = true,
}: CartPoleOptions = {}): Dynamics<number[], Float64Array, number> {
  return {
    id: velocities ? 'CartPole-v1' : 'CartPoleNoVelocity-v1',
    observationSpace: observations(velocities),
    actionSpace: discrete(2),
    begin: (random) => Array.from({ length: 4 }, () => random.uniform(-0.05, 0.05)),
    next(state, action) {
      const next = motion(state as unknown as CartPoleState, action === 1 ? FORCE : -FORCE);
      const [x, , theta] = next;
      const fallen = Math.abs(x) > FAR || Math.abs(theta) > TILTED;
      return { state: [...next], reward: 1, terminated: fallen };
    },
    observe: (state) => Float64Array.from(velocities ? state : [state[0]!, state[2]!]),
    picture: (state) => {
      const [x, , theta] = state as unknown as CartPoleState;
      const tip = [
        x + 2 * HALF_LENGTH * Math.sin(theta),
        2 * HALF_LENGTH * Math.cos(theta),
      ] as const;
      const cart = [
        [x - 0.2, -0.12],
        [x + 0.2, -0.12],
        [x + 0.2, 0],
        [x - 0.2, 0],
      ] as const;
      return {
        kind: 'shapes',
        left: -FAR,
        right: FAR,
        bottom: -0.5,
        top: 1.3,
        shapes: [
          {
            kind: 'line',
            points: [
              [-FAR, -0.12],
              [FAR, -0.12],
            ],
            width: 0.01,
            role: 'ground',
          },
          { kind: 'polygon', points: cart, role: 'agent' },
          { kind: 'line', points: [[x, 0], tip], width: 0.06, role: 'part' },
        ],
      };
    },
  };
}

/** x' = x + τ v, with the acceleration of the state before (Euler's explicit rule). */
function motion([x, v, theta, omega]: CartPoleState, force: number): CartPoleState {
  const mass = CART + POLE;
  const [sin, cos] = [Math.sin(theta), Math.cos(theta)];
  const pull = (force + POLE * HALF_LENGTH * omega * omega * sin) / mass;
  const alpha = (GRAVITY * sin - cos * pull) / (HALF_LENGTH * (4 / 3 - (POLE * cos * cos) / mass));
  const a = pull - (POLE * HALF_LENGTH * alpha * cos) / mass;
  return [x + STEP * v, v + STEP * a, theta + STEP * omega, omega + STEP * alpha];
}

function observations(velocities: boolean): Box {
  const bounds = velocities ? [2 * FAR, Infinity, 2 * TILTED, Infinity] : [2 * FAR, 2 * TILTED];
  return box(
    [bounds.length],
    bounds.map((bound) => -bound),
    bounds,
  );
}
