// What follows a step, as numbers, on plain arrays of one environment's steps in order.
//
//   G_t = r_t + γ G_{t+1}                     r_t is what the action at t earned (R_{t+1} in the lectures): it counts
//   δ_t = r_t + γ V(s_{t+1}) - V(s_t)
//   A_t^(k) = Σ_{l<k} γ^l δ_{t+l}             G^λ_t = V(s_t) + Σ_l (γλ)^l δ_{t+l}
//
// All end where an episode ends. The batch form on the device is `gae`.

import { ShapeError } from '../errors.ts';

/** Steps t = 0 … T - 1. Episodes may follow one another. */
export interface Steps {
  /** r_t. */
  readonly rewards: ArrayLike<number>;
  /** Where the step ended its episode, by its rules: no value follows. Default: nowhere. */
  readonly terminated?: ArrayLike<number | boolean>;
  /** Where a limit cut the episode off: the next value counts, nothing else is carried across. Default: nowhere. */
  readonly truncated?: ArrayLike<number | boolean>;
}

export interface ValuedSteps extends Steps {
  /** V(s_t). */
  readonly values: ArrayLike<number>;
  /** V(s_{t+1}) of the state that the step led to, not of the one that a reset put in its place. */
  readonly nextValues: ArrayLike<number>;
}

/** G_t: from each step to the end of its episode; what comes after the last step counts as 0. @param gamma default 1 */
export function discountedReturns(steps: Steps, gamma = 1): Float64Array {
  const { rewards } = steps;
  const { episodeEnds } = checked(steps);
  const returns = new Float64Array(rewards.length);
  let rest = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    rest = rewards[t]! + (episodeEnds(t) ? 0 : gamma * rest);
    returns[t] = rest;
  }
  return returns;
}

/** δ_t, the temporal-difference errors: advantages of one step. */
export function tdErrors(steps: ValuedSteps, gamma: number): Float64Array {
  const { rewards, values, nextValues } = steps;
  const { terminates } = checked(steps);
  return Float64Array.from(
    { length: rewards.length },
    (_, t) => rewards[t]! + (terminates(t) ? 0 : gamma * nextValues[t]!) - values[t]!,
  );
}

/** A_t^(k), cut short where the episode or the array ends. @param k from 1; Infinity gives the return less the value */
export function kStepAdvantages(
  steps: ValuedSteps,
  { k, gamma }: { k: number; gamma: number },
): Float64Array {
  const { episodeEnds } = checked(steps);
  const delta = tdErrors(steps, gamma);
  return delta.map((first, t) => {
    let [sum, discount] = [first, 1];
    for (let l = 1; l < k && t + l < delta.length && !episodeEnds(t + l - 1); l++) {
      discount *= gamma;
      sum += discount * delta[t + l]!;
    }
    return sum;
  });
}

/** G^λ_t, what a value is fitted to: λ = 0 the bootstrapped target r_t + γ V(s_{t+1}), λ = 1 the Monte Carlo return. */
export function lambdaReturns(
  steps: ValuedSteps,
  { gamma, lambda }: { gamma: number; lambda: number },
): Float64Array {
  const { episodeEnds } = checked(steps);
  const advantages = tdErrors(steps, gamma);
  for (let t = advantages.length - 2; t >= 0; t--) {
    if (!episodeEnds(t)) advantages[t]! += gamma * lambda * advantages[t + 1]!;
  }
  return advantages.map((advantage, t) => advantage + steps.values[t]!);
}

function checked(steps: Steps | ValuedSteps) {
  const { length } = steps.rewards;
  for (const [name, array] of Object.entries(steps)) {
    if (array !== undefined && array.length !== length)
      throw new ShapeError(`returns: ${name} has ${array.length} steps, rewards has ${length}`);
  }
  const terminates = (t: number) => Boolean(steps.terminated?.[t]);
  const episodeEnds = (t: number) => terminates(t) || Boolean(steps.truncated?.[t]);
  return { terminates, episodeEnds };
}
