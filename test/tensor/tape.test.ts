// The tape: where gradients arrive, how they add up, what is freed, and which mistakes are told.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DTypeError, ShapeError, TensorError } from '../../src/errors.ts';
import { add, mul, pow } from '../../src/ops/binary.ts';
import { cast } from '../../src/ops/copy.ts';
import { customOp } from '../../src/ops/custom.ts';
import { Device } from '../../src/ops/device.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { mean, sum } from '../../src/ops/reduce.ts';
import { exp, neg, square, tanh } from '../../src/ops/unary.ts';
import { expand, reshape, slice } from '../../src/ops/view.ts';
import { backward, grad, noGrad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open();
});

afterAll(() => device.destroy());

const parameter = (values: number[]) => device.tensor(values).requireGrad();
const read = async (x: Tensor | null | undefined) => x && [...(await x.data())];
const inUse = () => {
  const { tensors, bytesInUse } = device.memory();
  return { tensors, bytesInUse };
};

describe('backward', () => {
  it('gives each leaf its gradient, and constants none', async () => {
    const w = parameter([1, 2]);
    const x = device.tensor([3, 4]);
    backward(sum(mul(w, x)));
    expect(await read(w.grad)).toEqual([3, 4]);
    expect(x.grad).toBeNull();
  });

  it('adds to the gradients that are there', async () => {
    const w = parameter([1, 2]);
    backward(sum(square(w)));
    backward(sum(mul(w, 10)));
    expect(await read(w.grad)).toEqual([12, 14]);
  });

  it('begins from dy where the result is no scalar', async () => {
    const w = parameter([1, 2]);
    backward(square(w), { dy: device.tensor([10, 100]) });
    expect(await read(w.grad)).toEqual([20, 400]);
  });

  it('of a leaf itself is 1', async () => {
    const w = parameter([5]);
    backward(w);
    expect(await read(w.grad)).toEqual([1]);
  });

  it('adds the gradients of a tensor that is used twice', async () => {
    const w = parameter([3, -2]);
    const y = exp(neg(square(w)));
    backward(sum(add(mul(y, 2), mul(y, y))));
    const slope = (v: number) => (2 + 2 * Math.exp(-v * v)) * Math.exp(-v * v) * -2 * v;
    const got = (await read(w.grad))!;
    for (const [i, v] of [3, -2].entries()) expect(got[i]).toBeCloseTo(slope(v), 6);
  });

  it('counts an operand on both sides twice', async () => {
    const w = parameter([1, 2]);
    backward(sum(add(w, w)));
    expect(await read(w.grad)).toEqual([2, 2]);
  });

  it('gives two leaves of one sum gradients that do not share memory', async () => {
    const [a, b] = [parameter([1, 2]), parameter([3, 4])];
    backward(sum(add(a, b)));
    backward(sum(mul(a, 5)));
    expect(await read(a.grad)).toEqual([6, 6]);
    expect(await read(b.grad)).toEqual([1, 1]);
    a.grad!.write([0, 0]);
    expect(await read(b.grad)).toEqual([1, 1]);
  });

  it('sums the gradient over what was broadcast, and through views', async () => {
    const w = parameter([1, 2, 3, 4, 5, 6]);
    const part = slice(reshape(w, [2, 3]), { start: [0, 1] });
    backward(sum(mul(expand(reshape(part, [2, 2, 1]), [2, 2, 5]), 2)));
    expect(await read(w.grad)).toEqual([0, 10, 10, 0, 10, 10]);
  });

  it('does not meet a chain of a thousand ops with a stack that is too small', async () => {
    const w = parameter([1]);
    device.scope(() => {
      let y: Tensor = w;
      for (let i = 0; i < 1000; i++) y = add(y, 1);
      backward(y);
    });
    expect(await read(w.grad)).toEqual([1]);
  });

  it('frees the graph as it goes: what it saved, and every inner gradient', () => {
    const w = parameter([1, 2]);
    const before = inUse();
    const loss = device.scope(() => {
      const loss = mean(square(exp(w)));
      backward(loss);
      return loss;
    });
    expect(inUse()).toEqual({ tensors: before.tensors + 2, bytesInUse: before.bytesInUse + 512 });
    loss.dispose();
    w.dispose();
  });

  it('keeps nothing of a graph of views but the views', () => {
    const w = parameter([1, 2]);
    const before = inUse();
    const y = reshape(w, [2, 1]);
    y.dispose();
    expect(inUse()).toEqual(before);
  });
});

