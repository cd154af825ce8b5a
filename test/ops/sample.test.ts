// Draws against the exact distributions: supports, shares, and chi-square over many draws.

import { describe, expect, it } from 'vitest';
import { sampleInto, samplingState } from '../../src/ops/sample.ts';
import type { SamplingOptions } from '../../src/ops/sampling_options.ts';
import { device } from '../device.ts';

const P = [0.4, 0.25, 0.15, 0.1, 0.06, 0.04]; // the example of F3 and F4

/** How often each token is drawn from `probabilities`, in `draws` draws of rows with seeds of their own. */
async function histogram(probabilities: number[], options: SamplingOptions, draws = 100_000) {
  const V = probabilities.length;
  const [rows, steps] = [1000, Math.ceil(draws / 1000)];
  const logits = device.tensor(
    Array.from({ length: rows }, () => probabilities.map(Math.log)).flat(),
    { shape: [rows, V] },
  );
  const seeds = Array.from({ length: rows }, (_, i) => 7 + i);
  const state = samplingState(device, seeds, { capacity: steps, vocabularySize: V });
  const lengths = device.zeros([rows], { dtype: 'i32' });
  for (let step = 0; step < steps; step++) sampleInto(state, logits, lengths, options);
  const drawn = await state.drawn.data();
  const counts = new Array<number>(V).fill(0);
  for (let i = 0; i < drawn.length; i += 2) counts[drawn[i]!]!++;
  const bits = Float32Array.from(new Float32Array(Uint32Array.from(drawn).buffer));
  for (let i = 0; i < 200; i += 2) {
    const temperature = options.temperature || 1;
    const scaled = probabilities.map((p) => p ** (1 / temperature));
    const want = Math.log(scaled[drawn[i]!]! / scaled.reduce((a, b) => a + b));
    expect(Math.abs(bits[i + 1]! - want)).toBeLessThan(1e-5);
  }
  for (const x of [logits, lengths]) x.dispose();
  state.dispose();
  return counts;
}

/** Pearson's statistic against `expected` shares; tokens of share 0 must not occur. */
function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  const total = counts.reduce((a, b) => a + b);
  return counts.reduce((sum, count, i) => {
    const want = total * (expected[i] ?? 0);
    if (want === 0) {
      expect(count).toBe(0);
      return sum;
    }
    return sum + (count - want) ** 2 / want;
  }, 0);
}

/** The 99.9 % quantiles of chi-square by degrees of freedom. */
const QUANTILE = [0, 10.83, 13.82, 16.27, 18.47, 20.52];

async function expectShares(options: SamplingOptions, shares: readonly number[]) {
  const counts = await histogram(P, options);
  const freedom = shares.filter((share) => share > 0).length - 1;
  if (freedom === 0) return expect(counts[0]).toBe(100_000);
  expect(chiSquare(counts, shares)).toBeLessThan(QUANTILE[freedom]!);
}

describe('F3 the k likeliest, renormalised', () => {
  it.each([
    [3, [0.5, 0.3125, 0.1875]],
    [1, [1]],
    [6, P],
    [100, P],
  ])('k = %i', (topK, shares) => expectShares({ topK }, shares));
});

describe('F4 nucleus: the fewest that hold the share', () => {
  it.each([
    [0.5, [0.615385, 0.384615]],
    [0.79, [0.5, 0.3125, 0.1875]],
    [0.88, [0.444444, 0.277778, 0.166667, 0.111111]],
    [1, P],
    [1e-6, [1]],
  ])('p = %d', (topP, shares) => expectShares({ topP }, shares));

  it('of the k likeliest, where both are asked for', () =>
    // The first three renormalised are .5, .3125, .1875: the first two hold .8125.
    expectShares({ topK: 3, topP: 0.8 }, [0.615385, 0.384615]));
});

describe('F5 temperature', () => {
  it.each([0.5, 2, 1e6])('%d', async (temperature) => {
    const powers = P.map((p) => p ** (1 / temperature));
    const total = powers.reduce((a, b) => a + b);
    await expectShares(
      { temperature },
      powers.map((p) => p / total),
    );
  });

  it('0 takes the likeliest, the lowest id of equals', async () => {
    await expectShares({ temperature: 0 }, [1]);
    const counts = await histogram([0.1, 0.4, 0.1, 0.4], { temperature: 0 }, 1000);
    expect(counts).toEqual([0, 1000, 0, 0]);
  });
});

