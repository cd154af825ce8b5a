// What all optimisers share: slabs, the step counter, clipping, and state for checkpoints.

import { ConfigError } from '../errors.ts';
import { full } from '../ops/copy.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Clippable } from './clip.ts';
import { kept, type Parameters, type Slab, Slabs } from './slabs.ts';
import {
  exportState,
  importState,
  type Moments,
  type OptimizerState,
  type SavedOptimizerState,
} from './state.ts';

export interface StepOptions {
  /** Set the gradients to 0 in the same pass. Default false. */
  readonly zeroGrad?: boolean;
}

/** What an update reads besides its slab. */
export interface Update {
  /** The values that `stepValues` gave for this step. */
  readonly stepState: Tensor;
  /** [2]: norm and scale of the gradients. */
  readonly clip: Tensor;
  readonly zeroGrad: boolean;
}

/**
 * Moves the trainable ones of its parameters into slabs, and updates a slab in one dispatch. A parameter that got no
 * gradient is updated with gradient 0, as in PyTorch where gradients are zeroed and not removed.
 */
export abstract class Optimizer implements Clippable {
  /** Where its parameters are. Internal. */
  readonly slabs: Slabs;
  /** The optimiser's own tensors, each like the slabs, under the names that they have in checkpoints. */
  protected abstract readonly moments: Moments;
  private rate = 0;
  private steps = 0;
  /** What changes from step to step, where a replayed step finds it. */
  private readonly stepState: Tensor;
  private readonly unclipped: Tensor;
  private clip: Tensor | null = null;

  /** `stepValues` tells how many values the method of that name gives. */
  protected constructor(
    name: string,
    parameters: Parameters,
    { lr, weightDecay, stepValues }: { lr: number; weightDecay: number; stepValues: number },
  ) {
    this.slabs = new Slabs(name, parameters, weightDecay);
    this.lr = lr;
    const { runtime } = this.slabs.slabs[0]!.parameters;
    this.stepState = kept(full(runtime, [stepValues], 0, 'f32'));
    this.unclipped = kept(full(runtime, [2], 1, 'f32'));
  }

  /** Learning rate of the next step. @throws ConfigError unless it is 0 or more. */
  get lr(): number {
    return this.rate;
  }

  set lr(lr: number) {
    expectAtLeast0(this.slabs.owner, { lr });
    this.rate = lr;
  }

  /** Updates the parameters with their gradients, and forgets the clipping. */
  step(options: StepOptions = {}): void {
    this.advance();
    this.apply(options);
  }

  /**
   * The first half of `step`: counts it, and writes the learning rate and all else that changes to the device.
   * A captured step captures `apply` alone, and each replay follows an `advance`.
   */
  advance(): void {
    if (this.stepState.runtime.gpu.isWarmingUp) {
      throw new ConfigError(
        `${this.slabs.owner}: step() cannot be part of a warm-up, it would count`,
      );
    }
    this.steps++;
    this.stepState.write(this.stepValues(this.steps));
  }

  /** The second half of `step`: the update. */
  apply({ zeroGrad = false }: StepOptions = {}): void {
    this.slabs.gatherGradients();
    const { stepState, clip, unclipped } = this;
    for (const [i, slab] of this.slabs.slabs.entries()) {
      this.updateSlab(i, slab, { stepState, clip: clip ?? unclipped, zeroGrad });
    }
    clip?.dispose();
    this.clip = null;
  }

  /** Sets all gradients to 0. */
  zeroGrad(): void {
    this.slabs.zeroGradients();
  }

  /** The gradients of all parameters, flat, with zeros between. */
  gradients(): readonly Tensor[] {
    this.slabs.gatherGradients();
    return this.slabs.slabs.map(({ gradients }) => gradients);
  }

  clipNextStep(clip: Tensor): void {
    this.clip?.dispose();
    this.clip = clip;
  }

  /** For a checkpoint. The tensors are views: read them before the next step. */
  state(): OptimizerState {
    return { step: this.steps, tensors: exportState(this.slabs, this.moments) };
  }

  /** Goes on where the saved state was, bit for bit. @throws CheckpointError when it is of other parameters. */
  loadState(saved: SavedOptimizerState): void {
    importState(this.slabs, this.moments, saved);
    this.steps = saved.step;
  }

  /** Gives the optimiser's memory back. Parameters stay usable. */
  dispose(): void {
    for (const x of Object.values(this.moments).flat()) x.dispose();
    for (const x of [this.stepState, this.unclipped]) x.dispose();
    this.clip?.dispose();
    this.slabs.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What the kernel needs to know of step t, counted from 1; computed in float64. */
  protected abstract stepValues(t: number): readonly number[];

  protected abstract updateSlab(index: number, slab: Slab, update: Update): void;
}

/** @throws ConfigError naming the setting that is below 0 or not a number. */
export function expectAtLeast0(owner: string, settings: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!(value >= 0)) throw new ConfigError(`${owner}: ${name} is ${value}, expected 0 or more`);
  }
}

/** @throws ConfigError naming the setting that is not in [0, 1). */
export function expectBelow1(owner: string, settings: Readonly<Record<string, number>>): void {
  expectAtLeast0(owner, settings);
  for (const [name, value] of Object.entries(settings)) {
    if (value >= 1) throw new ConfigError(`${owner}: ${name} is ${value}, expected less than 1`);
  }
}
