// Pendulum-v1: swing a pendulum up with a torque too weak to lift it, and hold it there (Gymnasium's equations).

import { box } from '../environment.ts';
import type { Picture } from '../picture.ts';
import type { Dynamics } from '../simulate.ts';
import { clamp, wrapAngle } from './limits.ts';

const GRAVITY = 10; // m/s²
const MASS = 1; // kg, of a rod
const LENGTH = 1; // m
const STEP = 0.05; // s
const TORQUE = 2; // N m
const SPEED = 8; // rad/s

/** Angle from upright, not wrapped, and angular velocity. */
export type PendulumState = readonly [theta: number, omega: number];

export interface PendulumOptions {
  /** Sees the angular velocity too; default true. Without it one observation does not tell the state. */
  readonly velocities?: boolean;
}

/** Never ends by itself. Sees cos θ, sin θ, ω; reward -(θ² + 0.1 ω² + 0.001 u²) of the state before, θ in [-π, π). */
export function pendulum({
  velocities = true,
}: PendulumOptions = {}): Dynamics<number[], Float64Array, Float64Array> {
  const bounds = velocities ? [1, 1, SPEED] : [1, 1];
  return {
    id: velocities ? 'Pendulum-v1' : 'PendulumNoVelocity-v1',
    observationSpace: box(
      [bounds.length],
      bounds.map((bound) => -bound),
      bounds,
    ),
    actionSpace: box([1], -TORQUE, TORQUE),
    begin: (random) => [random.uniform(-Math.PI, Math.PI), random.uniform(-1, 1)],
    next([theta, omega], [action]) {
      const torque = clamp(action!, -TORQUE, TORQUE);
      const reward = -(wrapAngle(theta!) ** 2 + 0.1 * omega! ** 2 + 0.001 * torque ** 2);
      return { state: [...motion([theta!, omega!], torque)], reward, terminated: false };
    },
    observe([theta, omega]) {
      const seen = [Math.cos(theta!), Math.sin(theta!)];
      return Float64Array.from(velocities ? [...seen, omega!] : seen);
    },
    picture: ([theta]) => draw(theta!),
  };
}

/** ω' = ω + τ (3g/2l sin θ + 3/ml² u), θ' = θ + τ ω'. */
function motion([theta, omega]: PendulumState, torque: number): PendulumState {
  const alpha =
    ((3 * GRAVITY) / (2 * LENGTH)) * Math.sin(theta) + (3 / (MASS * LENGTH ** 2)) * torque;
  const faster = clamp(omega + STEP * alpha, -SPEED, SPEED);
  return [theta + STEP * faster, faster];
}

function draw(theta: number): Picture {
  const tip = [LENGTH * Math.sin(theta), LENGTH * Math.cos(theta)] as const;
  return {
    kind: 'shapes',
    left: -1.2,
    right: 1.2,
    bottom: -1.2,
    top: 1.2,
    shapes: [
      { kind: 'line', points: [[0, 0], tip], width: 0.12, role: 'agent' },
      { kind: 'circle', centre: [0, 0], radius: 0.04, role: 'ground' },
    ],
  };
}
