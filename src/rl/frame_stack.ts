// The last n observations as one: what one frame does not tell, a velocity say, several may.

import { ConfigError, EnvironmentError } from '../errors.ts';
import type { Json } from '../io/json.ts';
import { box, type Environment, type Start, type Value } from './environment.ts';

/**
 * Observations [k, ...] become [n k, ...], the newest last; at the start of an episode its first one fills all n.
 * @throws ConfigError unless observations are boxes and n is 1 or more
 */
export function frameStack<A extends Value>(
  environment: Environment<Value, A>,
  n: number,
): Environment<Float64Array, A> {
  const space = environment.observationSpace;
  if (!(Number.isSafeInteger(n) && n >= 1))
    throw new ConfigError(`frameStack: n is ${n}, expected at least 1`);
  if (space.kind !== 'box')
    throw new ConfigError(`frameStack: discrete observations have no frames to stack`);
  const [first = 1, ...rest] = space.shape;
  const all = (bounds: Float64Array) => Array.from({ length: n }, () => [...bounds]).flat();
  let frames: Float64Array[] = []; // the oldest first; none is changed later

  const seen = <S extends Start>(start: S): S & Start<Float64Array> => {
    frames = [...frames.slice(1), start.observation as Float64Array];
    const size = space.low.length;
    const observation = new Float64Array(n * size);
    for (const [i, frame] of frames.entries()) observation.set(frame, i * size);
    return { ...start, observation };
  };

  return {
    ...environment,
    observationSpace: box([n * first, ...rest], all(space.low), all(space.high)),
    reset(options) {
      const start = environment.reset(options);
      frames = new Array(n).fill(start.observation);
      return seen(start);
    },
    step: (action) => seen(environment.step(action)),
    snapshot: () => ({
      environment: environment.snapshot(),
      frames: frames.map((frame) => [...frame]),
    }),
    restore(snapshot) {
      const saved = snapshot as { environment: Json; frames: number[][] };
      if (saved.frames.length !== n && saved.frames.length !== 0)
        throw new EnvironmentError(
          `frameStack: a snapshot of ${saved.frames.length} frames for a stack of ${n}`,
        );
      environment.restore(saved.environment);
      frames = saved.frames.map((frame) => Float64Array.from(frame));
    },
  };
}
