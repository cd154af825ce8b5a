// Gaussian noise, drawn on the device as dropout's masks are.

import source from '../../kernels/noise.wgsl' with { type: 'text' };
import { ConfigError } from '../errors.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { allocate, expectDType, groupsFor, kernelFile, launch } from './launch.ts';
import { randomState } from './random.ts';

const kernel = kernelFile('noise', source);

/**
 * x + std N(0, 1), f32 of any shape; the numbers follow from `Device.beginStep` and the op's place in the step, so that a
 * replayed step draws new ones.
 * @throws ConfigError unless std is 0 or more
 */
export function gaussianNoise(x: Tensor, { std }: { std: number }): Tensor {
  expectDType('gaussianNoise', 'x', x, 'f32');
  if (!(std >= 0 && std < Number.POSITIVE_INFINITY)) {
    throw new ConfigError(`gaussianNoise: std is ${std}, expected 0 or more`);
  }
  if (std === 0 || x.size === 0) return x;
  const state = randomState(x.runtime);
  const output = allocate(x.runtime, x.shape, 'f32');
  launch(kernel, 'forward', {
    inputs: [x, state.tensor],
    outputs: [output],
    params: { size: x.size, stream: state.nextStream(), deviation: std },
    workgroups: groupsFor(x.size),
  });
  return record({ name: 'gaussianNoise', inputs: [x], output, saved: [], backward: (dy) => [dy] });
}
