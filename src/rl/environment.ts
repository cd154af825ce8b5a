// What an environment is: Gymnasium's contract (Towers et al. 2024), in TypeScript.
//
//   s_0 ~ d0                      reset
//   s_{t+1}, r_{t+1} ~ P(. | s_t, a_t)   step: `terminated` where s_{t+1} is an end, `truncated` where a limit cut it off

import { EnvironmentError } from '../errors.ts';
import type { Json } from '../io/json.ts';
import type { Picture } from './picture.ts';
import type { RandomSequence } from './random.ts';

/** One of 0 … n - 1. */
export interface Discrete {
  readonly kind: 'discrete';
  readonly n: number;
}

/** Numbers of a shape, each within its bounds (±Infinity where it has none). */
export interface Box {
  readonly kind: 'box';
  readonly shape: readonly number[];
  /** One per element, in row-major order. */
  readonly low: Float64Array;
  readonly high: Float64Array;
}

export type Space = Discrete | Box;

/** Of a discrete space a number, of a box its elements in row-major order. */
export type Value = number | Float64Array;

/** Besides the observation. What a policy may use of it is the mask. */
export interface Info {
  /** One per action of a discrete space: 0 where it is not allowed now. */
  readonly actionMask?: Uint8Array;
  readonly [name: string]: unknown;
}

export interface Start<O extends Value = Value> {
  readonly observation: O;
  readonly info: Info;
}

export interface Step<O extends Value = Value> extends Start<O> {
  readonly reward: number;
  /** The episode is over: nothing follows, V = 0. */
  readonly terminated: boolean;
  /** The episode was cut off, by a time limit say: what would have followed has its value. */
  readonly truncated: boolean;
}

export interface ResetOptions {
  /** Begins the environment's random numbers anew; without it they go on. Needed once, before the first episode. */
  readonly seed?: number;
  /** Which of the sequences of that seed; default 0. Copy i of a vector takes stream i. */
  readonly stream?: number;
}

/** An observation is the caller's: no later step changes it. */
export interface Environment<O extends Value = Value, A extends Value = Value> {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  /** Begins an episode. */
  reset(options?: ResetOptions): Start<O>;
  /** @throws EnvironmentError before a reset, after the end, and for an action out of its space. */
  step(action: A): Step<O>;
  /** All that decides what follows, the random numbers' position included. */
  snapshot(): Json;
  /** Goes on from a snapshot, bit for bit. */
  restore(snapshot: Json): void;
  /** What a person sees of the state; undefined where there is nothing to see. */
  picture?(): Picture;
}

export const discrete = (n: number): Discrete => ({ kind: 'discrete', n });

/** A box with bounds per element, or the same for all. */
export function box(
  shape: readonly number[],
  low: number | readonly number[] = -Infinity,
  high: number | readonly number[] = Infinity,
): Box {
  const size = shape.reduce((product, n) => product * n, 1);
  const all = (bound: number | readonly number[]) =>
    typeof bound === 'number' ? new Float64Array(size).fill(bound) : Float64Array.from(bound);
  return { kind: 'box', shape, low: all(low), high: all(high) };
}

export function spaceContains(space: Space, value: unknown): boolean {
  if (space.kind === 'discrete')
    return Number.isInteger(value) && (value as number) >= 0 && (value as number) < space.n;
  return (
    value instanceof Float64Array &&
    value.length === space.low.length &&
    value.every((x, i) => x >= space.low[i]! && x <= space.high[i]!) // NaN is in no interval
  );
}

/** Uniform over what the space and the mask allow; standard normal, clipped, where a bound is infinite. */
export function randomAction(space: Space, random: RandomSequence, info: Info = {}): Value {
  if (space.kind === 'discrete')
    return info.actionMask ? random.choice(info.actionMask) : random.integer(space.n);
  return space.low.map((low, i) => {
    const high = space.high[i]!;
    if (Number.isFinite(low) && Number.isFinite(high)) return random.uniform(low, high);
    return Math.min(Math.max(random.normal(), low), high);
  });
}

/** `discrete(2)`, `box [4]`: for messages. */
export const describeSpace = (space: Space): string =>
  space.kind === 'discrete' ? `discrete(${space.n})` : `box [${space.shape.join(', ')}]`;

/** @throws EnvironmentError where the action is not in the space. */
export function expectAction(name: string, space: Space, action: Value): void {
  if (spaceContains(space, action)) return;
  const shown = typeof action === 'number' ? action : `[${[...action].join(', ')}]`;
  throw new EnvironmentError(`${name}: the action ${shown} is not in ${describeSpace(space)}`);
}
