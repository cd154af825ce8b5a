// The Markov chain's entropies, against enumeration and against texts that it writes.

import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { markovChain, markovFloor, markovText } from '../../src/text/markov.ts';

const OPTIONS = { seed: 5, symbols: 12, near: 2, far: 1.5, decay: 1, zipf: 0.7 };
const chain = markovChain(OPTIONS);
const V = OPTIONS.symbols;
const sum = (values: ArrayLike<number>) => Array.from(values).reduce((total, v) => total + v, 0);

describe('a chain', () => {
  test('has probabilities, and pairs that one more character leaves as they are', () => {
    for (let pair = 0; pair < V * V; pair++) {
      expect(sum(chain.transitions.subarray(pair * V, (pair + 1) * V))).toBeCloseTo(1, 12);
    }
    expect(sum(chain.pairs)).toBeCloseTo(1, 12);
    for (let a = 0; a < V; a++) {
      for (let x = 0; x < V; x++) {
        const into = Array.from({ length: V }, (_, b) => {
          return chain.pairs[b * V + a]! * chain.transitions[(b * V + a) * V + x]!;
        });
        expect(sum(into)).toBeCloseTo(chain.pairs[a * V + x]!, 12);
      }
    }
  });

  test('has the entropies of its texts: the surprisal after two characters, and the counts after one', () => {
    const text = markovText(chain, { seed: 1, characters: 300_000 });
    const codes = Array.from(text, (letter) => letter.charCodeAt(0) - 0x100);
    let nats = 0;
    const counts = new Float64Array(V * V);
    for (let i = 2; i < codes.length; i++) {
      const [b, a, x] = [codes[i - 2]!, codes[i - 1]!, codes[i]!];
      nats -= Math.log(chain.transitions[(b * V + a) * V + x]!);
      counts[a * V + x]!++;
    }
    // The surprisal's deviation is about one: the mean of 300,000 is known to two thousandths.
    expect(Math.abs(nats / (codes.length - 2) - chain.entropyAfterTwo)).toBeLessThan(0.008);
    const total = sum(counts);
    let afterOne = 0;
    for (let a = 0; a < V; a++) {
      const row = counts.subarray(a * V, (a + 1) * V);
      for (const count of row)
        if (count > 0) afterOne -= (count / total) * Math.log(count / sum(row));
    }
    expect(Math.abs(afterOne - chain.entropyAfterOne)).toBeLessThan(0.008);
    expect(chain.entropyAfterTwo).toBeLessThan(chain.entropyAfterOne - 0.1);
  });

  test('that heeds no character before has the entropy of its Zipf distribution', () => {
    const { entropyAfterOne, entropyAfterTwo } = markovChain({ ...OPTIONS, near: 0, far: 0 });
    const weights = Array.from({ length: V }, (_, x) => (x + 1) ** -0.7);
    const zipf = -sum(weights.map((w) => (w / sum(weights)) * Math.log(w / sum(weights))));
    expect(entropyAfterOne).toBeCloseTo(zipf, 10);
    expect(entropyAfterTwo).toBeCloseTo(zipf, 10);
  });

  test('that heeds the last character alone loses nothing by forgetting the one before', () => {
    const { entropyAfterOne, entropyAfterTwo } = markovChain({ ...OPTIONS, far: 0 });
    expect(entropyAfterOne).toBeCloseTo(entropyAfterTwo, 10);
  });

  test('sets a floor for windows: their first target has one character before it, the others two', () => {
    const { entropyAfterOne: h1, entropyAfterTwo: h2 } = chain;
    expect(markovFloor(chain, 1)).toBe(h1);
    expect(markovFloor(chain, 4)).toBeCloseTo((h1 + 3 * h2) / 4, 12);
  });

  test('writes the same text for the same seed, and another for another', () => {
    const text = markovText(chain, { seed: 1, characters: 1000 });
    expect(text).toHaveLength(1000);
    expect(markovText(markovChain(OPTIONS), { seed: 1, characters: 1000 })).toBe(text);
    expect(markovText(chain, { seed: 2, characters: 1000 })).not.toBe(text);
  });

  test('has 2 to 256 symbols', () => {
    for (const symbols of [0, 1, 2.5, 257])
      expect(() => markovChain({ ...OPTIONS, symbols })).toThrow(ConfigError);
  });
});
