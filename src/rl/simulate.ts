// An environment from its equations alone: what begins, what follows, what is seen. All of ours are made so.

import { EnvironmentError } from '../errors.ts';
import type { Json } from '../io/json.ts';
import {
  type Environment,
  expectAction,
  type ResetOptions,
  type Space,
  type Start,
  type Step,
  type Value,
} from './environment.ts';
import type { Picture } from './picture.ts';
import { type RandomPosition, RandomSequence } from './random.ts';

/** s_0 = begin(), s_{t+1} = next(s_t, a_t), o_t = observe(s_t). A state is never changed, a new one follows it. */
export interface Dynamics<S extends Json = Json, O extends Value = Value, A extends Value = Value> {
  /** Gymnasium's id, for messages. */
  readonly id: string;
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  begin(random: RandomSequence): S;
  /** @param action in actionSpace, checked before */
  next(state: S, action: A, random: RandomSequence): Transition<S>;
  observe(state: S): O;
  /** One per action of a discrete space: 0 where it is not allowed; default all are. */
  actionMask?(state: S): Uint8Array;
  picture?(state: S): Picture;
}

export interface Transition<S> {
  readonly state: S;
  readonly reward: number;
  readonly terminated: boolean;
}

export interface SimulateOptions {
  /** Steps after which an episode is truncated; default none. An episode that ends in that step is terminated and not truncated. */
  readonly limit?: number;
}

/** The environment of these dynamics, with the contract's checks. */
export function simulate<S extends Json, O extends Value, A extends Value>(
  dynamics: Dynamics<S, O, A>,
  { limit = Infinity }: SimulateOptions = {},
): Environment<O, A> {
  const { id, observationSpace, actionSpace } = dynamics;
  let random: RandomSequence | null = null;
  let state: S | null = null; // null: between episodes
  let shown: S | null = null; // the last one, also where the episode is over
  let steps = 0;

  const view = (state: S): Start<O> => {
    const actionMask = dynamics.actionMask?.(state);
    return { observation: dynamics.observe(state), info: actionMask ? { actionMask } : {} };
  };

  return {
    observationSpace,
    actionSpace,
    reset({ seed, stream }: ResetOptions = {}) {
      if (seed !== undefined)
        random = new RandomSequence({ seed, ...(stream !== undefined && { stream }) });
      if (!random) throw new EnvironmentError(`${id}: the first reset needs a seed`);
      state = shown = dynamics.begin(random);
      steps = 0;
      return view(state);
    },
    step(action): Step<O> {
      if (!random || state === null)
        throw new EnvironmentError(`${id}: no episode is under way; call reset() before step()`);
      expectAction(id, actionSpace, action);
      const { state: next, reward, terminated } = dynamics.next(state, action, random);
      steps++;
      shown = next;
      const truncated = !terminated && steps >= limit;
      state = terminated || truncated ? null : next;
      return { ...view(next), reward, terminated, truncated };
    },
    snapshot: () => ({ random: random && { ...random.at }, state, steps }),
    restore(snapshot) {
      const saved = snapshot as { random: RandomPosition | null; state: S | null; steps: number };
      random = saved.random && new RandomSequence(saved.random);
      ({ state, steps } = saved);
      shown = state;
    },
    ...(dynamics.picture && {
      picture(): Picture {
        if (shown === null)
          throw new EnvironmentError(`${id}: no episode has begun; nothing to see`);
        return dynamics.picture!(shown);
      },
    }),
  };
}
