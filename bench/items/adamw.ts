// One AdamW step over P parameters in n tensors: 28 bytes per parameter (parameter, gradient and two moments in;
// parameter and moments out) and about 14 flops. The gradients stay the same from step to step.

import { AdamW } from '../../src/optim/adamw.ts';
import { draws } from '../inputs.ts';
import type { HostArray, HostArrays, Item, Results, Verdict } from '../item.ts';

const OPTIONS = { lr: 1e-3, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1 };
const SAMPLES = 512; // compared in each of the first and the last tensor, both ends included

function adamwItem(P: number, n: number, quick = false): Item {
  const size = P / n;
  const names = Array.from({ length: n }, (_, i) => i);
  const compared = [0, n - 1];
  return {
    name: `AdamW ${P / 1e6} M parameters in ${n} tensors`,
    family: 'adamw',
    op: 'AdamW',
    shape: { P, n },
    dtype: 'f32',
    direction: 'step',
    options: OPTIONS,
    flops: 14 * P,
    bytes: 28 * P,
    quick,
    /** p0, p1, … and their gradients g0, g1, …; the tensors differ by a factor. */
    inputs(fits) {
      const { normal } = draws(fits);
      const [p, g] = [normal([size], 0.02), normal([size], 0.01)];
      const scaled = (x: HostArray, factor: number): HostArray => ({
        ...x,
        data: (x.data as Float32Array).map((v) => factor * v),
      });
      return Object.fromEntries(
        names.flatMap((i) => [
          [`p${i}`, scaled(p, 1 + i / n)],
          [`g${i}`, scaled(g, 1 + i / n)],
        ]),
      );
    },
    start(_device, x) {
      const parameters = names.map((i) => {
        const parameter = x[`p${i}`]!.requireGrad();
        parameter.grad = x[`g${i}`]!;
        return parameter;
      });
      const optimizer = new AdamW(parameters, OPTIONS);
      return {
        run() {
          optimizer.step();
          return {};
        },
        async read() {
          const entries = compared.map(
            async (i) => [`p${i}`, await parameters[i]!.data()] as const,
          );
          return Object.fromEntries(await Promise.all(entries));
        },
        dispose: () => optimizer.dispose(),
      };
    },
    check: (inputs, results, calls) => checkSample(inputs, results, calls, compared, size),
  };
}

/** Repeats all steps of some parameters in float64. */
function checkSample(
  inputs: HostArrays,
  results: Results,
  calls: number,
  tensors: readonly number[],
  size: number,
): Verdict {
  let count = 0;
  for (const i of tensors) {
    for (let n = 0; n < SAMPLES; n++) {
      const at = Math.round((n * (size - 1)) / (SAMPLES - 1));
      const want = afterSteps(inputs[`p${i}`]!.data[at]!, inputs[`g${i}`]!.data[at]!, calls);
      const got = results[`p${i}`]![at]!;
      count++;
      // Each step rounds a value near 1 in size, and its update of lr in size, once.
      if (!(Math.abs(got - want) <= 1e-6 + 1e-7 * Math.sqrt(calls) + 1e-5 * Math.abs(want))) {
        const problem = `p${i}[${at}] after ${calls} steps: got ${got}, want ${want}`;
        return { correct: false, compared: count, problem };
      }
    }
  }
  return { correct: true, compared: count };
}

function afterSteps(parameter: number, gradient: number, steps: number): number {
  const { lr, beta1, beta2, eps, weightDecay } = OPTIONS;
  let [p, m, v] = [parameter, 0, 0];
  for (let t = 1; t <= steps; t++) {
    m = beta1 * m + (1 - beta1) * gradient;
    v = beta2 * v + (1 - beta2) * gradient * gradient;
    const update = m / (1 - beta1 ** t) / (Math.sqrt(v / (1 - beta2 ** t)) + eps);
    p -= lr * (weightDecay * p + update);
  }
  return p;
}

export const adamwItems: readonly Item[] = [
  adamwItem(100_000, 10, true),
  adamwItem(10_000_000, 100),
];
