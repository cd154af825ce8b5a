import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { mul, sub } from '../../src/ops/binary.ts';
import { Device } from '../../src/ops/device.ts';
import { mean, sum } from '../../src/ops/reduce.ts';
import { square } from '../../src/ops/unary.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { SGD } from '../../src/optim/sgd.ts';
import { scope } from '../../src/tensor/scope.ts';
import { backward } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { expectClose } from '../reference/close.ts';

const device = await Device.open();

interface Trajectory {
  op: string;
  attrs: { lr: number; momentum?: number };
  inputs: { w: { data: number[] }; target: { data: number[] } };
  outputs: { trajectory: { shape: [number, number]; data: number[] } };
}

const file = new URL('../golden/optim.json', import.meta.url);
const { cases }: { cases: Trajectory[] } = JSON.parse(readFileSync(file, 'utf8'));

const parameter = (values: number[]): Tensor => device.tensor(values).requireGrad();

/** Some parameters of odd sizes, the same ones each time. */
function parametersOf(seed = 1): Tensor[] {
  const shapes = [[7], [3, 65], [], [64], [130, 2]];
  return shapes.map((shape, stream) => device.randn(shape, { seed, stream }).requireGrad());
}

/** A step of gradients that differ from parameter to parameter and, with the parameters, from step to step. */
function lossOf(parameters: readonly Tensor[]): Tensor {
  const parts = parameters.map((p, i) => mul(mean(square(sub(p, i))), i + 1));
  return parts.reduce((total, part) => sub(total, mul(part, -1)));
}

async function valuesOf(tensors: Iterable<Tensor>): Promise<number[][]> {
  return Promise.all([...tensors].map(async (x) => [...(await x.data())]));
}

for (const { op, attrs, inputs, outputs } of cases) {
  test(`${op} follows PyTorch's trajectory of ${outputs.trajectory.shape[0]} steps`, async () => {
    const { shape, data } = outputs.trajectory;
    const [steps, size] = shape;
    const w = parameter(inputs.w.data);
    const target = device.tensor(inputs.target.data);
    const weights = device.tensor(Array.from({ length: size }, (_, i) => i + 1));
    const optimizer = op === 'adamw' ? new AdamW([w], attrs) : new SGD([w], attrs);
    for (let step = 0; step < steps; step++) {
      scope(() => {
        backward(sum(mul(weights, square(sub(w, target)))));
        optimizer.step({ zeroGrad: true });
      });
      const want = Float64Array.from(data.slice(step * size, (step + 1) * size));
      expectClose(await w.data(), want, { rtol: 1e-5, atol: 1e-6 }, `after step ${step + 1}`);
    }
  });
}

test.each([false, true])('AdamW with plainEps %s adds ε where it says', async (plainEps) => {
  // Gradients as small as ε, where its place decides how far a step goes.
  const [lr, beta1, beta2, eps] = [0.1, 0.9, 0.999, 1e-3];
  const gradients = [1e-3, -5e-4, 2e-3];
  const w = parameter([0]);
  const optimizer = new AdamW([w], { lr, beta1, beta2, eps, plainEps, weightDecay: 0 });
  let [p, m, v] = [0, 0, 0];
  for (const [i, g] of gradients.entries()) {
    scope(() => {
      backward(sum(mul(w, g)));
      optimizer.step({ zeroGrad: true });
    });
    const t = i + 1;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    const [mean, root] = [m / (1 - beta1 ** t), Math.sqrt(1 - beta2 ** t)];
    p -= plainEps
      ? (lr * root * mean) / (Math.sqrt(v) + eps)
      : (lr * mean) / (Math.sqrt(v) / root + eps);
    expectClose(await w.data(), Float64Array.of(p), { rtol: 1e-5, atol: 1e-7 }, `step ${t}`);
  }
});

test('parameters keep their values and shapes when they move into a slab, each on 256 bytes', async () => {
  const parameters = parametersOf();
  const before = await valuesOf(parameters);
  new AdamW(parameters);
  expect(await valuesOf(parameters)).toEqual(before);
  expect(new Set(parameters.map((p) => p.storage)).size).toBe(1);
  expect(new Set(parameters.map((p) => p.grad!.storage)).size).toBe(1);
  expect(parameters.map((p) => p.offset)).toEqual([0, 64, 320, 384, 448]);
  expect(parameters.map((p) => p.grad!.offset)).toEqual([0, 64, 320, 384, 448]);
  expect(parameters.map((p) => p.grad!.shape)).toEqual(parameters.map((p) => p.shape));
});

