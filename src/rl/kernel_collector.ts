// Collecting experience where environments are kernels: a rollout is one captured list of dispatches, in which nothing is
// read back. For each step: the policy, its draw, the environments, and their row of the rollout.

import type { Json } from '../io/json.ts';
import type { CapturedStep } from '../ops/capture.ts';
import type { Device } from '../ops/device.ts';
import { packPolicy, policyStep } from '../ops/policy_step.ts';
import { reshape, slice } from '../ops/view.ts';
import { scope } from '../tensor/scope.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { KernelEnvironment } from './kernel_environment.ts';
import { type ActorCritic, observationShape } from './networks.ts';
import { RewardScale } from './normalise.ts';
import {
  type Collecting,
  type CollectorOptions,
  type Consequences,
  estimateInto,
  type Rollout,
} from './rollout.ts';
import type { Episode } from './vector.ts';

export class KernelCollector implements Collecting {
  readonly rollout: Rollout;
  readonly #device: Device;
  readonly #model: ActorCritic;
  readonly #environments: KernelEnvironment;
  readonly #options: CollectorOptions;
  readonly #rewardScale: RewardScale | null;
  readonly #consequences: Consequences;
  #roll: CapturedStep<void> | null = null;
  #prepare: CapturedStep<void> | null = null;
  #collected: ArrayLike<number> = [];
  #rollouts = 0;

  /** @param environments with room for the T steps of the options */
  constructor(
    device: Device,
    model: ActorCritic,
    environments: KernelEnvironment,
    options: CollectorOptions,
  ) {
    this.#device = device;
    this.#model = model;
    this.#environments = environments;
    this.#options = options;
    const { observationSpace, actionSpace, count: N, steps } = environments;
    const { steps: T, gamma, normaliseRewards = false } = options;
    this.#rewardScale = normaliseRewards ? new RewardScale(N, gamma) : null;
    const B = T * N;
    const kept = (x: Tensor) => Object.assign(x, { kept: true });
    const plane = (i: number) =>
      kept(reshape(slice(steps.outcomes, { start: [i], end: [i + 1] }), [T, N]));
    const rows = (x: Tensor) => kept(reshape(x, [B, ...observationShape(observationSpace)]));
    const zeros = () => kept(device.zeros([B]));
    this.#consequences = {
      rewards: plane(0),
      terminated: plane(1),
      truncated: plane(2),
      next: rows(steps.following),
    };
    this.rollout = {
      observations: rows(steps.observations),
      actions: kept(reshape(steps.actions, actionSpace.kind === 'discrete' ? [B] : [B, 1])),
      actionMask: null,
      logProbs: zeros(),
      values: zeros(),
      advantages: zeros(),
      returns: zeros(),
    };
  }

  async collect(): Promise<readonly Episode[]> {
    const { seed, truncationIsEnd } = this.#options;
    this.#device.beginStep(seed, this.#rollouts++);
    this.#rolled();
    const [reading, seeing] = [this.#environments.steps.outcomes.data(), this.#observed()];
    const adjusts = this.#rewardScale !== null || truncationIsEnd === true;
    if (!adjusts) this.#prepared();
    const outcomes = outcomesOf(await reading);
    this.#collected = await seeing;
    if (adjusts) {
      this.#adjust(outcomes);
      this.#prepared();
    }
    return episodesOf(outcomes, this.#environments.count);
  }

  updateNorm(): void {
    this.#model.norm?.update(this.#collected);
  }

  #rolled(): void {
    if (this.#roll) this.#roll();
    else
      this.#roll = this.#device.capture(() =>
        noGrad(() => {
          const { observations } = this.#environments;
          const act = actorOf(this.#model);
          for (let t = 0; t < this.#options.steps; t++)
            scope(() => this.#environments.step(act(observations), t));
        }),
      );
  }

  #prepared(): void {
    const { estimate } = this.#options;
    if (this.#prepare) this.#prepare();
    else
      this.#prepare = this.#device.capture(() =>
        noGrad(() => estimateInto(this.rollout, this.#consequences, this.#model, estimate)),
      );
  }

  /** Where the model keeps statistics of them. */
  async #observed(): Promise<ArrayLike<number>> {
    return this.#model.norm ? this.rollout.observations.data() : [];
  }

  /** Scales rewards, and makes ends of time limits, as the options say. */
  #adjust({ rewards, terminated, truncated }: Outcomes): void {
    const over = terminated.map((end, i) => Math.max(end, truncated[i]!));
    if (this.#options.truncationIsEnd) this.#consequences.terminated.write(over);
    if (!this.#rewardScale) return;
    this.#rewardScale.apply(rewards, over);
    this.#consequences.rewards.write(rewards);
  }

  async snapshot(): Promise<Json> {
    return {
      rollouts: this.#rollouts,
      environments: await this.#environments.snapshot(),
      rewardScale: this.#rewardScale?.snapshot() ?? null,
    };
  }

  restore(snapshot: Json): void {
    const saved = snapshot as unknown as {
      rollouts: number;
      environments: Json;
      rewardScale: ReturnType<RewardScale['snapshot']> | null;
    };
    this.#rollouts = saved.rollouts;
    this.#environments.restore(saved.environments);
    if (saved.rewardScale) this.#rewardScale?.restore(saved.rewardScale);
  }

  dispose(): void {
    this.#roll?.dispose();
    this.#prepare?.dispose();
    for (const x of [...Object.values(this.rollout), ...Object.values(this.#consequences)])
      x?.dispose();
    this.#environments.dispose();
  }
}

/** What draws actions by the model's parameters as they are now. */
export function actorOf(model: ActorCritic): (observations: Tensor) => Tensor {
  const small = model.smallPolicy?.();
  if (!small) return (observations) => model.policy(observations).sample();
  const packed = packPolicy(small);
  return (observations) => policyStep(observations, packed);
}

/** Each [T, N], as the kernel keeps them. */
interface Outcomes {
  readonly rewards: Float32Array;
  readonly terminated: Float32Array;
  readonly truncated: Float32Array;
  readonly returns: Float32Array;
  readonly lengths: Float32Array;
}

function outcomesOf(all: ArrayLike<number>): Outcomes {
  const data = all as Float32Array;
  const size = data.length / 5;
  const [rewards, terminated, truncated, returns, lengths] = Array.from({ length: 5 }, (_, i) =>
    data.subarray(i * size, (i + 1) * size),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  return { rewards, terminated, truncated, returns, lengths };
}

/** In the order in which they ended. */
function episodesOf({ returns, lengths, truncated }: Outcomes, copies: number): Episode[] {
  const episodes: Episode[] = [];
  for (const [i, length] of lengths.entries()) {
    if (length === 0) continue;
    episodes.push({ copy: i % copies, return: returns[i]!, length, truncated: truncated[i] !== 0 });
  }
  return episodes;
}
