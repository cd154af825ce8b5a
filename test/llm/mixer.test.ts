// The mixer: what it computes, who sees whom, and that its gradients are those of what it computes.

import { beforeAll, expect, test } from 'vitest';
import { Mixer } from '../../src/llm/mixer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { backward } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';

const CONFIG = { vocabularySize: 7, context: 6, layers: 2, width: 8, hidden: 24 };
const [B, T, V] = [2, 6, 7];
const IDS = [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1];
const TARGETS = [1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1, 0];

let model: Mixer;

beforeAll(async () => {
  model = new Mixer(new Initialiser(device, 3), CONFIG);
  // Far from where it begins, so that every position counts.
  const random = new Initialiser(device, 4);
  for (const [, x] of model.namedParameters()) {
    const change = random.normal(x.shape, 0.2);
    const [values, changes] = [await x.data(), await change.data()];
    x.write(Float32Array.from(values, (value, i) => value + changes[i]!));
    change.dispose();
  }
});

const ids = (values: number[]) => device.tensor(values, { shape: [B, T], dtype: 'i32' });
const logits = async (values: number[]) => (await model.forward(ids(values)).data()).slice();

test('G6: a mixer is causal: a token changes the logits at its place and after it, and none before, bit for bit', async () => {
  const before = await logits(IDS);
  for (const place of [0, 3, 5]) {
    const after = await logits(IDS.with(place, (IDS[place]! + 1) % V));
    const changed = Array.from({ length: B * T }, (_, row) =>
      before.slice(row * V, (row + 1) * V).some((x, i) => x !== after[row * V + i]),
    );
    expect(changed).toEqual(Array.from({ length: B * T }, (_, row) => row >= place && row < T));
  }
});

test('a shorter sequence has the logits of its beginning', async () => {
  const all = await logits(IDS);
  const short = device.tensor(IDS.slice(0, 4), { shape: [1, 4], dtype: 'i32' });
  const first = await model.forward(short).data();
  for (const [i, x] of first.entries()) expect(x).toBeCloseTo(all[i]!, 5);
});

test('has the gradients of its loss; what is above a diagonal has none', async () => {
  const targets = ids(TARGETS);
  const lossOf = () => model.loss(ids(IDS), targets);
  backward(lossOf());
  for (const [name, x] of model.namedParameters()) {
    const values = (await x.data()).slice();
    const gradient = await x.grad!.data();
    for (const at of [1, Math.floor(values.length / 2), values.length - 2]) {
      const h = 4e-3;
      const loss = async (change: number) => {
        x.write(values.with(at, values[at]! + change));
        return lossOf().item();
      };
      const slope = ((await loss(h)) - (await loss(-h))) / (2 * h);
      expect(gradient[at], `${name} at ${at}`).toBeCloseTo(slope, 2);
    }
    x.write(values);
    if (!name.endsWith('mixing')) continue;
    const above = gradient.filter((_, i) => i % T > Math.floor(i / T));
    expect(above.every((g) => g === 0)).toBe(true);
    expect(gradient.filter((g) => g === 0)).toHaveLength((T * (T - 1)) / 2);
  }
});

test('counts the values that it can learn', () => {
  const { layers, width, hidden } = CONFIG;
  const perLayer = (T * (T + 1)) / 2 + 2 * width * hidden + 2 * width;
  expect(model.parameterCount).toBe(V * width + layers * perLayer + width);
});
