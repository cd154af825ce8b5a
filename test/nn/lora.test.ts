// LoRA as a layer: what it starts as, what it can and cannot learn, packed projections, dropout, merging.

import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { Bottleneck } from '../../src/nn/bottleneck.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Linear, mergeAdapter, unmergeAdapter, withAdapter } from '../../src/nn/linear.ts';
import { Lora, type LoraOptions } from '../../src/nn/lora.ts';
import { sub } from '../../src/ops/binary.ts';
import { mean } from '../../src/ops/reduce.ts';
import { square } from '../../src/ops/unary.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { cosine } from '../../src/optim/schedule.ts';
import { backward } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';
import { singularValues } from '../reference/singular_values.ts';

const [INPUTS, OUTPUTS] = [9, 12];
const PARTS = { query: 6, key: 2, value: 4 };
const CLOSE = { rtol: 1e-5, atol: 1e-5 };

/** A frozen layer with an adapter named 'task' that does something. */
function adapted(options: LoraOptions, { learned = true, bias = true } = {}) {
  const init = new Initialiser(device, 3);
  const layer = new Linear(init, INPUTS, OUTPUTS, { bias, std: 1, parts: PARTS });
  for (const x of layer.parameters()) x.requireGrad(false);
  const lora = new Lora(init, layer, options);
  layer.adapters.set('task', lora);
  if (learned) for (const { b } of lora.factors.values()) randomise(b);
  return { layer, lora };
}

function randomise(x: Tensor): void {
  x.write(Array.from({ length: x.size }, (_, i) => Math.sin(3 * i + x.size)));
}

const input = () => device.randn([5, INPUTS], { seed: 8 });
const throughTask = (layer: Linear, x: Tensor) =>
  withAdapter(layer, 'task', () => layer.forward(x)).data();
const wide = (values: ArrayLike<number>) => Float64Array.from(values);

const KINDS: [string, LoraOptions][] = [
  ['whole', { rank: 3 }],
  ['query and value of a packed layer', { rank: 3, parts: ['query', 'value'] }],
  ['with the rank-stabilised scale', { rank: 3, rankStabilised: true, parts: ['key'] }],
];

describe.each(KINDS)('H6: %s', (_, options) => {
  test('an update that has not learned changes no bit', async () => {
    const { layer } = adapted(options, { learned: false });
    expect(await throughTask(layer, input())).toEqual(await layer.forward(input()).data());
  });

  test('merged is what unmerged computes, and unmerging brings back every bit', async () => {
    const { layer } = adapted(options);
    const [x, weight] = [input(), await layer.weight.data()];
    const base = await layer.forward(x).data();
    const unmerged = await throughTask(layer, x);
    mergeAdapter(layer, 'task');
    expect(layer.merged).toBe('task');
    expectClose(await layer.forward(x).data(), wide(unmerged), CLOSE, 'merged');
    expect([...layer.namedTensors().keys()].filter((name) => name.startsWith('weight'))).toEqual([
      'weight',
    ]);
    unmergeAdapter(layer);
    expect(await layer.weight.data()).toEqual(weight);
    expect(await layer.forward(x).data()).toEqual(base);
    expect(await throughTask(layer, x)).toEqual(unmerged);
  });
});

test('H6: the scale is alpha over r, or over its root', async () => {
  const change = async (options: LoraOptions) => {
    const { layer, lora } = adapted({ rank: 4, alpha: 8, ...options }, { bias: false });
    const delta = await lora.delta(layer).data();
    return { scale: lora.scale, delta };
  };
  const [plain, stabilised] = [await change({}), await change({ rankStabilised: true })];
  expect([plain.scale, stabilised.scale]).toEqual([2, 4]);
  expectClose(
    stabilised.delta,
    wide(plain.delta).map((v) => 2 * v),
    CLOSE,
    'change',
  );
});

test('H6: a packed layer is changed in the rows of the chosen projections alone', async () => {
  const { layer, lora } = adapted({ rank: 2, parts: ['query', 'value'] });
  const delta = await lora.delta(layer).data();
  const changed = Array.from({ length: OUTPUTS }, (_, row) =>
    delta.slice(row * INPUTS, (row + 1) * INPUTS).some((v) => v !== 0),
  );
  const expected = (size: number, value: boolean) => Array<boolean>(size).fill(value);
  expect(changed).toEqual([...expected(6, true), ...expected(2, false), ...expected(4, true)]);
});

