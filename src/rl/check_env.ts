// checkEnv: does an environment keep the contract of environment.ts? After Gymnasium's checker, and beyond it: shared
// state between copies, snapshots, masks.

import { EnvironmentError } from '../errors.ts';
import { formatJson, parseJson, toPlain } from '../io/json.ts';
import { equal, expectOutcome, expectSpace, expectStart, fail, show } from './check_values.ts';
import {
  describeSpace,
  type Environment,
  type Info,
  randomAction,
  type Space,
  type Start,
  type Step,
  type Value,
} from './environment.ts';
import { RandomSequence } from './random.ts';

export interface CheckOptions {
  /** Begins each message; default "environment". */
  readonly name?: string;
  /** Default 0. */
  readonly seed?: number;
  /** Of each random walk, across as many episodes as it takes; default 600. */
  readonly steps?: number;
}

/** What a reset or a step gave, as it was then. */
interface Moment {
  readonly where: string;
  readonly given: Start | Step;
  /** A copy: given.observation is the environment's own, and no later step may change it. */
  readonly observation: Value;
  readonly actionMask: string;
  readonly reward: number;
  readonly end: 'none' | 'terminated' | 'truncated';
}

/** Walks at random through copies of the environment. @throws EnvironmentError: the first broken rule, where and how. */
export function checkEnv(
  make: () => Environment,
  { name = 'environment', seed = 0, steps = 600 }: CheckOptions = {},
): void {
  const env = make();
  expectSpace(`${name}: observationSpace`, env.observationSpace);
  expectSpace(`${name}: actionSpace`, env.actionSpace);
  expectRefusals(name, make(), seed);

  const options = { name, seed, steps };
  const first = [...walk(env, options)];
  for (const { where, given, observation } of first)
    if (!equal(given.observation, observation))
      fail(where, `a later step changed the observation ${show(observation)} in place`);
  expectSame(first, walk(env, options), 'with the same seed');
  expectSame(first, besideAnother(make, options), 'beside another copy: do they share state?');
  expectSnapshots(make, options);
}

// ---- one moment after another

interface WalkOptions {
  readonly name: string;
  readonly seed: number;
  readonly steps: number;
}

function* walk(env: Environment, options: WalkOptions): Generator<Moment> {
  const start = env.reset({ seed: options.seed });
  const random = new RandomSequence({ seed: options.seed, stream: 1 });
  yield began(`${options.name}: reset`, env, start);
  yield* walkFrom(env, start, random, options);
}

/** Random actions that the mask allows; after the end of an episode the next begins. */
function* walkFrom(
  env: Environment,
  from: Start,
  random: RandomSequence,
  { name, steps }: WalkOptions,
): Generator<Moment> {
  let [start, episode, t] = [from, 1, 0];
  for (let taken = 0; taken < steps; taken++) {
    const where = `${name}: step ${++t} of episode ${episode}`;
    const step = act(env, start.info, random, where);
    yield stepped(where, env, step);
    start = step;
    if (!step.terminated && !step.truncated) continue;
    if (episode === 1) expectRefusal(env, random, `${where}, its last`);
    start = env.reset();
    [episode, t] = [episode + 1, 0];
    yield began(`${name}: reset before episode ${episode}`, env, start);
  }
}

function act(env: Environment, info: Info, random: RandomSequence, where: string): Step {
  const action = randomAction(env.actionSpace, random, info);
  const before = copy(action);
  const step = env.step(action);
  if (!equal(action, before))
    fail(where, `changed its action from ${show(before)} to ${show(action)}`);
  return step;
}

function began(where: string, env: Environment, given: Start): Moment {
  expectStart(where, env, given);
  const { observation, info } = given;
  const actionMask = info.actionMask?.join('') ?? 'none';
  return { where, given, observation: copy(observation), actionMask, reward: 0, end: 'none' };
}

function stepped(where: string, env: Environment, given: Step): Moment {
  const seen = began(where, env, given);
  expectOutcome(where, given);
  const { reward, terminated, truncated } = given;
  return { ...seen, reward, end: terminated ? 'terminated' : truncated ? 'truncated' : 'none' };
}

// ---- rules

function expectRefusals(name: string, env: Environment, seed: number): void {
  const random = new RandomSequence({ seed });
  expectRefusal(env, random, `${name}: step before reset`);
  env.reset({ seed });
  for (const action of wrongActions(env.actionSpace))
    expectError(
      () => env.step(action),
      `${name}: step`,
      `took ${show(action)}, not in ${describeSpace(env.actionSpace)}`,
    );
}

function wrongActions(space: Space): Value[] {
  if (space.kind === 'discrete') return [-1, space.n, 0.5, Number.NaN];
  const size = space.low.length;
  return [new Float64Array(size).fill(Number.NaN), new Float64Array(size + 1)];
}

/** Of a step while no episode is under way. */
function expectRefusal(env: Environment, random: RandomSequence, where: string): void {
  const action = randomAction(env.actionSpace, random);
  expectError(() => env.step(action), where, 'a step while no episode is under way was taken');
}

function expectError(step: () => unknown, where: string, taken: string): void {
  try {
    step();
  } catch (error) {
    if (error instanceof EnvironmentError) return;
    fail(where, `threw ${error}, expected an EnvironmentError`);
  }
  fail(where, `${taken}, expected an EnvironmentError`);
}

/** A walk of one copy, while another goes elsewhere between its steps. */
function* besideAnother(make: () => Environment, options: WalkOptions): Generator<Moment> {
  const other = walk(make(), { ...options, seed: options.seed + 1 });
  for (const moment of walk(make(), options)) {
    yield moment;
    other.next();
  }
}

/** From within an episode, the same copy restored goes on as it did, and so does a new one. */
function expectSnapshots(make: () => Environment, options: WalkOptions): void {
  const env = make();
  let start = env.reset({ seed: options.seed });
  const before = new RandomSequence({ seed: options.seed, stream: 2 });
  let steps = 0;
  for (const { given, end } of walkFrom(env, start, before, options)) {
    start = given;
    if (end === 'none' && ++steps === 4) break;
  }
  const goOn = (env: Environment) =>
    walkFrom(env, start, new RandomSequence(before.at), {
      ...options,
      name: `${options.name}, from a snapshot`,
    });

  const where = `${options.name}: snapshot`;
  const snapshot = env.snapshot();
  const saved = written(snapshot, where);
  const straight = [...goOn(env)];
  if (written(snapshot, where) !== saved) fail(where, 'a later step changed it');
  for (const [who, copy] of [
    ['in the same copy', env],
    ['in a new copy', make()],
  ] as const) {
    copy.restore(toPlain(parseJson(saved, { what: where })));
    expectSame(straight, goOn(copy), `after restore() ${who}`);
  }
}

function written(snapshot: unknown, where: string): string {
  try {
    return formatJson(snapshot, 'it');
  } catch (cause) {
    throw new EnvironmentError(`${where}: ${(cause as Error).message}`, { cause });
  }
}

function expectSame(first: readonly Moment[], second: Iterable<Moment>, when: string): void {
  let i = 0;
  for (const { where, ...now } of second) {
    const before = first[i++]!;
    for (const key of ['observation', 'actionMask', 'reward', 'end'] as const) {
      const same = key === 'observation' ? equal(before[key], now[key]) : before[key] === now[key];
      if (!same) fail(where, `${key} was ${show(before[key])}, is ${show(now[key])} ${when}`);
    }
  }
}

const copy = (value: Value): Value => (typeof value === 'number' ? value : value.slice());
