import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { add } from '../../src/ops/binary.ts';
import { Device } from '../../src/ops/device.ts';
import { embedding } from '../../src/ops/embedding.ts';
import { linear } from '../../src/ops/linear.ts';
import { linearCrossEntropy } from '../../src/ops/linear_cross_entropy.ts';
import { loraLinear } from '../../src/ops/lora.ts';
import { packWeight, unpackWeight } from '../../src/ops/packed.ts';
import { gelu } from '../../src/ops/unary.ts';
import { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from '../../src/tensor/half.ts';
import { grad, noGrad } from '../../src/tensor/tape.ts';
import type { PackedType, Tensor } from '../../src/tensor/tensor.ts';
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

/** max |w| / 127 of a row, in f32. */
const scaleOf = (row: ArrayLike<number>) =>
  Math.fround(Math.max(...Array.from(row, Math.abs)) / 127);

/** What the weight [..., n] is once packed. */
function unpacked(values: ArrayLike<number>, n: number, type: PackedType): Float32Array {
  const all = Float32Array.from(values);
  if (type !== 'int8') return all.map(rounded[type]);
  for (let begin = 0; begin < all.length; begin += n) {
    const row = all.subarray(begin, begin + n);
    const scale = scaleOf(row);
    row.set(row.map((w) => (scale === 0 ? 0 : scale * Math.round(w / scale) + 0)));
  }
  return all;
}

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
    const packed = packWeight(device, values, [2, 4], type);
    expect(packed.shape).toEqual([2, 2]);
    const values32 = unpackWeight(packed);
    expect(values32.shape).toEqual([2, 4]);
    expect([...(await values32.data())]).toEqual(values.map(rounded[type]));
    const few = unpackWeight(packWeight(device, values.slice(0, 6), [3, 2], type));
    expect([...(await few.data())]).toEqual(values.slice(0, 6).map(rounded[type]));
  });
});

