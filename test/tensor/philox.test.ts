import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import {
  fillNormal,
  fillUniform,
  keyOf,
  normalPair,
  philox,
  randomStream,
  uniformFromBits,
} from '../../src/tensor/philox.ts';

const hex = (words: readonly number[]) =>
  words.map((w) => w.toString(16).padStart(8, '0')).join(' ');

/** Philox with 64-bit products by BigInt: slow, and nothing in common with the one under test. */
function philoxByBigInt(counter: readonly number[], key: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  const mask = 0xffffffffn;
  for (let round = 0; round < 10; round++) {
    const product0 = 0xd2511f53n * c0;
    const product1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [
      (product1 >> 32n) ^ c1 ^ k0,
      product1 & mask,
      (product0 >> 32n) ^ c3 ^ k1,
      product0 & mask,
    ];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [c0, c1, c2, c3].map(Number);
}

describe('philox', () => {
  it('gives the three published Random123 vectors', () => {
    const ones = 0xffffffff;
    expect(hex(philox([0, 0, 0, 0], [0, 0]))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    expect(hex(philox([ones, ones, ones, ones], [ones, ones]))).toBe(
      '408f276d 41c83b0e a20bc7c6 6d5451fd',
    );
    expect(
      hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])),
    ).toBe('d16cfe09 94fdcceb 5001e420 24126ea1');
  });

  it('equals the definition in 64-bit integers on 2000 random counters and keys', () => {
    const random = randomStream(1);
    const word = () => random.integer(2 ** 32);
    for (let i = 0; i < 2000; i++) {
      const counter = [word(), word(), word(), word()] as [number, number, number, number];
      const key = [word(), word()] as [number, number];
      expect(philox(counter, key)).toEqual(philoxByBigInt(counter, key));
    }
  });

  it('splits a seed into two words, the same for a number and a bigint', () => {
    expect(keyOf(0x1_0000_0002)).toEqual([2, 1]);
    expect(keyOf(0x1_0000_0002n)).toEqual([2, 1]);
    expect(keyOf(Number.MAX_SAFE_INTEGER)).toEqual([0xffffffff, 0x1fffff]);
    expect(keyOf((1n << 64n) - 1n)).toEqual([0xffffffff, 0xffffffff]);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53, -1n, 1n << 64n])('refuses the seed %s', (seed) => {
    expect(() => keyOf(seed)).toThrow(ConfigError);
  });
});

describe('the mapping of elements to words', () => {
  it('element i is word i mod 4 of counter (floor(i / 4), step, stream, 0)', () => {
    const out = new Float64Array(11);
    fillUniform(out, { seed: 0x5_0000_0007, stream: 3, step: 9 });
    for (let i = 0; i < out.length; i++) {
      const words = philox([Math.floor(i / 4), 9, 3, 0], [7, 5]);
      expect(out[i]).toBe(uniformFromBits(words[i % 4]!));
    }
  });

  it('normals are pairs of a block: words (0, 1) and (2, 3)', () => {
    const out = new Float64Array(7);
    fillNormal(out, { seed: 5, stream: 2, step: 1 });
    const first = philox([0, 1, 2, 0], [5, 0]);
    const second = philox([1, 1, 2, 0], [5, 0]);
    expect([...out]).toEqual(
      [
        ...normalPair(first[0], first[1]),
        ...normalPair(first[2], first[3]),
        ...normalPair(second[0], second[1]),
        ...normalPair(second[2], second[3]),
      ].slice(0, 7),
    );
  });

  it('a shorter fill is a prefix of a longer one', () => {
    for (const fill of [fillUniform, fillNormal]) {
      const long = new Float64Array(64);
      fill(long, { seed: 1 });
      for (const length of [0, 1, 2, 3, 5, 63]) {
        const short = new Float64Array(length);
        fill(short, { seed: 1 });
        expect(short).toEqual(long.subarray(0, length));
      }
    }
  });

  it('seed, stream and step each give other numbers', () => {
    const draws = [
      { seed: 0 },
      { seed: 1 },
      { seed: 0, stream: 1 },
      { seed: 0, step: 1 },
      { seed: 2 ** 32 },
    ];
    const firsts = draws.map((draw) => {
      const out = new Float64Array(1);
      fillUniform(out, draw);
      return out[0];
    });
    expect(new Set(firsts).size).toBe(draws.length);
  });
});

