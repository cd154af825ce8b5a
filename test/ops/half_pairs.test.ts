import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { add } from '../../src/ops/binary.ts';
import { Device } from '../../src/ops/device.ts';
import { embedding } from '../../src/ops/embedding.ts';
import { packHalf, unpackHalf } from '../../src/ops/half_pairs.ts';
import { linear } from '../../src/ops/linear.ts';
import { linearCrossEntropy } from '../../src/ops/linear_cross_entropy.ts';
import { loraLinear } from '../../src/ops/lora.ts';
import { gelu } from '../../src/ops/unary.ts';
import { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from '../../src/tensor/half.ts';
import { grad, noGrad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { expectClose } from '../reference/close.ts';

let device: Device;
// The second table does not fit one binding.
const LIMIT = 1024;
let narrow: Device;
beforeAll(async () => {
  device = await Device.open();
  narrow = await Device.open({ limits: { maxStorageBufferBindingSize: LIMIT } });
});
afterAll(() => {
  device.destroy();
  narrow.destroy();
});

const rounded = {
  f16: (x: number) => halfToFloat(floatToHalf(x)),
  bf16: (x: number) => bfloatToFloat(floatToBfloat(x)),
};

test('every half and every bfloat16 survives the way through a float and back', () => {
  const survives = (bits: number) => {
    const [half, bfloat] = [halfToFloat(bits), bfloatToFloat(bits)];
    const [halfBits, bfloatBits] = [floatToHalf(half), floatToBfloat(bfloat)];
    return (
      (Number.isNaN(half) ? (halfBits & 0x7e00) === 0x7e00 : halfBits === bits) &&
      (Number.isNaN(bfloat) ? (bfloatBits & 0x7fc0) === 0x7fc0 : bfloatBits === bits)
    );
  };
  const all = Array.from({ length: 65536 }, (_, bits) => bits);
  expect(all.filter((bits) => !survives(bits))).toEqual([]);
});

test('rounding goes to the nearest half, ties to even, overflow to infinity', () => {
  expect(rounded.f16(1 + 2 ** -11)).toBe(1); // half way between 1 and 1 + 2^-10
  expect(rounded.f16(1 + 3 * 2 ** -11)).toBe(1 + 2 ** -9);
  expect(rounded.f16(65519)).toBe(65504);
  expect(rounded.f16(65520)).toBe(Number.POSITIVE_INFINITY);
  expect(rounded.f16(2 ** -25)).toBe(0);
  expect(rounded.f16(1.5 * 2 ** -24)).toBe(2 ** -23);
});

test('rounding to bfloat16 is to the nearest, ties to even', () => {
  expect(rounded.bf16(1 + 2 ** -8)).toBe(1);
  expect(rounded.bf16(1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6);
  expect(rounded.bf16(-(1 + 2 ** -8 + 2 ** -20))).toBe(-(1 + 2 ** -7));
  expect(rounded.bf16(3.4e38)).toBe(Number.POSITIVE_INFINITY);
  expect(rounded.bf16(1e-30)).toBeCloseTo(1e-30, 32); // far below the smallest half
});

describe.each(['f16', 'bf16'] as const)('pairs of %s', (type) => {
  test('unpack on every adapter to the rounded values', async () => {
    const values = [1, -2.5, 65504, 2 ** -24, 0, -0, 0.1, 1 / 3];
    const packed = packHalf(device, values, [2, 4], type);
    expect(packed.shape).toEqual([2, 2]);
    const unpacked = unpackHalf(packed);
    expect(unpacked.shape).toEqual([2, 4]);
    expect([...(await unpacked.data())]).toEqual(values.map(rounded[type]));
    const few = unpackHalf(packHalf(device, values.slice(0, 6), [3, 2], type));
    expect([...(await few.data())]).toEqual(values.slice(0, 6).map(rounded[type]));
  });

  const SHAPES = [1, 3, 8].flatMap((M) => [[M, 1, 8] as const, [M, 37, 72] as const]);
  test.each(SHAPES)('%i rows times a weight [%i, %i], read as it is', async (M, N, K) => {
    const draw = (shape: number[], seed: number) => device.randn(shape, { seed });
    const values = (await draw([N, K], 1).data()) as Float32Array;
    const packed = packHalf(device, values, [N, K], type);
    const weight = device.tensor(values.map(rounded[type]), { shape: [N, K] });
    const [x, bias, residual] = [draw([M, K], 2).requireGrad(), draw([N], 3), draw([M, N], 4)];
    const dispatched: string[] = [];
    const dispatch = device.gpu.dispatch.bind(device.gpu);
    device.gpu.dispatch = (each) => {
      dispatched.push(each.kernel.entry);
      dispatch(each);
    };
    const got = linear(x, packed, bias, { residual });
    const active = noGrad(() => linear(x, packed, bias, { activation: 'gelu', residual }));
    device.gpu.dispatch = dispatch;
    expect(dispatched).toEqual(['vectorised', 'vectorised']);
    const dy = draw([M, N], 5);
    const tolerance = { rtol: 1e-5, atol: 1e-5 };
    const expectSame = async (y: Tensor, wanted: Tensor, label: string) =>
      expectClose(await y.data(), Float64Array.from(await wanted.data()), tolerance, label);
    const want = linear(x, weight, bias, { residual });
    await expectSame(got, want, 'y');
    await expectSame(active, add(gelu(linear(x, weight, bias)), residual), 'with an activation');
    await expectSame(grad(got, [x], { dy })[0]!, grad(want, [x], { dy })[0]!, 'dx');
  });

  // 1200 bytes as pairs, 2400 unpacked; [6, 4] fits.
  test.each([
    ['at once', 6, 4],
    ['in blocks', 50, 12],
  ])('are weights like others, %s', async (_, V, C) => {
    const values = Array.from({ length: V * C }, (_, i) => Math.sin(i));
    const at = V * C * 4 > LIMIT ? narrow : device;
    const packed = packHalf(at, values, [V, C], type);
    const full = at.tensor(values.map(rounded[type]), { shape: [V, C] });
    const x = at.randn([3, C], { seed: 1 }).requireGrad();
    const [a, b] = [[2, C] as const, [V, 2] as const].map((shape, seed) =>
      at.randn(shape, { seed: seed + 2 }).requireGrad(),
    );
    const ids = at.tensor([V - 1, 0, 3], { dtype: 'i32' });
    const ops: Record<string, [(weight: Tensor) => Tensor, Tensor[]]> = {
      linear: [(w) => linear(x, w), [x]],
      loraLinear: [(w) => loraLinear(x, w, a!, b!, { alpha: 4, rank: 2 }), [x, a!, b!]],
      linearCrossEntropy: [(w) => linearCrossEntropy(x, w, ids), [x]],
    };
    for (const [name, [op, inputs]] of Object.entries(ops)) {
      expect(await op(packed).data(), name).toEqual(await op(full).data());
      const gradients = (weight: Tensor) => {
        const y = op(weight);
        return grad(y, inputs, { dy: at.randn(y.shape, { seed: 5 }) });
      };
      const [got, want] = [gradients(packed), gradients(full)];
      for (const [i, dx] of got.entries())
        expect(await dx!.data(), `${name}, gradient ${i}`).toEqual(await want[i]!.data());
    }
    expect(await embedding(packed, ids).data()).toEqual(await embedding(full, ids).data());
  });
});

test('an odd width is refused, and words that are no pairs', () => {
  expect(() => packHalf(device, [1, 2, 3], [1, 3])).toThrow(
    'packHalf: the last axis of [1, 3] must be even',
  );
  expect(() => packHalf(device, [1, 2, 3], [1, 4])).toThrow('3 values do not fill [1, 4]');
  const words = device.zeros([6, 2], { dtype: 'u32' });
  const ids = device.tensor([1], { dtype: 'i32' });
  expect(() => linear(device.zeros([3, 4]), words)).toThrow(
    'linear: a u32 tensor [6, 2] holds no halves; make it with packHalf',
  );
  expect(() => embedding(words, ids)).toThrow('embedding: a u32 tensor [6, 2] holds no halves');
});
