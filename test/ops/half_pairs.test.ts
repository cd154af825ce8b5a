import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/ops/device.ts';
import { embedding } from '../../src/ops/embedding.ts';
import { packHalf, unpackHalf } from '../../src/ops/half_pairs.ts';
import { linear } from '../../src/ops/linear.ts';
import { floatToHalf, halfToFloat } from '../../src/tensor/half.ts';
import { grad } from '../../src/tensor/tape.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.destroy());

test('every half survives the way through a float and back', () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = halfToFloat(bits);
    if (Number.isNaN(value)) expect(floatToHalf(value) & 0x7c00).toBe(0x7c00);
    else expect(floatToHalf(value)).toBe(bits);
  }
});

test('rounding goes to the nearest half, ties to even, overflow to infinity', () => {
  const rounded = (x: number) => halfToFloat(floatToHalf(x));
  expect(rounded(1 + 2 ** -11)).toBe(1); // half way between 1 and 1 + 2^-10
  expect(rounded(1 + 3 * 2 ** -11)).toBe(1 + 2 ** -9);
  expect(rounded(65519)).toBe(65504);
  expect(rounded(65520)).toBe(Number.POSITIVE_INFINITY);
  expect(rounded(2 ** -25)).toBe(0);
  expect(rounded(1.5 * 2 ** -24)).toBe(2 ** -23);
});

test('pairs unpack on every adapter to the rounded values', async () => {
  const values = [1, -2.5, 65504, 2 ** -24, 0, -0, 0.1, 1 / 3];
  const packed = packHalf(device, values, [2, 4]);
  expect(packed.shape).toEqual([2, 2]);
  const unpacked = unpackHalf(packed);
  expect(unpacked.shape).toEqual([2, 4]);
  expect([...(await unpacked.data())]).toEqual(values.map((x) => halfToFloat(floatToHalf(x))));
});

test('linear and embedding take packed weights, and x still gets its gradient', async () => {
  const values = Array.from({ length: 24 }, (_, i) => Math.sin(i));
  const rounded = values.map((x) => halfToFloat(floatToHalf(x)));
  const packed = packHalf(device, values, [6, 4]);
  const full = device.tensor(rounded, { shape: [6, 4] });
  const x = device.randn([3, 4], { seed: 1 }).requireGrad();
  expect(await linear(x, packed).data()).toEqual(await linear(x, full).data());
  const ids = device.tensor([5, 0, 3], { dtype: 'i32' });
  expect(await embedding(packed, ids).data()).toEqual(await embedding(full, ids).data());
  const dy = device.randn([3, 6], { seed: 2 });
  const [fromPacked] = grad(linear(x, packed), [x], { dy });
  const [fromFull] = grad(linear(x, full), [x], { dy });
  expect(await fromPacked!.data()).toEqual(await fromFull!.data());
});

test('an odd width is refused', () => {
  expect(() => packHalf(device, [1, 2, 3], [1, 3])).toThrow(
    /packHalf: 3 values in \[1, 3\]; the last axis must be even/,
  );
});
