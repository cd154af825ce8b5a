// A checkpoint whose content tells its step, and which is larger with each step.

import type { CheckpointContent } from '../../src/io/checkpoint.ts';
import type { HostTensor } from '../../src/io/safetensors.ts';

export function growingContent(step: number): CheckpointContent {
  const w = Float32Array.from({ length: 2000 * step }, (_, i) => i - step);
  const tensors = new Map<string, HostTensor>([
    ['w', { dtype: 'f32', shape: [step, 2000], data: w }],
    ['step', { dtype: 'i32', shape: [], data: Int32Array.of(step) }],
  ]);
  return { step, tensors, state: { step }, config: { name: 'growing' } };
}
