// A model in training as checkpoints hold it: its tensors, and the optimiser's beside them.

import { loadTensors } from '../nn/module.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { HostTensor } from './host_tensor.ts';

/** @param own f32, by name */
export async function trainingState(
  own: ReadonlyMap<string, Tensor>,
  optimizer: Optimizer,
): Promise<Map<string, HostTensor>> {
  const moments = optimizer.state().tensors;
  const tensors = new Map<string, HostTensor>();
  for (const [name, x] of [...own, ...moments])
    tensors.set(name, { dtype: 'f32', shape: x.shape, data: await x.data() });
  for (const x of moments.values()) x.dispose();
  return tensors;
}

/**
 * Goes on from such a state.
 * @param step updates that the optimiser has done
 * @throws DataError or CheckpointError where it is of others
 */
export function restoreTraining(
  own: ReadonlyMap<string, Tensor>,
  optimizer: Optimizer,
  { step, tensors }: { readonly step: number; readonly tensors: ReadonlyMap<string, HostTensor> },
): void {
  const values = [...tensors].map(
    ([name, x]) => [name, { shape: x.shape, data: x.data as Float32Array }] as const,
  );
  loadTensors(own, new Map(values));
  const data = new Map(values.map(([name, { data }]) => [name, data]));
  optimizer.loadState({ step, tensors: data });
}