describe('the other cuts', () => {
  it('minP keeps what is at least so likely as a share of the likeliest', () =>
    expectShares({ minP: 0.3 }, [0.5, 0.3125, 0.1875])); // 0.15 / 0.4 = 0.375, 0.1 / 0.4 = 0.25

  it('equals at the edge: the lowest ids stay', async () => {
    const counts = await histogram([0.2, 0.2, 0.2, 0.2, 0.2], { topK: 3 }, 10_000);
    expect(counts.slice(3)).toEqual([0, 0]);
    expect(chiSquare(counts, [1 / 3, 1 / 3, 1 / 3])).toBeLessThan(QUANTILE[2]!);
    const nucleus = await histogram([0.2, 0.2, 0.2, 0.2, 0.2], { topP: 0.35 }, 10_000);
    expect(nucleus.slice(2)).toEqual([0, 0, 0]);
  });

  it('a mask of allowed tokens', async () => {
    const allowed = device.tensor(Uint32Array.of(0, 1, 0, 1, 0, 0), { shape: [6], dtype: 'u32' });
    await expectShares({ allowed }, [0, 0.25 / 0.35, 0, 0.1 / 0.35]);
    allowed.dispose();
  });

  it('no allowed token is an error', async () => {
    const allowed = device.zeros([6], { dtype: 'u32' });
    await expect(histogram(P, { allowed }, 1000)).rejects.toThrow('no allowed token');
    allowed.dispose();
  });

  it.each([
    [{ temperature: -1 }, 'temperature is -1, expected a number from 0 on'],
    [{ topK: 0 }, 'topK is 0, expected a whole number from 1 on'],
    [{ topP: 0 }, 'topP is 0, expected a share in (0, 1]'],
    [{ minP: Number.NaN }, 'minP is NaN, expected a share in [0, 1]'],
    [{ ends: [6] }, 'an end token is 6, expected an id in 0 … 5'],
    [{ repetitionPenalty: 0 }, 'repetitionPenalty is 0, expected a number above 0'],
  ])('%j is refused', async (options, message) => {
    await expect(histogram(P, options, 1000)).rejects.toThrow(message);
  });
});

/** The tokens of `steps` draws from the same logits for each row. */
async function tokens(
  rows: number[][],
  seeds: number[],
  steps: number,
  options: SamplingOptions,
): Promise<{ ids: number[][]; lengths: number[]; ended: boolean[] }> {
  const V = rows[0]!.length;
  const logits = device.tensor(rows.flat(), { shape: [rows.length, V] });
  const state = samplingState(device, seeds, { capacity: steps, vocabularySize: V });
  const lengths = device.zeros([rows.length], { dtype: 'i32' });
  for (let step = 0; step < steps; step++) sampleInto(state, logits, lengths, options);
  const drawn = await state.drawn.data();
  const account = await state.account.data();
  const ids = rows.map((_, row) =>
    Array.from({ length: steps }, (_, step) => drawn[2 * (row * steps + step)]!),
  );
  return {
    ids,
    lengths: Array.from(await lengths.data()),
    ended: rows.map((_, row) => account[4 * row + 3] === 1),
  };
}

describe('rows', () => {
  const flat = new Array<number>(50).fill(0);

  it('depend on their own seed alone', async () => {
    const together = await tokens([flat, flat, flat], [1, 2, 1], 20, {});
    const alone = await tokens([flat], [2], 20, {});
    expect(together.ids[0]).toEqual(together.ids[2]);
    expect(together.ids[1]).toEqual(alone.ids[0]);
    expect(together.ids[0]).not.toEqual(together.ids[1]);
    expect(together.lengths).toEqual([20, 20, 20]);
  });

  it('end at an end token and repeat it', async () => {
    const { ids, ended } = await tokens([flat, flat], [1, 2], 400, { ends: [7, 9] });
    for (const row of ids) {
      const end = row.findIndex((id) => id === 7 || id === 9);
      expect(new Set(row.slice(end + 1))).toEqual(new Set([7]));
      expect(end).toBeGreaterThan(0);
    }
    expect(ended).toEqual([true, true]);
  });

  it('a repetition penalty makes what occurred rarer', async () => {
    const greedy = { temperature: 0, repetitionPenalty: 2 };
    // 3 / 2 < 2; then 2 / 2 < 1.6; then 1.6 / 2 < 1.5 = 3 / 2.
    const { ids } = await tokens([[3, 2, 1.6, -1]], [1], 4, greedy);
    expect(ids[0]).toEqual([0, 1, 2, 0]);
    // Negative logits are multiplied.
    const negative = await tokens([[-1, -1.5, -4]], [1], 3, greedy);
    expect(negative.ids[0]).toEqual([0, 1, 0]);
  });

  it('a vocabulary of 5,003 tokens, top k and p against the sorted order', async () => {
    const V = 5003;
    const row = Array.from({ length: V }, (_, i) => 3 * Math.sin(i * 12.9898) * Math.cos(i));
    const order = row
      .map((_, i) => i)
      .sort((a, b) => Math.fround(row[b]!) - Math.fround(row[a]!) || a - b);
    const { ids } = await tokens([row], [3], 300, { topK: 20 });
    const kept = new Set(order.slice(0, 20));
    expect(ids[0]!.every((id) => kept.has(id))).toBe(true);
    expect(new Set(ids[0]).size).toBeGreaterThan(12);
  });
});