describe('grad', () => {
  it('gives gradients of leaves without touching them', async () => {
    const [a, b] = [parameter([1, 2]), parameter([3, 4])];
    const [da, db] = grad(sum(mul(a, b)), [a, b]);
    expect([await read(da), await read(db)]).toEqual([
      [3, 4],
      [1, 2],
    ]);
    expect([a.grad, b.grad]).toEqual([null, null]);
  });

  it('gives gradients of tensors in the middle of the graph', async () => {
    const w = parameter([1, 2]);
    const y = square(w);
    const [dy, dw] = grad(sum(mul(y, 5)), [y, w]);
    expect([await read(dy), await read(dw)]).toEqual([
      [5, 5],
      [10, 20],
    ]);
  });

  it('is null for a tensor that the result does not depend on', () => {
    const [a, b] = [parameter([1]), parameter([2])];
    expect(grad(sum(square(a)), [b])).toEqual([null]);
  });

  it('with createGraph gives gradients that can be differentiated again, and again', async () => {
    const w = parameter([2]);
    const [first] = grad(pow(w, 5), [w], { createGraph: true });
    const [second] = grad(first!, [w], { createGraph: true });
    const [third] = grad(second!, [w]);
    expect([await read(first), await read(second), await read(third)]).toEqual([
      [80],
      [160],
      [240],
    ]);
  });

  it('with createGraph takes the composed backward, without it the fused one: they agree', async () => {
    const w = parameter([0.3, -1.2, 2]);
    const of = (createGraph: boolean) => grad(sum(tanh(w)), [w], { createGraph })[0]!;
    const [composed, fused] = [of(true), of(false)];
    expect([composed.requiresGrad, fused.requiresGrad]).toEqual([true, false]);
    const [a, b] = [(await read(composed))!, (await read(fused))!];
    for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i]!, 6);
  });

  it('may be differentiated by dy', async () => {
    const w = parameter([2, 3]);
    const dy = parameter([1, 1]);
    const [dw] = grad(square(w), [w], { dy, createGraph: true });
    const [second] = grad(sum(dw!), [dy]);
    expect(await read(second)).toEqual([4, 6]);
  });
});

describe('noGrad', () => {
  it('records nothing, and records again afterwards, even after an error', () => {
    const w = parameter([1]);
    const y = noGrad(() => square(w));
    expect(y.requiresGrad).toBe(false);
    expect(() =>
      noGrad(() => {
        throw new RangeError('inside');
      }),
    ).toThrow('inside');
    expect(square(w).requiresGrad).toBe(true);
  });

  it('refuses an async function', () => {
    expect(() => noGrad(async () => 1)).toThrow(
      new TensorError('noGrad: the function must be synchronous'),
    );
  });

  it('is what detach does to one tensor', async () => {
    const w = parameter([3]);
    backward(sum(mul(w, square(w).detach())));
    expect(await read(w.grad)).toEqual([9]);
  });
});

