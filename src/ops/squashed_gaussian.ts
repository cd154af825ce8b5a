// Reparameterised samples of a Gaussian squashed by tanh, and their log-probability.

import source from '../../kernels/squashed_gaussian.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { format } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, greaterEqual, lessEqual, mul, sub } from './binary.ts';
import { cast } from './copy.ts';
import { spansOf } from './elements.ts';
import { allocate, expectDType, expectShape, kernelFile, launch } from './launch.ts';
import { concat } from './shape_ops.ts';
import { clamp, exp, square } from './unary.ts';
import { reshape, slice } from './view.ts';

const kernel = kernelFile('squashed_gaussian', source);

/** log σ is kept in this range. */
const LOG_STD = { least: -20, most: 2 };

export interface SquashedSample {
  /** [N, A], in [-1, 1]. */
  readonly action: Tensor;
  /** [N]: log of the action's density, over (-1, 1)ᴬ. */
  readonly logProb: Tensor;
}

/**
 * action = tanh(mean + σ ε) with log σ = clamp(logStd, -20, 2), and log π(action) with tanh's exact determinant, in one
 * kernel; so is the gradient of both (Haarnoja et al. 2018). Given ε they are functions of the mean and of σ: gradients of
 * expectations over ε follow through the samples.
 * @param head [N, 2 A] f32: of each row A means, then A logStds.
 * @param noise [N, A] f32: ε, standard normals; zeros give the mean's action. No gradient flows into it.
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function squashedGaussian(head: Tensor, noise: Tensor): SquashedSample {
  const [N, A] = noise.shape;
  if (noise.rank !== 2 || N === undefined || A === undefined)
    throw new ShapeError(`squashedGaussian: noise is ${format(noise.shape)}, expected [N, A]`);
  expectShape('squashedGaussian', 'head', head, [N, 2 * A]);
  for (const [name, x] of Object.entries({ head, noise }))
    expectDType('squashedGaussian', name, x, 'f32');
  const { runtime } = head;
  const params = { rows: N, dims: A };
  const action = allocate(runtime, [N, A], 'f32');
  const logProb = allocate(runtime, [N], 'f32');
  launch(kernel, 'forward', {
    inputs: [head, noise],
    outputs: [action, logProb],
    params,
    ...spansOf(runtime, N),
    flops: 60 * N * A,
  });

  type Saved = readonly [Tensor, Tensor, Tensor];
  /** dhead by either result or both. */
  const gradient = ([head, noise, action]: Saved, da: Tensor | null, dl: Tensor | null) => {
    const dhead = allocate(runtime, [N, 2 * A], 'f32');
    const { workgroups, constants } = spansOf(runtime, N * A);
    launch(kernel, 'backward', {
      inputs: [head, noise, action, da ?? noise, dl ?? noise],
      outputs: [dhead],
      params,
      workgroups,
      constants: { ...constants, BY_ACTION: String(da !== null), BY_LOG_PROB: String(dl !== null) },
      flops: 20 * N * A,
    });
    return dhead;
  };
  /** The same by ops: `du` [N, A] by all but log σ, `direct` by log σ alone. */
  const composed = (head: Tensor, noise: Tensor, du: Tensor, direct?: Tensor) => {
    const logStd = slice(head, { start: [0, A] });
    const free = mul(
      cast(greaterEqual(logStd, LOG_STD.least), 'f32'),
      cast(lessEqual(logStd, LOG_STD.most), 'f32'),
    );
    const std = exp(clamp(logStd, { min: LOG_STD.least, max: LOG_STD.most }));
    const through = mul(mul(std, noise), du);
    return concat([du, mul(free, direct ? add(through, direct) : through)], { axis: 1 });
  };
  const saved: Saved = [head, noise, action];
  record({
    name: 'squashedGaussian.action',
    inputs: [head],
    output: action,
    saved,
    backward: (dy, [head, noise, action]) => [
      composed(head, noise, mul(dy, sub(1, square(action)))),
    ],
    fused: (dy, saved) => [gradient(saved, dy, null)],
  });
  // The action is an input so that its gradient, which waits when this one's arrives, goes into the same kernel.
  record({
    name: 'squashedGaussian.logProb',
    inputs: [head, action],
    output: logProb,
    saved,
    backward: (dy, [head, noise, action]) => {
      const perRow = reshape(dy, [N, 1]);
      const du = mul(mul(action, 2), perRow);
      return [composed(head, noise, du, mul(perRow, -1)), null];
    },
    fused: (dy, saved, take) => [gradient(saved, take(1), dy), null],
  });
  return { action, logProb };
}