describe('distributions', () => {
  const n = 200_000;

  it('uniforms lie in [0, 1) and are exact in float32', () => {
    expect(uniformFromBits(0)).toBe(0);
    expect(uniformFromBits(0xffffffff)).toBe(1 - 2 ** -24);
    expect(Math.fround(uniformFromBits(0xffffffff))).toBe(1 - 2 ** -24);
  });

  it('uniforms fill 100 bins evenly (chi-square within 4 sigma)', () => {
    const out = new Float64Array(n);
    fillUniform(out, { seed: 2024 });
    const bins = new Array<number>(100).fill(0);
    for (const u of out) bins[Math.floor(100 * u)]!++;
    const chiSquare = bins.reduce((sum, count) => sum + (count - n / 100) ** 2 / (n / 100), 0);
    expect(Math.abs(chiSquare - 99)).toBeLessThan(4 * Math.sqrt(2 * 99));
  });

  it('normals have the moments 0, 1, 0, 3 and no correlation within a pair', () => {
    const out = new Float64Array(n);
    fillNormal(out, { seed: 2024 });
    const mean = (f: (z: number, i: number) => number) =>
      out.reduce((sum, z, i) => sum + f(z, i), 0) / n;
    // Standard errors of the first four sample moments are sqrt(1, 2, 15, 96) / sqrt(n).
    expect(Math.abs(mean((z) => z))).toBeLessThan(4 * Math.sqrt(1 / n));
    expect(Math.abs(mean((z) => z ** 2) - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(mean((z) => z ** 3))).toBeLessThan(4 * Math.sqrt(15 / n));
    expect(Math.abs(mean((z) => z ** 4) - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
    const product = mean((z, i) => (i % 2 === 0 ? 2 * z * out[i + 1]! : 0));
    expect(Math.abs(product)).toBeLessThan(4 * Math.sqrt(2 / n));
  });

  it('normals are finite for every extreme word', () => {
    expect(normalPair(0, 0)[0]).toBeCloseTo(Math.sqrt(48 * Math.log(2)), 12);
    expect(Math.abs(normalPair(0xffffffff, 123)[0])).toBe(0);
  });
});

describe('randomStream', () => {
  it('continues exactly from a saved position', () => {
    const random = randomStream(7, 1);
    random.uniform();
    random.normal();
    random.integer(10);
    const saved = random.position;
    const after = [random.uniform(), random.normal(), random.integer(1000)];
    const resumed = randomStream(7, 1, { position: saved });
    expect([resumed.uniform(), resumed.normal(), resumed.integer(1000)]).toEqual(after);
    random.position = saved;
    expect([random.uniform(), random.normal(), random.integer(1000)]).toEqual(after);
  });

  it('draws the uniforms of fillUniform in order', () => {
    const out = new Float64Array(10);
    fillUniform(out, { seed: 3, stream: 4, step: 5 });
    const random = randomStream(3, 4, { step: 5 });
    expect([...out].map(() => random.uniform())).toEqual([...out]);
  });

  it('does not repeat after 2^34 words, where the block number passes 32 bits', () => {
    const early = randomStream(1, 0, { position: 0 });
    const late = randomStream(1, 0, { position: 2 ** 34 });
    expect(late.uniform()).not.toBe(early.uniform());
  });

  it('integers are even over n values, also where 2^32 mod n is large', () => {
    const random = randomStream(11);
    const n = 3 * 2 ** 30; // a plain remainder would give the lower third twice as often
    let low = 0;
    for (let i = 0; i < 30_000; i++) if (random.integer(n) < n / 3) low++;
    expect(Math.abs(low - 10_000)).toBeLessThan(4 * Math.sqrt(30_000 * (1 / 3) * (2 / 3)));
    expect(random.integer(1)).toBe(0);
  });

  it.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('integer(%s) is an error', (n) => {
    expect(() => randomStream(1).integer(n)).toThrow(ConfigError);
  });

  it('shuffles give the six orders of three elements equally often', () => {
    const random = randomStream(5);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = random.shuffle([0, 1, 2]).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values())
      expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(1000 * (5 / 6)));
  });

  it('shuffles typed arrays in place', () => {
    const array = new Int32Array([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(randomStream(1).shuffle(array)).toBe(array);
    expect([...array].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...array]).not.toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