test('one dispatch updates all parameters', () => {
  const optimizer = new AdamW(parametersOf());
  const dispatch = vi.spyOn(device.gpu, 'dispatch');
  optimizer.step({ zeroGrad: true });
  expect(dispatch.mock.calls.map(([{ kernel }]) => kernel.file.name)).toEqual(['adamw']);
  dispatch.mockRestore();
});

test('backward accumulates into the slab, and the step zeroes it', async () => {
  const [a, b] = [parameter([1, 2]), parameter([3])];
  const optimizer = new SGD([a, b], { lr: 1 });
  const views = [a.grad, b.grad];
  for (let i = 0; i < 2; i++) scope(() => backward(sum(square(a))));
  expect([a.grad, b.grad]).toEqual(views);
  expect(await valuesOf([a.grad!, b.grad!])).toEqual([[4, 8], [0]]);
  optimizer.step({ zeroGrad: true });
  expect(await valuesOf([a, b, a.grad!, b.grad!])).toEqual([[-3, -6], [3], [0, 0], [0]]);
});

test('without zeroGrad the gradients stay', async () => {
  const w = parameter([1, 2]);
  const optimizer = new SGD([w], { lr: 0.5 });
  scope(() => backward(sum(square(w))));
  optimizer.step();
  expect(await valuesOf([w, w.grad!])).toEqual([
    [0, 0],
    [2, 4],
  ]);
  optimizer.zeroGrad();
  expect(await valuesOf([w.grad!])).toEqual([[0, 0]]);
});

test('a parameter that got no gradient only decays', async () => {
  const [used, unused] = [parameter([1]), parameter([2])];
  const optimizer = new AdamW([used, unused], { lr: 0.1, weightDecay: 0.5 });
  scope(() => backward(sum(square(used))));
  optimizer.step();
  expect((await unused.data())[0]).toBeCloseTo(2 * (1 - 0.1 * 0.5), 6);
});

test('gradients that were set or removed from outside count', async () => {
  const [set, removed] = [parameter([1]), parameter([2])];
  const optimizer = new SGD([set, removed], { lr: 1 });
  scope(() => backward(sum(mul(set, removed))));
  set.grad = device.tensor([0.25]);
  removed.grad = null;
  optimizer.step();
  expect(await valuesOf([set, removed])).toEqual([[0.75], [2]]);
});

test('a gradient that was there before the optimizer is kept', async () => {
  const w = parameter([5]);
  backward(sum(mul(w, 3)));
  new SGD([w], { lr: 1 }).step();
  expect(await w.item()).toBe(2);
});

test('groups have their own weight decay; frozen tensors stay where they are', async () => {
  const [decayed, plain] = [parameter([1]), parameter([1])];
  const frozen = device.tensor([1]);
  const { storage } = frozen;
  const optimizer = new AdamW(
    [{ parameters: [decayed, frozen] }, { parameters: [plain], weightDecay: 0 }],
    { lr: 0.1, weightDecay: 0.1 },
  );
  optimizer.step();
  expect((await decayed.data())[0]).toBeCloseTo(0.99, 6);
  expect(await plain.item()).toBe(1);
  expect(frozen.storage).toBe(storage);
});

test('a tied parameter is updated once', async () => {
  const w = parameter([1]);
  const optimizer = new SGD([w, w], { lr: 1 });
  scope(() => backward(sum(w)));
  optimizer.step();
  expect(await w.item()).toBe(0);
});

test('parameters of different optimizers share nothing', async () => {
  const [a, b] = [parameter([1]), parameter([1])];
  const [first] = [new SGD([a], { lr: 1 }), new SGD([b], { lr: 1 })];
  scope(() => backward(sum(mul(a, b))));
  first.step({ zeroGrad: true });
  expect(await valuesOf([a, b, a.grad!, b.grad!])).toEqual([[0], [1], [0], [1]]);
});

test('an optimizer whose parameter moved on to another one says so', () => {
  const w = parameter([1]);
  const first = new SGD([w], { lr: 1 });
  new SGD([w], { lr: 1 });
  expect(() => first.step()).toThrow(/parameter "0" was moved by another optimizer/);
});