test('H6: dropout acts in training alone, on the way to A, and keeps the mean', async () => {
  const { layer } = adapted({ rank: 3, dropout: 0.5 });
  const x = input();
  const quiet = await throughTask(layer, x);
  const base = await layer.forward(x).data();
  const sums = new Float64Array(quiet.length);
  const draws = 150;
  for (let step = 0; step < draws; step++) {
    device.beginStep(1, step);
    const y = await device
      .scope(() => withAdapter(layer, 'task', () => layer.forward(x), { training: true }))
      .data();
    if (step === 0) expect(y).not.toEqual(quiet);
    for (const [i, v] of y.entries()) sums[i]! += v / draws;
  }
  // The mean of the draws has an error of about a twentieth of the largest change.
  const change = Math.max(...quiet.map((v, i) => Math.abs(v - base[i]!)));
  expect(change).toBeGreaterThan(1);
  for (const [i, v] of quiet.entries()) expect(Math.abs(sums[i]! - v)).toBeLessThan(change / 4);
});

describe('H6: on linear regression', () => {
  /** Least squares of y = x Wᵀ from a frozen random start, by the update alone: its loss and what it added. */
  async function learned(rank: number) {
    const steps = 350;
    const init = new Initialiser(device, 5);
    const layer = new Linear(init, INPUTS, OUTPUTS, { std: 0.3 });
    layer.weight.requireGrad(false);
    const lora = new Lora(init, layer, { rank, alpha: rank });
    layer.adapters.set('task', lora);
    const x = device.randn([64, INPUTS], { seed: 1 });
    const y = new Linear(new Initialiser(device, 6), INPUTS, OUTPUTS, { std: 0.3 })
      .forward(x)
      .detach();
    const optimizer = new AdamW(lora.parameters(), { lr: 0.05, weightDecay: 0 });
    const schedule = cosine({ lr: 0.05, minLr: 1e-5, decaySteps: steps });
    const run = () => {
      const loss = mean(
        square(
          sub(
            withAdapter(layer, 'task', () => layer.forward(x)),
            y,
          ),
        ),
      );
      backward(loss);
      optimizer.apply({ zeroGrad: true });
      return loss;
    };
    let step: ReturnType<typeof device.capture<Tensor>> | null = null;
    for (let i = 0; i < steps; i++) {
      optimizer.lr = schedule(i);
      optimizer.advance();
      if (step) step();
      else step = device.capture(run);
      if (i % 50 === 0) device.submit();
    }
    const loss = await step!.result.item();
    const values = singularValues(await lora.delta(layer).data(), [OUTPUTS, INPUTS]);
    step!.dispose();
    optimizer.dispose();
    return { loss, values };
  }

  test('r >= min(d, k) reaches the full solution, a smaller r does not, and ΔW has at most rank r', async () => {
    const small = await learned(2);
    expect(small.loss).toBeGreaterThan(0.05);
    expect(small.values[1]).toBeGreaterThan(0.1);
    expect(small.values[2]).toBeLessThan(1e-5 * small.values[0]!);
    const full = await learned(INPUTS);
    expect(full.loss).toBeLessThan(1e-6);
    expect(full.values[INPUTS - 1]).toBeGreaterThan(0.01); // the solution needs them all
  });
});

describe('refused', () => {
  test('parts that the layer does not have, ranks and probabilities that are none', () => {
    expect(() => adapted({ parts: ['quarry'] })).toThrow(
      new ConfigError('Lora: the layer has no part "quarry"; it has query, key, value'),
    );
    expect(() => adapted({ rank: 0 })).toThrow('Lora: rank is 0');
    expect(() => adapted({ dropout: 1 })).toThrow('Lora: dropout is 1');
  });

  test('another adapter while one is merged; merging what only stands behind the layer', () => {
    const { layer } = adapted({});
    layer.adapters.set('neck', new Bottleneck(new Initialiser(device, 1), layer));
    expect(() => mergeAdapter(layer, 'neck')).toThrow(
      'mergeAdapter: "neck" cannot be merged: it does more than to add to a weight',
    );
    mergeAdapter(layer, 'task');
    for (const name of ['task', null]) {
      expect(() => withAdapter(layer, name, () => 0)).toThrow(
        'adapter "task" is merged into the weights; unmergeAdapter() first',
      );
    }
    unmergeAdapter(layer);
    expect(withAdapter(layer, 'task', () => 7)).toBe(7);
  });
});
