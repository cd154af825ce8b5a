// What a trained policy does: actions for what N copies see, in one captured pass.

import type { CapturedStep } from '../ops/capture.ts';
import type { Device } from '../ops/device.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Info, Space, Value } from './environment.ts';
import { type ActorCritic, observationShape } from './networks.ts';
import { actionsOf, encode, masksOf } from './rollout.ts';

export interface ActorOptions {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  /** N. */
  readonly count: number;
  /** Of the draws; default 0. */
  readonly seed?: number;
  /** Draw the actions instead of taking the likeliest ones. Default false. */
  readonly sampled?: boolean;
}

export class Actor {
  readonly #observations: Tensor;
  readonly #actionMask: Tensor;
  #act: CapturedStep<Tensor> | null = null;
  #steps = 0;

  constructor(
    private readonly device: Device,
    private readonly model: Pick<ActorCritic, 'policy'>,
    private readonly options: ActorOptions,
  ) {
    const { observationSpace, actionSpace, count } = options;
    this.#observations = device.zeros([count, ...observationShape(observationSpace)]);
    this.#actionMask = device.ones([count, actionSpace.kind === 'discrete' ? actionSpace.n : 1]);
    Object.assign(this.#observations, { kept: true });
    Object.assign(this.#actionMask, { kept: true });
  }

  /** @param infos their masks: of all copies at every step, or never */
  async act(observations: readonly Value[], infos: readonly Info[]): Promise<Value[]> {
    const { observationSpace, actionSpace, seed = 0, sampled = false } = this.options;
    const masks = masksOf(actionSpace, infos);
    this.#observations.write(encode(observationSpace, observations));
    if (masks) this.#actionMask.write(masks);
    this.device.beginStep(seed, this.#steps++);
    if (this.#act) this.#act();
    else
      this.#act = this.device.capture(() =>
        noGrad(() => {
          const policy = this.model.policy(
            this.#observations,
            masks ? this.#actionMask : undefined,
          );
          return sampled ? policy.sample() : policy.mode();
        }),
      );
    const drawn = (await this.#act.result.data()) as Float32Array | Int32Array;
    return actionsOf(actionSpace, drawn);
  }

  dispose(): void {
    this.#act?.dispose();
    this.#act?.result.dispose();
    this.#observations.dispose();
    this.#actionMask.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
