// Acrobot-v1: two links, a torque at the joint between them; swing the tip above the bar (Sutton 1996; Gymnasium's
// equations, those of Sutton & Barto's book).

import { box, discrete } from '../environment.ts';
import type { Picture } from '../picture.ts';
import type { Dynamics } from '../simulate.ts';
import { clamp, wrapAngle } from './limits.ts';

const GRAVITY = 9.8; // m/s²
const MASS = 1; // kg, of each link
const LENGTH = 1; // m, of each link
const CENTRE = 0.5; // m, of a link's mass from its joint
const INERTIA = 1; // kg m², of each link
const STEP = 0.2; // s
const SPEEDS = [4 * Math.PI, 9 * Math.PI] as const;

/** Angle of the first link from hanging, of the second from the first, and their velocities. */
export type AcrobotState = readonly [
  theta1: number,
  theta2: number,
  omega1: number,
  omega2: number,
];

/** Sees cos and sin of both angles, and the velocities; torque -1, 0 or 1. Reward -1 per step, 0 for the last. */
export function acrobot(): Dynamics<number[], Float64Array, number> {
  const bounds = [1, 1, 1, 1, ...SPEEDS];
  return {
    id: 'Acrobot-v1',
    observationSpace: box(
      [6],
      bounds.map((bound) => -bound),
      bounds,
    ),
    actionSpace: discrete(3),
    begin: (random) => Array.from({ length: 4 }, () => random.uniform(-0.1, 0.1)),
    next(state, action) {
      const next = limited(rungeKutta(state as unknown as AcrobotState, action - 1));
      const terminated = -Math.cos(next[0]) - Math.cos(next[0] + next[1]) > 1;
      return { state: [...next], reward: terminated ? 0 : -1, terminated };
    },
    observe: ([theta1, theta2, omega1, omega2]) =>
      Float64Array.of(
        Math.cos(theta1!),
        Math.sin(theta1!),
        Math.cos(theta2!),
        Math.sin(theta2!),
        omega1!,
        omega2!,
      ),
    picture: ([theta1, theta2]) => draw(theta1!, theta2!),
  };
}

/** ds/dt of the two links under a torque at their joint. */
function derivative([theta1, theta2, omega1, omega2]: AcrobotState, torque: number): AcrobotState {
  const [sin, cos] = [Math.sin(theta2), Math.cos(theta2)];
  const pull = MASS * LENGTH * CENTRE;
  const d1 =
    MASS * CENTRE ** 2 +
    MASS * (LENGTH ** 2 + CENTRE ** 2 + 2 * LENGTH * CENTRE * cos) +
    2 * INERTIA;
  const d2 = MASS * (CENTRE ** 2 + LENGTH * CENTRE * cos) + INERTIA;
  const phi2 = MASS * CENTRE * GRAVITY * Math.cos(theta1 + theta2 - Math.PI / 2);
  const phi1 =
    -pull * omega2 ** 2 * sin -
    2 * pull * omega2 * omega1 * sin +
    (MASS * CENTRE + MASS * LENGTH) * GRAVITY * Math.cos(theta1 - Math.PI / 2) +
    phi2;
  const alpha2 =
    (torque + (d2 / d1) * phi1 - pull * omega1 ** 2 * sin - phi2) /
    (MASS * CENTRE ** 2 + INERTIA - d2 ** 2 / d1);
  const alpha1 = -(d2 * alpha2 + phi1) / d1;
  return [omega1, omega2, alpha1, alpha2];
}

/** One step of the classical fourth-order rule. */
function rungeKutta(state: AcrobotState, torque: number): AcrobotState {
  const k1 = derivative(state, torque);
  const k2 = derivative(along(state, k1, STEP / 2), torque);
  const k3 = derivative(along(state, k2, STEP / 2), torque);
  const k4 = derivative(along(state, k3, STEP), torque);
  const slope = k1.map((k, i) => k + 2 * k2[i]! + 2 * k3[i]! + k4[i]!);
  return along(state, slope, STEP / 6);
}

const along = (state: AcrobotState, slope: readonly number[], step: number): AcrobotState =>
  state.map((x, i) => x + step * slope[i]!) as unknown as AcrobotState;

/** Angles into [-π, π], velocities to their bounds. */
function limited([theta1, theta2, omega1, omega2]: AcrobotState): AcrobotState {
  const [fast1, fast2] = SPEEDS;
  return [
    wrapAngle(theta1),
    wrapAngle(theta2),
    clamp(omega1, -fast1, fast1),
    clamp(omega2, -fast2, fast2),
  ];
}

function draw(theta1: number, theta2: number): Picture {
  const joint = [LENGTH * Math.sin(theta1), -LENGTH * Math.cos(theta1)] as const;
  const both = theta1 + theta2;
  const tip = [joint[0] + LENGTH * Math.sin(both), joint[1] - LENGTH * Math.cos(both)] as const;
  return {
    kind: 'shapes',
    left: -2.2,
    right: 2.2,
    bottom: -2.2,
    top: 2.2,
    shapes: [
      {
        kind: 'line',
        points: [
          [-2.2, LENGTH],
          [2.2, LENGTH],
        ],
        width: 0.02,
        role: 'goal',
      },
      { kind: 'line', points: [[0, 0], joint], width: 0.15, role: 'agent' },
      { kind: 'line', points: [joint, tip], width: 0.15, role: 'part' },
    ],
  };
}
