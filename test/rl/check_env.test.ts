// checkEnv: passes every environment that ships, and finds each way to break the contract.

import { describe, expect, test } from 'vitest';
import { EnvironmentError } from '../../src/errors.ts';
import {
  box,
  checkEnv,
  discrete,
  ENVIRONMENTS,
  type Environment,
  makeEnvironment,
  type Step,
} from '../../src/rl/index.ts';

test.each(Object.keys(ENVIRONMENTS))('A13 %s keeps the contract', (id) => {
  checkEnv(() => makeEnvironment(id), { name: id });
});

type Break = (env: Environment) => Partial<Environment>;

/** CartPole, with one rule broken. */
const broken = (change: Break) => () => {
  const env = makeEnvironment('CartPole-v1');
  return { ...env, ...change(env) };
};

/** What the third step gives is changed. */
const thirdStep = (change: (step: Step) => object) =>
  broken((env) => {
    let steps = 0;
    return {
      step: (action) => {
        const step = env.step(action);
        return ++steps === 3 ? ({ ...step, ...change(step) } as Step) : step;
      },
    };
  });

const spaces = (change: Partial<Environment>) => broken(() => change);

describe('a broken environment is refused, with what and where', () => {
  const shared = { taken: 0 };
  const buffer = new Float64Array(4);
  const cases: Record<string, [make: () => Environment, message: string | RegExp]> = {
    'a discrete space without a number': [
      spaces({ actionSpace: discrete(0) }),
      'broken: actionSpace: n is 0, expected an integer of at least 1',
    ],
    'bounds that do not fit the shape': [
      spaces({ observationSpace: box([4], [0, 0], [1, 1]) }),
      'broken: observationSpace: low has 2 bounds for the shape [4]',
    ],
    'bounds the wrong way round': [
      spaces({ observationSpace: box([2], [0, 3], [1, 2]) }),
      'broken: observationSpace: element 1 is from 3 to 2: no number fits',
    ],
    'no space at all': [
      spaces({ actionSpace: { kind: 'text' } as never }),
      'broken: actionSpace: is {"kind":"text"}, expected discrete(n) or box(shape)',
    ],
    'an observation of the wrong length': [
      thirdStep(() => ({ observation: new Float64Array(3) })),
      'broken: step 3 of episode 1: observation has 3 elements, expected one of box [4]',
    ],
    'an observation of the wrong type': [
      thirdStep(() => ({ observation: [0, 0, 0, 0] })),
      'broken: step 3 of episode 1: observation is [0,0,0,0], expected a Float64Array',
    ],
    'NaN in an observation': [
      thirdStep(() => ({ observation: Float64Array.of(0, Number.NaN, 0, 0) })),
      'broken: step 3 of episode 1: observation[1] is NaN, its bounds are -Infinity to Infinity',
    ],
    'an observation out of its bounds': [
      thirdStep(() => ({ observation: Float64Array.of(5, 0, 0, 0) })),
      'broken: step 3 of episode 1: observation[0] is 5, its bounds are -4.8 to 4.8',
    ],
    'a reset that gives the observation alone': [
      broken((env) => ({ reset: (options) => env.reset(options).observation as never })),
      /^broken: reset: observation is undefined, expected a Float64Array$/,
    ],
    'no info': [
      thirdStep(() => ({ info: undefined })),
      'broken: step 3 of episode 1: info is undefined, expected an object',
    ],
    'a reward that is not finite': [
      thirdStep(() => ({ reward: -Infinity })),
      'broken: step 3 of episode 1: reward is -Infinity, expected a finite number',
    ],
    'a flag that is not boolean': [
      thirdStep(() => ({ terminated: 0 })),
      'broken: step 3 of episode 1: terminated is 0, expected a boolean',
    ],
    'an end that is both': [
      thirdStep(() => ({ terminated: true, truncated: true })),
      'broken: step 3 of episode 1: terminated and truncated both; a true end is not cut off: terminated only',
    ],
    'a mask of the wrong length': [
      thirdStep(() => ({ info: { actionMask: Uint8Array.of(1) } })),
      'broken: step 3 of episode 1: info.actionMask has 1 entries for 2 actions',
    ],
    'a mask that allows nothing': [
      thirdStep(() => ({ info: { actionMask: Uint8Array.of(0, 0) } })),
      'broken: step 3 of episode 1: info.actionMask allows no action',
    ],
    'a step before the first reset': [
      broken((env) => {
        env.reset({ seed: 1 });
        return {};
      }),
      'broken: step before reset: a step while no episode is under way was taken, expected an EnvironmentError',
    ],
    'an action out of its space': [
      broken((env) => ({ step: (action) => env.step(action === 2 ? 1 : action) })),
      'broken: step: took 2, not in discrete(2), expected an EnvironmentError',
    ],
    'another kind of error': [
      broken(() => ({
        step() {
          throw new RangeError('index');
        },
      })),
      'broken: step before reset: threw RangeError: index, expected an EnvironmentError',
    ],
    'a step after the end': [
      broken((env) => {
        let last: Step | null = null;
        return {
          reset: (options) => {
            last = null;
            return env.reset(options);
          },
          step: (action) => {
            last = last?.terminated ? last : env.step(action);
            return last;
          },
        };
      }),
      /^broken: step \d+ of episode 1, its last: a step while no episode is under way was taken/,
    ],
    'a seed that is not heeded': [
      broken((env) => {
        let resets = 0;
        return {
          reset: ({ seed } = {}) => env.reset(seed === undefined ? {} : { seed: seed + resets++ }),
        };
      }),
      /^broken: reset: observation was \[.*\], is \[.*\] with the same seed$/,
    ],
    'copies that share state': [
      broken((env) => {
        let mine = 0;
        return {
          reset: (options) => {
            if (options?.seed !== undefined) mine = shared.taken = 0;
            return env.reset(options);
          },
          step: (action) => {
            const step = env.step(action);
            return { ...step, reward: ++shared.taken - ++mine };
          },
        };
      }),
      /reward was 0, is -?\d+ beside another copy: do they share state\?$/,
    ],
    'an observation that later steps change': [
      broken((env) => ({
        step: (action) => {
          const step = env.step(action);
          buffer.set(step.observation as Float64Array);
          return { ...step, observation: buffer };
        },
      })),
      /^broken: step 1 of episode 1: a later step changed the observation \[.*\] in place$/,
    ],
    'an action that the step changes': [
      () => {
        const env = makeEnvironment('Pendulum-v1');
        return {
          ...env,
          step: (action) => {
            const step = env.step(action);
            (action as Float64Array).fill(0);
            return step;
          },
        };
      },
      /^broken: step 1 of episode 1: changed its action from \[.*\] to \[0\]$/,
    ],
    'a snapshot that leaves something out': [
      broken((env) => {
        let steps = 0;
        return {
          reset: (options) => {
            steps = 0;
            return env.reset(options);
          },
          step: (action) => ({ ...env.step(action), reward: ++steps }),
        };
      }),
      /^broken, from a snapshot: step 1 of episode 1: reward was \d, is \d+ after restore\(\) in the same copy$/,
    ],
    'a snapshot that JSON cannot hold': [
      broken(() => ({ snapshot: () => ({ speed: Number.NaN }) })),
      'broken: snapshot: it.speed is NaN, which JSON cannot hold; use null',
    ],
  };
  test.each(Object.entries(cases))('A13 %s', (_, [make, message]) => {
    const check = () => checkEnv(make, { name: 'broken' });
    expect(check).toThrow(EnvironmentError);
    expect(check).toThrow(message);
  });
});
