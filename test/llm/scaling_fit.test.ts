// The mathematics of scaling laws, on surfaces whose law is known.

import { describe, expect, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { minimise } from '../../src/llm/minimise.ts';
import {
  bootstrap,
  fitByVariableProjection,
  fitChinchilla,
  fitPowerLaw,
  interval,
  predictionInterval,
} from '../../src/llm/scaling_fit.ts';
import {
  computeOptimal,
  type Observation,
  predictLoss,
  type ScalingLaw,
} from '../../src/llm/scaling_law.ts';
import { randomStream } from '../../src/tensor/philox.ts';

/** Hoffmann et al. 2022, equation 10. */
const CHINCHILLA: ScalingLaw = { E: 1.69, A: 406.4, B: 410.7, alpha: 0.34, beta: 0.28 };
/** As small models on an easy source have it: large exponents, and a loss near E. */
const STEEP: ScalingLaw = { E: 1.5, A: 25, B: 3000, alpha: 0.6, beta: 0.75 };

/** Losses of the law on budgets of 1e17 to 1e21 operations, seven sizes at each, times e^(noise z). */
function isoFlops(law: ScalingLaw, noise = 0, seed = 0): Observation[] {
  const random = randomStream(seed);
  return [1e17, 1e18, 1e19, 1e20, 1e21].flatMap((flops) =>
    [-3, -2, -1, 0, 1, 2, 3].map((at) => {
      const parameters = computeOptimal(CHINCHILLA, flops).parameters * 1.6 ** at;
      const size = { parameters, tokens: flops / 6 / parameters };
      return { ...size, loss: predictLoss(law, size) * Math.exp(noise * random.normal()) };
    }),
  );
}

/** Each size with each amount of data, as `shadegrad scaling` trains them. */
function rectangle(law: ScalingLaw): Observation[] {
  return [1300, 2600, 4100, 8400, 14_400, 30_700].flatMap((parameters) =>
    [64_000, 128_000, 256_000, 512_000, 1_024_000].map((tokens) => {
      return { parameters, tokens, loss: predictLoss(law, { parameters, tokens }) };
    }),
  );
}

const KEYS = ['E', 'A', 'B', 'alpha', 'beta'] as const;

function expectClose(fit: ScalingLaw, law: ScalingLaw, tolerance: number): void {
  for (const key of KEYS) expect(Math.abs(fit[key] / law[key] - 1), key).toBeLessThan(tolerance);
}

describe('noise-free', () => {
  test('G5: a power law y = a x^k is recovered to 1e-6', () => {
    const x = [1, 3, 10, 40, 1e3, 1e7];
    const { a, k } = fitPowerLaw(
      x,
      x.map((value) => 2.6 * value ** -0.076),
    );
    expect(Math.abs(a / 2.6 - 1)).toBeLessThan(1e-6);
    expect(Math.abs(k / -0.076 - 1)).toBeLessThan(1e-6);
  });

  for (const [surface, observations, law] of [
    ['budgets of 1e17 to 1e21 operations', isoFlops(CHINCHILLA), CHINCHILLA],
    ['a rectangle of small models', rectangle(STEEP), STEEP],
    ['a rectangle far from E', rectangle(CHINCHILLA), CHINCHILLA],
  ] as const) {
    test(`G5: the surface of ${surface} gives back its law to 1e-3, by Huber's loss`, () => {
      expectClose(fitChinchilla(observations), law, 1e-3);
    });

    test(`G7: the surface of ${surface} gives back its law to 1e-3, by variable projection`, () => {
      expectClose(fitByVariableProjection(observations), law, 1e-3);
    });
  }

  test('without E in its form a fit misses: the exponent is too small, and larger models are told too good', () => {
    const tokens = 1e30; // data is no limit
    const loss = (parameters: number) => predictLoss(CHINCHILLA, { parameters, tokens });
    const sizes = [1e7, 1e8, 1e9];
    const { a, k } = fitPowerLaw(sizes, sizes.map(loss));
    expect(-k).toBeLessThan(CHINCHILLA.alpha / 2);
    expect(a * 1e12 ** k).toBeLessThan(0.9 * loss(1e12));
  });
});

describe('with noise', () => {
  const noisy = isoFlops(CHINCHILLA, 0.01, 7);
  const law = fitChinchilla(noisy);
  const resampled = bootstrap(noisy, law, { replicates: 200, seed: 3 });

  test("G5: with 1 % of noise the bootstrap's intervals hold the truth", () => {
    for (const key of KEYS) {
      const [low, high] = interval(resampled.laws, (each) => each[key]);
      expect(low, key).toBeLessThan(CHINCHILLA[key]);
      expect(high, key).toBeGreaterThan(CHINCHILLA[key]);
      expect(low, key).toBeLessThan(high);
    }
  });

  test('95 % intervals of predictions hold about 95 % of new runs, ten times beyond the data', () => {
    const random = randomStream(11);
    const size = { parameters: 2e10, tokens: 4e11 };
    const [low, high] = predictionInterval(resampled, size);
    const truth = predictLoss(CHINCHILLA, size);
    const runs = Array.from({ length: 1000 }, () => truth * Math.exp(0.01 * random.normal()));
    const held = runs.filter((loss) => loss >= low && loss <= high).length / runs.length;
    expect(held).toBeGreaterThan(0.85);
    expect(high / low).toBeLessThan(1.12);
  });

  test("a run that went wrong moves Huber's law little, and that of least squares much", () => {
    const observations = isoFlops(CHINCHILLA);
    observations[17] = { ...observations[17]!, loss: 1.3 * observations[17]!.loss };
    expectClose(fitChinchilla(observations), CHINCHILLA, 0.02);
    const squares = fitByVariableProjection(observations);
    expect(Math.abs(squares.alpha / CHINCHILLA.alpha - 1)).toBeGreaterThan(0.02);
  });

  test('the same seed draws the same bootstrap', () => {
    const again = bootstrap(noisy, law, { replicates: 3, seed: 3 });
    expect(again.laws).toEqual(resampled.laws.slice(0, 3));
  });
});

describe('G7: the best use of compute', () => {
  test('is N* = 8.058e7 and D* = 2.068e9 for 1e18 operations, by the published numbers', () => {
    const { parameters, tokens, loss } = computeOptimal(CHINCHILLA, 1e18);
    expect(parameters / 1e7).toBeCloseTo(8.058, 3);
    expect(tokens / 1e9).toBeCloseTo(2.068, 3);
    expect(loss).toBeCloseTo(3.5353, 4);
    expect(6 * parameters * tokens).toBeCloseTo(1e18, -4);
  });

  test('grows as C^0.4516 in size and C^0.5484 in data', () => {
    const [small, large] = [1e18, 1e21].map((flops) => computeOptimal(CHINCHILLA, flops));
    expect(Math.log10(large!.parameters / small!.parameters) / 3).toBeCloseTo(0.451613, 6);
    expect(Math.log10(large!.tokens / small!.tokens) / 3).toBeCloseTo(0.548387, 6);
  });

  test('is no worse than any other size for the same compute', () => {
    const best = computeOptimal(STEEP, 1e12);
    for (let factor = 0.25; factor <= 4; factor *= 1.01) {
      const parameters = best.parameters * factor;
      const other = predictLoss(STEEP, { parameters, tokens: 1e12 / 6 / parameters });
      expect(other).toBeGreaterThanOrEqual(best.loss);
    }
  });
});

describe('the search', () => {
  test("ends at the bottom of Rosenbrock's valley", () => {
    const rosenbrock = ([x, y]: readonly number[]) => ({
      value: (1 - x!) ** 2 + 100 * (y! - x! ** 2) ** 2,
      gradient: [-2 * (1 - x!) - 400 * x! * (y! - x! ** 2), 200 * (y! - x! ** 2)],
    });
    const { x, value } = minimise(rosenbrock, [-1.2, 1]);
    expect(value).toBeLessThan(1e-18);
    expect(x[0]).toBeCloseTo(1, 8);
    expect(x[1]).toBeCloseTo(1, 8);
  });

  test('finds the median, where the slope jumps', () => {
    const points = [1, 2, 10, 40, 100];
    const distances = ([x]: readonly number[]) => ({
      value: points.reduce((sum, point) => sum + Math.abs(x! - point), 0),
      gradient: [points.reduce((sum, point) => sum + Math.sign(x! - point), 0)],
    });
    expect(minimise(distances, [77]).x[0]).toBeCloseTo(10, 6);
  });
});

describe('what cannot be fitted is refused', () => {
  test('too few observations, and what has no logarithm', () => {
    const some = rectangle(STEEP);
    expect(() => fitChinchilla(some.slice(0, 5))).toThrow(DataError);
    expect(() => fitByVariableProjection(some.slice(0, 5))).toThrow(/at least 6/);
    expect(() => fitChinchilla([...some, { parameters: 1, tokens: 0, loss: 1 }])).toThrow(
      DataError,
    );
    expect(() => fitPowerLaw([1, 2], [1, 0])).toThrow(DataError);
    expect(() => fitPowerLaw([2, 2], [1, 3])).toThrow(DataError);
  });
});
