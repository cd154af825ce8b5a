// What one value of an environment must be: its spaces, observations, masks, rewards and flags. For checkEnv.

import { EnvironmentError } from '../errors.ts';
import {
  describeSpace,
  type Environment,
  type Space,
  type Start,
  type Step,
  spaceContains,
  type Value,
} from './environment.ts';

export function expectSpace(where: string, space: Space): void {
  if (space?.kind === 'discrete') {
    if (!(Number.isSafeInteger(space.n) && space.n >= 1))
      fail(where, `n is ${show(space.n)}, expected an integer of at least 1`);
    return;
  }
  if (space?.kind !== 'box') fail(where, `is ${show(space)}, expected discrete(n) or box(shape)`);
  const size = space.shape.reduce((product, n) => product * n, 1);
  for (const side of ['low', 'high'] as const)
    if (space[side].length !== size)
      fail(where, `${side} has ${space[side].length} bounds for the shape [${space.shape}]`);
  const at = space.low.findIndex((low, i) => !(low <= space.high[i]!));
  if (at >= 0)
    fail(where, `element ${at} is from ${space.low[at]} to ${space.high[at]}: no number fits`);
}

/** What reset and step both give. */
export function expectStart(where: string, env: Environment, start: Start): void {
  if (typeof start !== 'object' || start === null)
    fail(where, `gave ${show(start)}, expected an object with an observation`);
  expectObservation(where, env.observationSpace, start.observation);
  if (typeof start.info !== 'object' || start.info === null)
    fail(where, `info is ${show(start.info)}, expected an object`);
  const { actionMask } = start.info;
  if (actionMask !== undefined) expectMask(where, env.actionSpace, actionMask);
}

/** What step gives besides. */
export function expectOutcome(where: string, { reward, terminated, truncated }: Step): void {
  if (!Number.isFinite(reward)) fail(where, `reward is ${show(reward)}, expected a finite number`);
  for (const [flag, value] of Object.entries({ terminated, truncated }))
    if (typeof value !== 'boolean') fail(where, `${flag} is ${show(value)}, expected a boolean`);
  if (terminated && truncated)
    fail(where, 'terminated and truncated both; a true end is not cut off: terminated only');
}

function expectObservation(where: string, space: Space, observation: unknown): void {
  if (spaceContains(space, observation)) return;
  const expected = `expected one of ${describeSpace(space)}`;
  if (space.kind === 'discrete') fail(where, `observation is ${show(observation)}, ${expected}`);
  if (!(observation instanceof Float64Array))
    fail(where, `observation is ${show(observation)}, expected a Float64Array`);
  if (observation.length !== space.low.length)
    fail(where, `observation has ${observation.length} elements, ${expected}`);
  const at = observation.findIndex((x, i) => !(x >= space.low[i]! && x <= space.high[i]!));
  const bounds = `${space.low[at]} to ${space.high[at]}`;
  fail(where, `observation[${at}] is ${observation[at]}, its bounds are ${bounds}`);
}

function expectMask(where: string, space: Space, mask: unknown): void {
  if (space.kind !== 'discrete')
    fail(where, `info.actionMask is given, but ${describeSpace(space)} has no list of actions`);
  if (!(mask instanceof Uint8Array))
    fail(where, `info.actionMask is ${show(mask)}, expected a Uint8Array`);
  if (mask.length !== space.n)
    fail(where, `info.actionMask has ${mask.length} entries for ${space.n} actions`);
  if (mask.some((entry) => entry > 1)) fail(where, 'info.actionMask has an entry besides 0 and 1');
  if (!mask.includes(1)) fail(where, 'info.actionMask allows no action');
}

/** To the bit. */
export const equal = (a: Value, b: Value): boolean =>
  typeof a === 'number' || typeof b === 'number'
    ? Object.is(a, b)
    : a.length === b.length && a.every((x, i) => Object.is(x, b[i]));

export const show = (value: unknown): string =>
  value instanceof Float64Array || typeof value !== 'object'
    ? describe(value)
    : (JSON.stringify(value) ?? 'nothing');

const describe = (value: unknown): string =>
  value instanceof Float64Array ? `[${value.join(', ')}]` : String(value);

export function fail(where: string, what: string): never {
  throw new EnvironmentError(`${where}: ${what}`);
}
