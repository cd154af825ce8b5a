// An optimiser's state, as checkpoints hold it.

import { CheckpointError } from '../errors.ts';
import { copyInto } from '../ops/copy.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Slabs } from './slabs.ts';

export interface OptimizerState {
  /** Steps done. */
  readonly step: number;
  /** Views of the state, `<parameter>.<what>`, each of its parameter's shape. The learning rate is not among it. */
  readonly tensors: Map<string, Tensor>;
}

/** The same from outside: tensors, or their values row-major. */
export interface SavedOptimizerState {
  readonly step: number;
  readonly tensors: ReadonlyMap<string, Tensor | ArrayLike<number>>;
}

/** The optimiser's tensors, like the slabs, under the names of what they hold. */
export type Moments = Readonly<Record<string, readonly Tensor[]>>;

export function exportState(slabs: Slabs, moments: Moments): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [what, like] of Object.entries(moments)) {
    for (const [name, slice] of slabs.slices(like)) tensors.set(`${name}.${what}`, slice);
  }
  return tensors;
}

/** @throws CheckpointError, with nothing written, unless every tensor is there and has its parameter's size. */
export function importState(
  slabs: Slabs,
  moments: Moments,
  { step, tensors }: SavedOptimizerState,
): void {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new CheckpointError(
      `${slabs.owner}: the step is ${step}, expected a whole number from 0 on`,
    );
  }
  const own = exportState(slabs, moments);
  for (const [name, slice] of own) {
    const saved = tensors.get(name);
    if (!saved) throw new CheckpointError(`${slabs.owner}: the state has no "${name}"`);
    const fits =
      saved instanceof Tensor ? sameShape(saved.shape, slice.shape) : saved.length === slice.size;
    if (!fits) {
      const size = saved instanceof Tensor ? `[${saved.shape}]` : `${saved.length} values`;
      throw new CheckpointError(
        `${slabs.owner}: "${name}" has ${size}, its parameter [${slice.shape}]; the checkpoint is of another model`,
      );
    }
  }
  for (const [name, slice] of own) {
    const saved = tensors.get(name)!;
    if (saved instanceof Tensor) copyInto(slice, saved);
    else slice.write(saved);
    slice.dispose();
  }
}
