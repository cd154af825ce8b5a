// Weighted sources: how often each is drawn, which at what time, and that its batches are those of `batch`.

import { describe, expect, it, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { batch } from '../../src/text/loader.ts';
import { drawSources, meanWeights, mixedBatch, phaseWeights } from '../../src/text/mixture.ts';

/** Shares of the Pile's 22 sets in training, in percent (Gao et al. 2020, table 1). */
const PILE = [
  18.11, 14.4, 12.07, 10.01, 8.96, 7.59, 6.12, 5.13, 3.65, 3.07, 2.17, 1.55, 1.53, 1.24, 0.88, 0.75,
  0.73, 0.62, 0.6, 0.38, 0.3, 0.14,
];

/** Sources whose tokens tell which they are. */
const sources = [0, 1, 2].map((n) =>
  Int32Array.from({ length: 40 + 10 * n }, (_, i) => 100 * n + i),
);
const options = { batch: 6, context: 8, seed: 1, step: 3 };

test('G3 the 22 sources of the Pile are drawn as often as they weigh, within 3 σ', () => {
  const draws = 200_000;
  const counts = PILE.map(() => 0);
  for (let step = 0; step < draws / 1000; step++)
    for (const source of drawSources(PILE, { batch: 1000, seed: 4, step })) counts[source]!++;
  const total = PILE.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of PILE.entries()) {
    const p = weight / total;
    expect(Math.abs(counts[i]! - p * draws)).toBeLessThan(3 * Math.sqrt(p * (1 - p) * draws));
  }
});

describe('a mixed batch', () => {
  it('holds crops of single sources, and targets one position later', () => {
    const { inputs, targets } = mixedBatch(sources, [1, 2, 3], { ...options, batch: 100 });
    for (let at = 0; at < 800; at += 8) {
      const row = inputs.subarray(at, at + 8);
      expect([...row]).toEqual(Array.from(row, (_, t) => row[0]! + t));
      expect(targets[at + 7]).toBe(row[7]! + 1);
    }
    expect(new Set(inputs.map((token) => Math.floor(token / 100)))).toEqual(new Set([0, 1, 2]));
  });

  it('leaves out a source of weight 0', () => {
    const { inputs } = mixedBatch(sources, [0, 1, 0], { ...options, batch: 50 });
    expect(Math.min(...inputs)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...inputs)).toBeLessThan(200);
  });

  it('of one source is the batch of that source', () => {
    expect(mixedBatch([sources[1]!], [5], options)).toEqual(batch(sources[1]!, options));
  });

  it('is a function of seed and step alone', () => {
    const first = mixedBatch(sources, [1, 1, 1], options);
    expect(mixedBatch(sources, [1, 1, 1], options)).toEqual(first);
    expect(mixedBatch(sources, [1, 1, 1], { ...options, step: 4 })).not.toEqual(first);
  });

  it.each([[[1, 1]], [[0, 0, 0]], [[1, -1, 1]], [[1, Number.NaN, 1]]])(
    'refuses weights %j',
    (weights) => {
      expect(() => mixedBatch(sources, weights, options)).toThrow(ConfigError);
    },
  );
});

describe('phases', () => {
  const phases = [
    { length: 2, weights: [1, 0, 0] },
    { length: 1, weights: [0, 3, 1] },
    { length: 1, weights: [0, 0, 2] },
  ];

  it('follow one another, each for its share of the steps', () => {
    const at = (step: number) =>
      phases.findIndex(({ weights }) => weights === phaseWeights(phases, { step, steps: 10 }));
    expect(Array.from({ length: 10 }, (_, step) => at(step))).toEqual([
      0, 0, 0, 0, 0, 1, 1, 1, 2, 2,
    ]);
    expect(at(10)).toBe(2); // after the last step, too
  });

  it('as one mixture give each source the share that it has in all', () => {
    expect(meanWeights(phases)).toEqual([1 / 2, 3 / 16, 1 / 16 + 1 / 4]);
  });
});
