import { expect, test } from 'vitest';
import { fromFloats, toFloats } from '../../src/io/float_tensors.ts';

const isNaNBits = { f16: 0x7c00, bf16: 0x7f80 };

test.each(['f16', 'bf16'] as const)('all numbers of %s come back, and only they', (dtype) => {
  const exponent = isNaNBits[dtype];
  const all = Array.from({ length: 65536 }, (_, bits) => bits);
  const numbers = all.filter((bits) => (bits & 0x7fff) <= exponent); // infinities, but no NaN
  const data = Uint16Array.from(numbers);
  const floats = toFloats({ dtype, shape: [data.length], data });
  expect(fromFloats(floats, dtype)).toEqual(data);
  for (const other of [1 + 2 ** -12, -(2 ** -140), 1e38 + 1e30, 1 / 3]) {
    const changed = floats.with(1000, other);
    expect(fromFloats(changed, dtype), `${other}`).toBeNull();
    expect(fromFloats(changed, 'f32')).toBe(changed);
  }
});

test('values are known by their place in a larger array', () => {
  const data = Uint16Array.of(9, 0x3c00, 0xc000, 9).subarray(1, 3);
  const floats = toFloats({ dtype: 'f16', shape: [2], data });
  expect([...floats]).toEqual([1, -2]);
  const padded = Float32Array.of(9, 1, -2, 9).subarray(1, 3);
  expect(fromFloats(padded, 'f16')).toEqual(data);
});
