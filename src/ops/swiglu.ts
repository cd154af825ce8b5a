// The gated unit SwiGLU, of two tensors or of one that holds both.

import source from '../../kernels/swiglu.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { format } from '../tensor/shape.ts';
import { type Gradients, record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, mul, sub } from './binary.ts';
import { spansOf, vectorConstants, widthFor } from './elements.ts';
import { allocate, expectDType, expectShape, kernelFile, launch } from './launch.ts';
import { concat } from './shape_ops.ts';
import { sigmoid, silu } from './unary.ts';
import { slice } from './view.ts';

const kernel = kernelFile('swiglu', source);

/**
 * y = silu(gate) * up (Shazeer 2020): gate and up of one shape; or one packed tensor [..., 2H], whose first half of
 * each row is the gate, to [..., H].
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function swiglu(gate: Tensor, up?: Tensor): Tensor {
  expectDType('swiglu', 'gate', gate, 'f32', 'f16');
  return up ? ofTwo(gate, up) : ofPacked(gate);
}

function ofTwo(gate: Tensor, up: Tensor): Tensor {
  expectShape('swiglu', 'up', up, gate.shape);
  expectDType('swiglu', 'up', up, gate.dtype);
  const like = () => allocate(gate.runtime, gate.shape, gate.dtype);
  const y = like();
  run('forward', [gate, up], [y], y);
  return record({
    name: 'swiglu',
    inputs: [gate, up],
    output: y,
    saved: [gate, up],
    backward: composedGradients,
    fused: (dy, [gate, up]) => {
      const gradients = [like(), like()];
      run('backward', [gate, up, dy], gradients, dy);
      return gradients;
    },
  });
}

function ofPacked(x: Tensor): Tensor {
  const width = x.shape.at(-1) ?? 1;
  if (width % 2 !== 0) {
    throw new ShapeError(`swiglu: the packed tensor is ${format(x.shape)}, expected [..., 2H]`);
  }
  const H = width / 2;
  const y = allocate(x.runtime, [...x.shape.slice(0, -1), H], x.dtype);
  run('packed_forward', [x], [y], y);
  return record({
    name: 'swiglu',
    inputs: [x],
    output: y,
    saved: [x],
    backward: (dy, [x]) => {
      const end = x.shape.with(-1, H);
      const start = x.shape.map((_, axis) => (axis === x.rank - 1 ? H : 0));
      const halves = [slice(x, { end }), slice(x, { start })] as const;
      return [concat(composedGradients(dy, halves), { axis: -1 })];
    },
    fused: (dy, [x]) => {
      const dx = allocate(x.runtime, x.shape, x.dtype);
      run('packed_backward', [x, dy], [dx], dy);
      return [dx];
    },
  });
}

function composedGradients(dy: Tensor, [gate, up]: readonly [Tensor, Tensor]): Tensor[] {
  const s = sigmoid(gate);
  const slope = mul(s, add(mul(gate, sub(1, s)), 1));
  return [mul(dy, mul(up, slope)), mul(dy, silu(gate))] satisfies Gradients;
}

/** `y` has the shape of the op's result. */
function run(
  entry: string,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  y: Tensor,
): void {
  const H = y.shape.at(-1) ?? 1;
  const width = widthFor(H);
  const size = y.size / width;
  const { workgroups, constants } = spansOf(y.runtime, size, width);
  launch(kernel, entry, {
    inputs,
    outputs,
    params: { size, H: H / width },
    constants: {
      ...constants,
      Element: y.dtype,
      ...vectorConstants(width),
    },
    workgroups,
    flops: 24 * y.size,
  });
}
