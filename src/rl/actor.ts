// Acting by a policy in a vector of environments, without learning: its likeliest actions, or drawn ones.

import type { CapturedStep } from '../ops/capture.ts';
import type { Device } from '../ops/device.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Info, Value } from './environment.ts';
import { type ActorCritic, observationShape } from './networks.ts';
import { actionsOf, encode, masksOf } from './rollout.ts';
import type { VectorEnvironment } from './vector.ts';

export interface ActorOptions {
  /** Of drawn actions. */
  readonly seed: number;
  /** Draw the actions instead of taking the likeliest ones. Default false. */
  readonly sampled?: boolean;
}

/** Reads the model's weights as they are when it acts: they may be trained in between. */
export class Actor implements Disposable {
  readonly #observations: Tensor;
  readonly #actionMask: Tensor;
  #act: CapturedStep<Tensor> | null = null;
  #step = 0;

  constructor(
    private readonly device: Device,
    private readonly model: Pick<ActorCritic, 'policy'>,
    private readonly environments: Pick<
      VectorEnvironment,
      'observationSpace' | 'actionSpace' | 'count'
    >,
    private readonly options: ActorOptions,
  ) {
    const { observationSpace, actionSpace, count: N } = environments;
    this.#observations = kept(device.zeros([N, ...observationShape(observationSpace)]));
    const actions = actionSpace.kind === 'discrete' ? actionSpace.n : 1;
    this.#actionMask = kept(device.ones([N, actions]));
  }

  /** One action for each copy. */
  async act(observations: readonly Value[], infos: readonly Info[]): Promise<Value[]> {
    const { observationSpace, actionSpace } = this.environments;
    this.#observations.write(encode(observationSpace, observations));
    const mask = masksOf(actionSpace, infos);
    if (mask) this.#actionMask.write(mask);
    this.device.beginStep(this.options.seed, this.#step++);
    if (this.#act) this.#act();
    else this.#act = this.device.capture(() => noGrad(() => this.#choose(mask !== null)));
    const drawn = (await this.#act.result.data()) as Float32Array | Int32Array;
    return actionsOf(actionSpace, drawn);
  }

  #choose(masked: boolean): Tensor {
    const policy = this.model.policy(this.#observations, masked ? this.#actionMask : undefined);
    return this.options.sampled ? policy.sample() : policy.mode();
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

/** Outlives the scope that it is made in. */
const kept = (x: Tensor): Tensor => Object.assign(x, { kept: true });
