import { describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import { batch, evaluationWindows, IGNORED_TARGET } from '../../src/text/loader.ts';

const tokens = Int32Array.from({ length: 50 }, (_, i) => i);

describe('batch', () => {
  const options = { batch: 6, context: 8, seed: 1, step: 3 };

  it('gives runs of tokens, and as targets the tokens one position later', () => {
    const { inputs, targets } = batch(tokens, options);
    expect(inputs).toHaveLength(48);
    for (let row = 0; row < 6; row++) {
      for (let t = 0; t < 8; t++) {
        expect(inputs[8 * row + t]).toBe(inputs[8 * row]! + t);
        expect(targets[8 * row + t]).toBe(inputs[8 * row + t]! + 1);
      }
    }
  });

  it('is a function of seed and step alone', () => {
    const first = batch(tokens, options);
    batch(tokens, { ...options, step: 99 });
    expect(batch(tokens, options)).toEqual(first);
    expect(batch(tokens, { ...options, step: 4 }).inputs).not.toEqual(first.inputs);
    expect(batch(tokens, { ...options, seed: 2 }).inputs).not.toEqual(first.inputs);
  });

  it('draws every start equally often, the first and the last included', () => {
    const counts = new Array<number>(42).fill(0);
    const draws = 300 * 42;
    const { inputs } = batch(tokens, { batch: draws, context: 8, seed: 7, step: 0 });
    for (let row = 0; row < draws; row++) counts[inputs[8 * row]!]!++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 300) ** 2 / 300, 0);
    expect(Math.abs(chiSquare - 41)).toBeLessThan(4 * Math.sqrt(2 * 41));
  });

  it('takes a text of just one window', () => {
    expect([...batch(tokens.subarray(0, 9), options).targets.subarray(0, 8)]).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
  });

  it('refuses a text shorter than one window, and a batch of none', () => {
    expect(() => batch(tokens.subarray(0, 8), options)).toThrow(DataError);
    expect(() => batch(tokens, { ...options, batch: 0 })).toThrow(ConfigError);
  });
});

describe('evaluationWindows', () => {
  it.each([9, 10, 16, 17, 18, 25, 49, 50])(
    'of %i tokens cover every target exactly once',
    (length) => {
      const { inputs, targets, starts } = evaluationWindows(tokens.subarray(0, length), {
        context: 8,
      });
      expect(inputs).toHaveLength(8 * starts.length);
      const counted = [...targets].filter((target) => target !== IGNORED_TARGET);
      expect(counted).toEqual(Array.from({ length: length - 1 }, (_, i) => i + 1));
      targets.forEach((target, i) => {
        if (target !== IGNORED_TARGET) expect(inputs[i]).toBe(target - 1);
      });
    },
  );

  it('are at most `maximum`, without overlap, from the first token to the last', () => {
    const { inputs, targets, starts } = evaluationWindows(tokens, { context: 8, maximum: 3 });
    expect(starts).toEqual([0, 20, 41]);
    expect([inputs[0], inputs[8], inputs[16]]).toEqual(starts);
    expect(targets.at(-1)).toBe(49);
    for (let maximum = 1; maximum < 7; maximum++) {
      const windows = evaluationWindows(tokens, { context: 8, maximum });
      expect(new Set(windows.targets).size).toBe(8 * maximum);
    }
  });

  it('refuses a text shorter than one window, and a maximum of none', () => {
    expect(() => evaluationWindows(tokens, { context: 50 })).toThrow(DataError);
    expect(() => evaluationWindows(tokens, { context: 8, maximum: 0 })).toThrow(ConfigError);
  });
});