// Bytes come in rows of 16.
describe.each(['f16', 'bf16', 'int8'] as const)('weights packed as %s', (type) => {
  const step = type === 'int8' ? 16 : 8;
  const SHAPES = [1, 3, 8].flatMap((M): [number, number, number][] => [
    [M, 1, step],
    [M, 37, 9 * step],
  ]);
  test.each(SHAPES)('%i rows times a weight [%i, %i], read as it is', async (M, N, K) => {
    const draw = (shape: number[], seed: number) => device.randn(shape, { seed });
    const values = (await draw([N, K], 1).data()) as Float32Array;
    const packed = packWeight(device, values, [N, K], type);
    const weight = device.tensor(unpacked(values, K, type), { shape: [N, K] });
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

  // 1200 bytes as pairs and 2400 unpacked, 1600 and 3200 of bytes; the first fits.
  test.each([
    ['at once', 6, type === 'int8' ? 16 : 4],
    ['in blocks', 50, type === 'int8' ? 16 : 12],
  ])('are weights like others, %s', async (_, V, C) => {
    const values = Float32Array.from({ length: V * C }, (_, i) => Math.sin(i));
    // Of ten rows a weight that fits is unpacked first, and one that does not fit is of three.
    const [at, rows] = V * C * 4 > LIMIT ? [narrow, 3] : [device, 10];
    const packed = packWeight(at, values, [V, C], type);
    const full = at.tensor(unpacked(values, C, type), { shape: [V, C] });
    const x = at.randn([rows, C], { seed: 1 }).requireGrad();
    const [a, b] = [[2, C] as const, [V, 2] as const].map((shape, seed) =>
      at.randn(shape, { seed: seed + 2 }).requireGrad(),
    );
    const ids = at.tensor([V - 1, 0, 3, 1, 2, 3, 4, 5, 0, 1].slice(0, rows), { dtype: 'i32' });
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

describe('bytes with a scale per row', () => {
  const N = 48;
  const ROWS = {
    normal: Array.from({ length: N }, (_, i) => Math.sin(7 * i + 1)),
    'one large among small': Array.from({ length: N }, (_, i) => (i === 5 ? -40 : 0.01 * i)),
    zeros: new Array<number>(N).fill(0),
    'at the ends of f32': Array.from({ length: N }, (_, i) => (i % 2 ? 3.4e38 : -1e38)),
    tiny: Array.from({ length: N }, (_, i) => 1e-30 * (i - 20)),
    'halfway between steps': Array.from({ length: N }, (_, i) => (i === 0 ? 127 : i - 24.5)),
  };

  test("no value moves by more than half its row's scale, and each is the nearest step", async () => {
    const values = Float32Array.from(Object.values(ROWS).flat());
    const packed = packWeight(device, values, [Object.keys(ROWS).length, N], 'int8');
    expect(packed.shape).toEqual([Object.keys(ROWS).length, N / 4 + 4]);
    const got = await unpackWeight(packed).data();
    expect(got).toEqual(unpacked(values, N, 'int8'));
    for (const [r, name] of Object.keys(ROWS).entries()) {
      const row = values.subarray(r * N, (r + 1) * N);
      const bound = (scaleOf(row) / 2) * (1 + 1e-6); // and the rounding of scale q
      const moved = row.map((w, i) => Math.abs(got[r * N + i]! - w));
      expect(Math.max(...moved), name).toBeLessThanOrEqual(bound);
    }
  });

  test('the product is that of float64 with the rounded weight', async () => {
    const [M, K] = [3, 512];
    const [x, w] = [device.randn([M, K], { seed: 1 }), device.randn([40, K], { seed: 2 })];
    const y = await linear(x, packWeight(device, await w.data(), w.shape, 'int8')).data();
    const [left, right] = [await x.data(), unpacked(await w.data(), K, 'int8')];
    const want = Float64Array.from({ length: M * 40 }, (_, i) => {
      const [m, n] = [Math.floor(i / 40), i % 40];
      let sum = 0;
      for (let k = 0; k < K; k++) sum += left[m * K + k]! * right[n * K + k]!;
      return sum;
    });
    // A sum of K products of size 1 in f32: their rounding adds up to about eps √K times the sum's own size, √K.
    expectClose(y, want, { rtol: 0, atol: 2 ** -23 * K }, 'y');
  });

  test('a quarter of the memory of f32, and 16 bytes per row', async () => {
    const before = device.memory().bytesInUse;
    const packed = packWeight(device, new Float32Array(256 * 1024), [256, 1024], 'int8');
    expect(packed.size * 4).toBe((256 * 1024 * 4) / 4 + 16 * 256);
    // The pool gives blocks of a few sizes.
    expect(device.memory().bytesInUse - before).toBeLessThan(0.32 * 256 * 1024 * 4);
    packed.dispose();
  });

  test('what is not finite is refused, and rows that are no multiple of 16', () => {
    for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      const values = new Float32Array(32);
      values[20] = bad;
      expect(() => packWeight(device, values, [2, 16], 'int8')).toThrow(
        `packWeight: ${Math.abs(bad)} cannot be rounded to 8 bits`,
      );
    }
    expect(() => packWeight(device, new Float32Array(16), [2, 8], 'int8')).toThrow(
      'packWeight: the last axis of [2, 8] must be a multiple of 16',
    );
  });
});

test('an odd width is refused, and words that are no pairs', () => {
  expect(() => packWeight(device, [1, 2, 3], [1, 3])).toThrow(
    'packWeight: the last axis of [1, 3] must be a multiple of 2',
  );
  expect(() => packWeight(device, [1, 2, 3], [1, 4])).toThrow('3 values do not fill [1, 4]');
  const words = device.zeros([6, 2], { dtype: 'u32' });
  const ids = device.tensor([1], { dtype: 'i32' });
  expect(() => linear(device.zeros([3, 4]), words)).toThrow(
    'linear: a u32 tensor [6, 2] holds no packed weight; make it with packWeight',
  );
  expect(() => embedding(words, ids)).toThrow(
    'embedding: a u32 tensor [6, 2] holds no packed weight',
  );
});
