// In what the matrices of a model that is not trained are kept.

import { packsInto, packWeight } from '../ops/packed.ts';
import type { Shape } from '../tensor/shape.ts';
import type { PackedType } from '../tensor/tensor.ts';
import type { Transformer } from './transformer.ts';

/** False: in f32, trained. True: as the files have them, also in halves. '8bit': matrices rounded to bytes (`packWeight`). */
export type Frozen = boolean | '8bit';

/** Whether the ops take the model's tensor of that name packed: a matrix of whole words. */
export function isPackable(name: string, shape: Shape, type: PackedType): boolean {
  // The position table is added, not multiplied: no op takes it packed, and it is small.
  return shape.length === 2 && packsInto(shape, type) && name !== 'positions.weight';
}

/** Freezes a model that is in f32, and rounds its matrices to 8 bits where they are. */
export async function packModel(model: Transformer): Promise<void> {
  for (const [name, x] of model.namedTensors()) {
    x.requireGrad(false);
    if (!isPackable(name, x.shape, 'int8')) continue;
    model.replace(name, packWeight(x.runtime, await x.data(), x.shape, 'int8'));
  }
}
