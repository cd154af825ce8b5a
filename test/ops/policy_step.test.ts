// Acting in one kernel against float64: the same draws decide, so that the actions are those of the reference.

import { expect, test } from 'vitest';
import { draws } from '../../bench/inputs.ts';
import { isSmallPolicy, packPolicy, policyStep } from '../../src/ops/policy_step.ts';
import { fillNormal, fillUniform } from '../../src/tensor/philox.ts';
import { device } from '../device.ts';

const SEED = 9;
const STEP = 4;

function policyOf(widths: readonly number[]) {
  const { normal } = draws();
  return widths.slice(1).map((out, i) => ({
    weight: normal([out, widths[i]!], 1 / Math.sqrt(widths[i]!)),
    bias: normal([out], 0.3),
  }));
}

type HostLayers = ReturnType<typeof policyOf>;

const onDevice = (layers: HostLayers) =>
  layers.map(({ weight, bias }) => ({
    weight: device.tensor(weight.data, { shape: weight.shape }),
    bias: device.tensor(bias.data),
  }));

function outputs(layers: HostLayers, x: ArrayLike<number>): number[] {
  let h = Array.from(x);
  for (const [i, { weight, bias }] of layers.entries()) {
    const inputs = i === 0 ? h : h.map(Math.tanh);
    h = Array.from(bias.data, (b, j) =>
      inputs.reduce((sum, value, k) => sum + value * weight.data[j * inputs.length + k]!, b),
    );
  }
  return h;
}

test.each([
  { N: 37, widths: [4, 64, 64, 2] },
  { N: 16, widths: [3, 12, 20, 5] },
  { N: 1, widths: [30, 8, 64, 7] },
])('draws $N discrete actions of a policy $widths', async ({ N, widths }) => {
  const layers = policyOf(widths);
  const x = draws().normal([N, widths[0]!]);
  device.beginStep(SEED, STEP);
  const packed = packPolicy({ layers: onDevice(layers) });
  const rounds = 8;
  const drawn = Array.from({ length: rounds }, () =>
    policyStep(device.tensor(x.data, { shape: x.shape }), packed),
  );
  let close = 0;
  for (let stream = 0; stream < rounds; stream++) {
    const got = await drawn[stream]!.data();
    const u = new Float64Array(N);
    fillUniform(u, { seed: SEED, stream, step: STEP });
    for (let n = 0; n < N; n++) {
      const z = outputs(layers, x.data.subarray(n * widths[0]!, (n + 1) * widths[0]!));
      const top = Math.max(...z);
      const weights = z.map((logit) => Math.exp(logit - top));
      let left = u[n]! * weights.reduce((a, b) => a + b);
      let action = 0;
      while (left >= weights[action]!) left -= weights[action++]!;
      // Where the draw is that near an edge, rounding decides.
      if (Math.min(left, weights[action]! - left) < 1e-5) close++;
      else expect(got[n]).toBe(action);
    }
  }
  expect(close).toBeLessThan(2);
});

test('draws continuous actions, of scaled observations', async () => {
  const [N, A] = [21, 2];
  const widths = [3, 64, 32, A];
  const layers = policyOf(widths);
  const { normal } = draws();
  const [x, mean, logStd] = [normal([N, 3], 5), normal([3]), normal([A], 0.5)];
  const scale = Float32Array.of(0.5, 4, 100);
  device.beginStep(SEED, STEP);
  const packed = packPolicy({
    layers: onDevice(layers),
    norm: { mean: device.tensor(mean.data), scale: device.tensor(scale) },
    logStd: device.tensor(logStd.data),
  });
  const actions = policyStep(device.tensor(x.data, { shape: [N, 3] }), packed);
  expect(actions.shape).toEqual([N, A]);
  const got = await actions.data();
  const noise = new Float64Array(N * A);
  fillNormal(noise, { seed: SEED, stream: 0, step: STEP });
  for (let n = 0; n < N; n++) {
    const scaled = [0, 1, 2].map((k) =>
      Math.max(-10, Math.min(10, (x.data[3 * n + k]! - mean.data[k]!) * scale[k]!)),
    );
    for (const [j, z] of outputs(layers, scaled).entries()) {
      const want = z + Math.exp(logStd.data[j]!) * noise[n * A + j]!;
      expect(Math.abs(got[n * A + j]! - want)).toBeLessThan(1e-5);
    }
  }
});

test('a policy that is not small is refused', () => {
  expect(isSmallPolicy([4, 64, 64, 2])).toBe(true);
  for (const widths of [
    [4, 64, 2],
    [4, 128, 64, 2],
    [4, 62, 64, 2],
    [100, 64, 64, 2],
  ])
    expect(isSmallPolicy(widths)).toBe(false);
  expect(() => packPolicy({ layers: onDevice(policyOf([4, 63, 64, 2])) })).toThrow(
    'packPolicy: the widths are [4, 63, 64, 2]; expected two hidden layers, multiples of 4',
  );
});
