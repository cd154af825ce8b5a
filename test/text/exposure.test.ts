// Exposure bias where everything is known: a source that returns to its middle, and a model that does not know that it does.

import { describe, expect, it, test } from 'vitest';
import { randomStream } from '../../src/tensor/philox.ts';
import { exposureCurve } from '../../src/text/exposure.ts';
import { generateCorpus, type State } from '../../src/text/grammar.ts';

/** A walk on the integers that is pulled back to 0: p(up | k) falls with k. It starts where it is in the long run. */
const up = (k: number) =>
  Math.min(999, Math.max(1, Math.round(1000 / (1 + Math.exp(0.6 * k))))) / 1000;
const FURTHEST = 12;
const places = Array.from({ length: 2 * FURTHEST + 1 }, (_, i) => i - FURTHEST);
const stationary = (() => {
  const weights = [1];
  for (const k of places.slice(1)) weights.push((weights.at(-1)! * up(k - 1)) / (1 - up(k)));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
})();

const at = (k: number): State => ({
  key: `at ${k}`,
  choices: () => [
    { text: 'u', weight: Math.round(1000 * up(k)), next: at(k + 1) },
    { text: 'd', weight: Math.round(1000 * (1 - up(k))), next: at(k - 1) },
  ],
});
const name = (k: number) => String.fromCharCode(65 + FURTHEST + k);
const WALK: State = {
  key: 'start',
  choices: () =>
    places.map((k, i) => ({
      text: name(k),
      weight: Math.max(1, Math.round(1e9 * stationary[i]!)),
      next: at(k),
    })),
};

const random = randomStream(8, 0);

/** A text whose first character is the source's own, and the others by `probabilityOfUp`. */
function walk(length: number, probabilityOfUp: (k: number) => number): string {
  const u = random.uniform();
  let sum = 0;
  let k = places.find((_, i) => (sum += stationary[i]!) > u) ?? FURTHEST;
  let text = name(k);
  while (text.length < length) {
    const rises = random.uniform() < probabilityOfUp(k);
    text += rises ? 'u' : 'd';
    k += rises ? 1 : -1;
  }
  return text;
}

/** E[-ln p(x_t | x_<t)] of such texts, exactly: the walk's distribution, step by step. */
function expectedNats(length: number, probabilityOfUp: (k: number) => number): number[] {
  let p = new Map(places.map((k, i) => [k, stationary[i]!]));
  const nats = [-stationary.reduce((sum, each) => sum + each * Math.log(each), 0)];
  while (nats.length < length) {
    const next = new Map<number, number>();
    let total = 0;
    for (const [k, share] of p) {
      for (const [to, q, known] of [
        [k + 1, probabilityOfUp(k), up(k)],
        [k - 1, 1 - probabilityOfUp(k), 1 - up(k)],
      ] as const) {
        total -= share * q * Math.log(known);
        next.set(to, (next.get(to) ?? 0) + share * q);
      }
    }
    nats.push(total);
    p = next;
  }
  return nats;
}

const [TEXTS, LENGTH, WIDTH] = [600, 64, 4];

function check(probabilityOfUp: (k: number) => number) {
  const texts = Array.from({ length: TEXTS }, () => walk(LENGTH, probabilityOfUp));
  const curve = exposureCurve(texts, { grammar: WALK, width: WIDTH });
  const exact = expectedNats(LENGTH, probabilityOfUp);
  const expected = curve.nats.map((_, n) => {
    const part = exact.slice(n * WIDTH, (n + 1) * WIDTH);
    return part.reduce((a, b) => a + b) / WIDTH;
  });
  for (const [n, nats] of curve.nats.entries())
    expect(Math.abs(nats - expected[n]!)).toBeLessThan(4 * curve.standardErrors[n]!);
  expect(curve.lost).toEqual(curve.nats.map(() => 0));
  return { expected, ...curve };
}

describe('G8 exposure bias', () => {
  it('of the source itself there is none: the curve is flat', () => {
    const { expected, nats, standardErrors } = check(up);
    for (let n = 2; n < nats.length; n++) {
      expect(expected[n]).toBeCloseTo(expected[1]!, 4);
      const error = Math.hypot(standardErrors[n]!, standardErrors[1]!);
      expect(Math.abs(nats[n]! - nats[1]!)).toBeLessThan(4 * error);
    }
  });

  it('of a model that knows how often each character is, and no more, the curve rises all along', () => {
    const { expected, nats, standardErrors } = check(() => 0.5);
    for (let n = 2; n < nats.length; n++) expect(expected[n]).toBeGreaterThan(expected[n - 1]!);
    expect(nats.at(-1)! - nats[1]!).toBeGreaterThan(10 * standardErrors.at(-1)!);
  });

  it('of stories: samples leave the grammar one after the other, true stories never do', () => {
    const corpus = generateCorpus({ seed: 1, characters: 20_000 });
    const texts = Array.from({ length: 50 }, (_, seed) =>
      generateCorpus({ seed, characters: 60 }).slice(0, 60),
    );
    // A story that goes on as it should with nine characters in ten, and with any character of the corpus else.
    const spoilt = texts.map((text) =>
      [...text]
        .map((c) => (random.uniform() < 0.9 ? c : corpus[random.integer(corpus.length)]!))
        .join(''),
    );
    const [truth, model] = [texts, spoilt].map((each) => exposureCurve(each, { width: 10 }));
    expect(truth!.lost).toEqual([0, 0, 0, 0, 0, 0]);
    const { lost, nats } = model!;
    for (let n = 1; n < 6; n++) expect(lost[n]).toBeGreaterThanOrEqual(lost[n - 1]!);
    expect(lost[5]! - lost[0]!).toBeGreaterThan(0.3);
    expect(nats[5]! - nats[0]!).toBeGreaterThan(1);
  });
});

test('what the source cannot have written costs an even guess, from the first such character on', () => {
  const coin: State = {
    key: 'coin',
    choices: () => ['h\n', 't\n'].map((text) => ({ text, weight: 1, next: null })),
  };
  const { nats, lost, standardErrors } = exposureCurve(['h\nt\n', 'h\nx\n'], {
    grammar: coin,
    width: 2,
    lostNats: 10,
  });
  expect(nats).toEqual([Math.LN2 / 2, (Math.LN2 / 2 + 10) / 2]);
  expect(lost).toEqual([0, 0.5]);
  expect(standardErrors).toEqual([0, expect.closeTo((10 - Math.LN2 / 2) / 2, 12)]);
});

test('one text, and texts shorter than a point, are refused', () => {
  expect(() => exposureCurve(['h\n'])).toThrow('1 texts of at least 2 characters');
  expect(() => exposureCurve(['h\n', ''])).toThrow('2 texts of at least 0 characters');
});