test('a restored optimizer goes on with the same bits', async () => {
  const straight = parametersOf();
  const optimizer = new AdamW(straight, { lr: 0.05 });
  const step = (parameters: Tensor[], with_: AdamW) =>
    scope(() => {
      backward(lossOf(parameters));
      with_.step({ zeroGrad: true });
    });
  for (let i = 0; i < 3; i++) step(straight, optimizer);

  const state = optimizer.state();
  const saved = new Map<string, Float32Array>();
  for (const [name, x] of state.tensors) saved.set(name, (await x.data()) as Float32Array);
  expect([...saved.keys()].slice(0, 2)).toEqual(['0.m', '1.m']);
  const values = await valuesOf(straight);
  const resumed = straight.map(({ shape }, i) =>
    device.tensor(values[i]!, { shape }).requireGrad(),
  );
  const second = new AdamW(resumed, { lr: 0.05 });
  second.loadState({ step: state.step, tensors: saved });

  for (let i = 0; i < 3; i++) {
    step(straight, optimizer);
    step(resumed, second);
  }
  expect(await valuesOf(resumed)).toEqual(await valuesOf(straight));
  expect(await valuesOf(resumed)).not.toEqual(values);
});

test('state has the parameters’ names where they have some, and refuses that of another model', () => {
  const optimizer = new AdamW(new Map([['head.weight', parameter([1, 2])]]));
  const { step, tensors } = optimizer.state();
  expect([...tensors.keys()]).toEqual(['head.weight.m', 'head.weight.v']);
  expect(() => optimizer.loadState({ step, tensors: new Map() })).toThrow(/no "head.weight.m"/);
  const wrong = new Map([...tensors.keys()].map((name) => [name, [0, 0, 0]] as const));
  expect(() => optimizer.loadState({ step, tensors: wrong })).toThrow(/of another model/);
});

test('the learning rate can change at any step', async () => {
  const w = parameter([10]);
  const optimizer = new SGD([w], { lr: 1 });
  for (const lr of [1, 2, 0.5]) {
    optimizer.lr = lr;
    scope(() => backward(sum(w)));
    optimizer.step({ zeroGrad: true });
  }
  expect(await w.item()).toBe(6.5);
  expect(() => (optimizer.lr = Number.NaN)).toThrow(/lr is NaN/);
});

test('slabs beyond what one binding holds are updated range by range', async () => {
  const small = await Device.open({
    limits: { maxStorageBufferBindingSize: 1024 },
    announce: null,
  });
  const values = Array.from({ length: 130 }, (_, i) => i);
  const results: number[][][] = [];
  for (const on of [small, device]) {
    const parameters = [0, 1, 2].map(() => on.tensor(values).requireGrad());
    const large = on.tensor(new Float32Array(640)).requireGrad();
    for (const x of [...parameters, large]) x.grad = on.tensor(new Float32Array(x.size).fill(1));
    const optimizer = new AdamW([...parameters, large], { lr: 0.1 });
    optimizer.step({ zeroGrad: true });
    results.push(await Promise.all([...parameters, large].map(async (p) => [...(await p.data())])));
  }
  expect(results[0]).toEqual(results[1]);
  expect(results[0]![3]!.every((x) => Math.abs(x + 0.1) < 1e-6)).toBe(true);
  small.destroy();
});

test('from the third step on no buffer is created', async () => {
  const parameters = parametersOf();
  const optimizer = new AdamW(parameters);
  const created: number[] = [];
  for (let step = 0; step < 5; step++) {
    scope(() => {
      backward(lossOf(parameters));
      optimizer.step({ zeroGrad: true });
    });
    await device.sync();
    created.push(device.memory().buffersCreated);
  }
  expect(created.slice(2)).toEqual([created[1], created[1], created[1]]);
});

test('a disposed optimizer gives its memory back and leaves the parameters usable', async () => {
  const w = parameter([1, 2]);
  await device.sync();
  const before = device.memory();
  const optimizer = new AdamW([w]);
  optimizer.dispose();
  expect(await valuesOf([w])).toEqual([[1, 2]]);
  expect(w.grad).toBeNull();
  expect(device.memory().bytesInUse).toBe(before.bytesInUse);
});

test('an optimizer made inside a scope outlives it', async () => {
  const w = parameter([1]);
  const optimizer = scope(() => ({ made: new SGD([w], { lr: 1, momentum: 0.5 }) })).made;
  scope(() => backward(sum(w)));
  optimizer.step();
  expect(await w.item()).toBe(0);
});

test('settings and parameters that cannot work are refused', () => {
  const w = parameter([1]);
  expect(() => new AdamW([w], { beta2: 1 })).toThrow(/beta2 is 1, expected less than 1/);
  expect(() => new AdamW([w], { lr: -1 })).toThrow(/lr is -1/);
  expect(() => new AdamW([device.zeros([1])])).toThrow(/none of the parameters is trainable/);
  expect(() => new AdamW([square(w)])).toThrow(/computed from others/);
  const twice = [
    ['w', w],
    ['w', parameter([2])],
  ] as const;
  expect(() => new AdamW(twice)).toThrow(/two parameters have the name "w"/);
});
