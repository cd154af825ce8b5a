// Elementwise functions of one tensor. Each derivative is written beside its function with ops, so that it can be
// differentiated again; the kernel's own derivative is used when it need not be.

import source from '../../kernels/unary.wgsl' with { type: 'text' };
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, div, greater, greaterEqual, less, lessEqual, mul, sub } from './binary.ts';
import { cast } from './copy.ts';
import { spansOf, vectorConstants, widthFor } from './elements.ts';
import { allocate, expectDType, kernelFile, launch } from './launch.ts';

const kernel = kernelFile('unary', source);

type Derivative = (dy: Tensor, x: Tensor, y: Tensor) => Tensor;

interface Bounds {
  readonly a: number;
  readonly b: number;
}

const NO_BOUNDS: Bounds = { a: 0, b: 0 };

function unary(op: string, x: Tensor, derivative: Derivative, bounds: Bounds = NO_BOUNDS): Tensor {
  const [name] = op.toLowerCase().split('_') as [string]; // GELU_TANH is gelu too
  expectDType(name, 'x', x, 'f32', 'f16');
  const output = run(op, 'forward', [x], bounds);
  return record({
    name,
    inputs: [x],
    output,
    saved: [x, output],
    backward: (dy, [x, y]) => [derivative(dy, x, y)],
    fused: (dy, [x]) => [run(op, 'backward', [x, dy], bounds)],
  });
}

function run(
  op: string,
  entry: 'forward' | 'backward',
  inputs: readonly [x: Tensor, dy?: Tensor],
  bounds: Bounds,
): Tensor {
  const [x] = inputs;
  const output = allocate(x.runtime, x.shape, x.dtype);
  const width = widthFor(x.size);
  const size = x.size / width;
  const { workgroups, constants } = spansOf(x.runtime, size, width);
  launch(kernel, entry, {
    inputs: inputs.filter((each) => each !== undefined),
    outputs: [output],
    params: { size, ...bounds },
    constants: {
      ...constants,
      OP: op,
      Element: x.dtype,
      ...vectorConstants(width),
    },
    workgroups,
  });
  return output;
}

/** max(x, 0); the gradient at 0 is 0. */
export function relu(x: Tensor): Tensor {
  return unary('RELU', x, (dy, x) => mul(dy, cast(greater(x, 0), x.dtype)));
}

/** dy where y > 0, else 0: the gradient of y = relu(x), which y alone tells. */
export function reluGradient(dy: Tensor, y: Tensor): Tensor {
  return record({
    name: 'reluGradient',
    inputs: [dy],
    output: run('RELU', 'backward', [y, dy], NO_BOUNDS),
    saved: [y],
    backward: (ddx, [y]) => [reluGradient(ddx, y)],
  });
}

/**
 * x Φ(x), Φ the normal distribution function (Hendrycks & Gimpel 2016).
 * `approximate: 'tanh'` is GPT-2's x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))). Default 'none', as PyTorch.
 */
export function gelu(
  x: Tensor,
  { approximate = 'none' }: { approximate?: 'none' | 'tanh' } = {},
): Tensor {
  if (approximate === 'tanh') return unary('GELU_TANH', x, geluTanhDerivative);
  return unary('GELU', x, (dy, x) => {
    // d/dx xΦ(x) = Φ(x) + x φ(x)
    const cdf = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
    const density = mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return mul(dy, add(cdf, mul(x, density)));
  });
}

function geluTanhDerivative(dy: Tensor, unbounded: Tensor): Tensor {
  // t = tanh(s (x + c x³)):  d = (1 + t)/2 + x/2 (1 - t²) s (1 + 3 c x²)
  const s = Math.sqrt(2 / Math.PI);
  const c = 0.044715;
  const x = clamp(unbounded, { min: -10, max: 10 }); // d is 0 or 1 from there on, where x² would overflow
  const x2 = square(x);
  const t = tanh(mul(mul(x, add(mul(x2, c), 1)), s));
  const slope = mul(mul(x, sub(1, square(t))), mul(add(mul(x2, 3 * c), 1), s / 2));
  return mul(dy, add(mul(add(t, 1), 0.5), slope));
}

/** x σ(x), also called swish. */
export function silu(x: Tensor): Tensor {
  return unary('SILU', x, (dy, x) => {
    const s = sigmoid(x);
    return mul(dy, mul(s, add(mul(x, sub(1, s)), 1)));
  });
}

/** tanh(x), finite for every finite x on every adapter. */
export function tanh(x: Tensor): Tensor {
  return unary('TANH', x, (dy, _x, y) => mul(dy, sub(1, square(y))));
}

/** σ(x) = 1 / (1 + e⁻ˣ). */
export function sigmoid(x: Tensor): Tensor {
  return unary('SIGMOID', x, (dy, _x, y) => mul(dy, mul(y, sub(1, y))));
}

/** ln(1 + eˣ), without overflow. */
export function softplus(x: Tensor): Tensor {
  return unary('SOFTPLUS', x, (dy, x) => mul(dy, sigmoid(x)));
}

/** x². */
export function square(x: Tensor): Tensor {
  return unary('SQUARE', x, (dy, x) => mul(dy, mul(x, 2)));
}

/** √x. */
export function sqrt(x: Tensor): Tensor {
  return unary('SQRT', x, (dy, _x, y) => div(mul(dy, 0.5), y));
}

/** eˣ. */
export function exp(x: Tensor): Tensor {
  return unary('EXP', x, (dy, _x, y) => mul(dy, y));
}

/** ln x for x > 0. */
export function log(x: Tensor): Tensor {
  return unary('LOG', x, (dy, x) => div(dy, x));
}

/** |x|; the gradient at 0 is 0. */
export function abs(x: Tensor): Tensor {
  return unary('ABS', x, (dy, x) =>
    mul(dy, cast(sub(cast(greater(x, 0), 'i32'), cast(less(x, 0), 'i32')), x.dtype)),
  );
}

/** The error function 2/√π ∫₀ˣ e^(-t²) dt. */
export function erf(x: Tensor): Tensor {
  return unary('ERF', x, (dy, x) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))));
}

/** x kept within [min, max]; the gradient is 1 inside, bounds included, and 0 outside. */
export function clamp(
  x: Tensor,
  { min = -3.4028234663852886e38, max = 3.4028234663852886e38 }: { min?: number; max?: number },
): Tensor {
  const inside = (x: Tensor) =>
    mul(cast(greaterEqual(x, min), x.dtype), cast(lessEqual(x, max), x.dtype));
  return unary('CLAMP', x, (dy, x) => mul(dy, inside(x)), { a: min, b: max });
}

/** -x. */
export function neg(x: Tensor): Tensor {
  return unary('NEG', x, (dy) => neg(dy));
}