describe('mistakes', () => {
  it('a second backward through a freed graph', () => {
    const w = parameter([1, 2]);
    const loss = sum(square(w));
    backward(loss);
    expect(() => backward(loss)).toThrow(
      new TensorError(
        'backward: sum was already differentiated; pass { createGraph: true } the first time',
      ),
    );
  });

  it('a saved tensor that was changed in place since the forward pass', () => {
    const w = parameter([1, 2]);
    const x = device.tensor([3, 4]);
    const loss = sum(mul(w, x));
    x.write([5, 6]);
    expect(() => backward(loss)).toThrow(
      new TensorError(
        'backward: a tensor of shape [2] that mul needs was changed in place since the forward pass',
      ),
    );
  });

  it('a change in place of what nobody saved is none', async () => {
    const w = parameter([1, 2]);
    const loss = sum(add(w, 1));
    w.write([5, 6]);
    backward(loss);
    expect(await read(w.grad)).toEqual([1, 1]);
  });

  it('a graph whose scope has ended', () => {
    const w = parameter([1]);
    let inner: Tensor | null = null;
    device.scope(() => {
      inner = square(w);
    });
    expect(() => backward(inner!)).toThrow(TensorError);
  });

  it('a result that is no scalar, without dy; and dy of another shape', () => {
    const w = parameter([1, 2]);
    expect(() => backward(square(w))).toThrow(
      new ShapeError('backward: needs a scalar or options.dy, got shape [2]'),
    );
    expect(() => backward(square(w), { dy: device.ones([3]) })).toThrow(
      new ShapeError('backward: dy is [3], the tensor [2]'),
    );
  });

  it('a result or a tensor that has no gradient', () => {
    const [w, x] = [parameter([1]), device.tensor([1])];
    expect(() => backward(square(x))).toThrow(
      new TensorError('backward: the tensor does not depend on anything that requires a gradient'),
    );
    expect(() => grad(square(w), [x])).toThrow(
      new TensorError('grad: a tensor of shape [1] has no gradient; call requireGrad() on it'),
    );
  });

  it('requireGrad of integers, or of what was computed', () => {
    expect(() => cast(device.ones([2]), 'i32').requireGrad()).toThrow(
      new DTypeError('requireGrad: only floats have gradients, got i32'),
    );
    expect(() => square(parameter([1])).requireGrad()).toThrow(
      new TensorError(
        'requireGrad: the tensor was computed from others that have gradients; detach() it first',
      ),
    );
  });
});

describe('an op from outside', () => {
  const CUBE = `// y = x³, and its slope 3 x²
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
struct Params { size: u32, scale: f32 }
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn cube(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.size) { y[id.x] = params.scale * x[id.x] * x[id.x] * x[id.x]; }
}`;

  let cube: (x: Tensor) => Tensor;

  beforeEach(async () => {
    const kernel = await device.kernel(CUBE, { name: 'cube' });
    cube = customOp({
      name: 'cube',
      forward: (x) =>
        kernel.run('cube', {
          inputs: [x!],
          outputs: [{ shape: x!.shape }],
          params: { size: x!.size, scale: 1 },
          workgroups: Math.ceil(x!.size / 64),
        })[0]!,
      backward: (dy, { inputs: [x] }) => [mul(dy, mul(square(x!), 3))],
    });
  });

  it('is differentiated once and twice, in the middle of a graph', async () => {
    const w = parameter([1, -2]);
    const y = cube(mul(w, 2)); // 8 w³
    expect(await read(y)).toEqual([8, -64]);
    const [first] = grad(sum(y), [w], { createGraph: true });
    const [second] = grad(sum(first!), [w]);
    expect(await read(first)).toEqual([24, 96]);
    expect(await read(second)).toEqual([48, -96]);
  });

  it('takes views, and gives back what it made', async () => {
    const w = device
      .tensor([
        [1, 2],
        [3, 4],
      ])
      .requireGrad();
    const before = inUse();
    device.scope(() => {
      const right = slice(w, { start: [0, 1] });
      backward(sum(matmul(cube(right), device.ones([1, 3]))));
    });
    expect(inUse()).toEqual({ tensors: before.tensors + 1, bytesInUse: before.bytesInUse + 256 });
    expect(await read(w.grad)).toEqual([0, 36, 0, 144]);
  });
});
