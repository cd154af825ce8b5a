// Fitting a value function to returns: min_w mean (V_w(s) - G)², by gradient steps on all of a batch at once.

import { sub } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { mean } from '../ops/reduce.ts';
import { square } from '../ops/unary.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { backward } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ActorCritic } from './networks.ts';

/**
 * @param optimizer of the value function's parameters
 * @param returns [M]
 * @param steps of the optimiser, at least 1
 */
export function fitValues(
  device: Device,
  model: Pick<ActorCritic, 'value'>,
  optimizer: Optimizer,
  { observations, returns, steps }: { observations: Tensor; returns: Tensor; steps: number },
): void {
  optimizer.advance();
  using step = device.capture(() => {
    backward(mean(square(sub(model.value(observations), returns))));
    optimizer.apply({ zeroGrad: true });
  });
  for (let i = 1; i < steps; i++) {
    optimizer.advance();
    step();
  }
}
