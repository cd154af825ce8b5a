// How noisy an estimate of the policy gradient is: its variance over batches of episodes of one fixed policy.
//
//   Var ĝ = E ‖ĝ - E ĝ‖²      summed over all parameters, by K batches: 1/(K - 1) Σ ‖ĝ_k - mean ĝ‖²

import { ConfigError } from '../errors.ts';
import type { Module } from '../nn/module.ts';
import type { Device } from '../ops/device.ts';
import { concat } from '../ops/shape_ops.ts';
import { reshape } from '../ops/view.ts';
import { grad, noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Space } from './environment.ts';
import { concatenated, type PlayedEpisode, stepTensors } from './episodes.ts';
import type { ActorCritic } from './networks.ts';
import { type AdvantageOptions, advantages, pgLoss } from './policy_gradient.ts';

export interface GradientVariance {
  readonly variance: number;
  /** ‖mean ĝ‖², which the noise of the mean makes larger than the true one by variance / K. */
  readonly squaredMean: number;
}

export interface VarianceOptions {
  /** What was played, batch by batch, all by the policy as it is now. At least 2. */
  readonly batches: readonly (readonly PlayedEpisode[])[];
  readonly spaces: { readonly observationSpace: Space; readonly actionSpace: Space };
  /** Those of the gradient; default all of the model. */
  readonly parameters?: readonly Tensor[];
}

/**
 * The variance of each estimate, all by the same batches.
 * @param choices estimators and baselines; the values of 'value' are the model's.
 * @throws ConfigError for fewer than 2 batches
 */
export async function gradientVariance(
  device: Device,
  model: ActorCritic & Module,
  choices: readonly Omit<AdvantageOptions, 'values'>[],
  { batches, spaces, parameters = model.parameters() }: VarianceOptions,
): Promise<GradientVariance[]> {
  if (batches.length < 2)
    throw new ConfigError(`gradientVariance: ${batches.length} batches, expected at least 2`);
  const gradients: Float32Array[][] = choices.map(() => []);
  for (const episodes of batches) {
    const steps = stepTensors(device, episodes, spaces);
    const rewards = episodes.map((episode) => episode.rewards);
    const values = await valuesOf(device, model, episodes, steps.observations);
    for (const [i, choice] of choices.entries()) {
      const A = concatenated(advantages(rewards, { ...choice, values }));
      const flat = device.scope(() => {
        const policy = model.policy(steps.observations, steps.actionMask);
        const weights = device.tensor(A.map((weight) => weight / episodes.length));
        const loss = pgLoss(policy.evaluate(steps.actions).logProb, weights);
        const parts = grad(loss, parameters).map((g, p) => {
          const { size } = parameters[p]!;
          return g ? reshape(g, [size]) : device.zeros([size]);
        });
        return concat(parts, { axis: 0 });
      });
      gradients[i]!.push((await flat.data()) as Float32Array);
      flat.dispose();
    }
    for (const x of Object.values(steps)) x?.dispose();
  }
  return gradients.map(spread);
}

/** V of each step, under the model as it is: a list per episode. */
export async function valuesOf(
  device: Device,
  model: Pick<ActorCritic, 'value'>,
  episodes: readonly PlayedEpisode[],
  observations: Tensor,
): Promise<Float32Array[]> {
  using values = noGrad(() => device.scope(() => model.value(observations)));
  const all = (await values.data()) as Float32Array;
  let at = 0;
  return episodes.map(({ rewards }) => {
    at += rewards.length;
    return all.slice(at - rewards.length, at);
  });
}

function spread(samples: readonly Float32Array[]): GradientVariance {
  const K = samples.length;
  let [variance, squaredMean] = [0, 0];
  for (const i of samples[0]!.keys()) {
    const mean = samples.reduce((sum, g) => sum + g[i]!, 0) / K;
    squaredMean += mean * mean;
    variance += samples.reduce((sum, g) => sum + (g[i]! - mean) ** 2, 0) / (K - 1);
  }
  return { variance, squaredMean };
}
