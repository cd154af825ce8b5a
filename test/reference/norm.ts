// Normalisation over the last axis, x: [..., C], weight and bias: [C].

import { map, maxAbs, type Ref, sizeOf, zeros } from './array.ts';
import type { OpReference } from './case.ts';
import { reduction } from './tolerance.ts';

type Eps = { eps?: number };

/** Per row: the normalised x̂ = (x - mean) * rstd, with mean = 0 for RMS, and rstd. */
function normalise(x: Ref, eps: number, centred: boolean) {
  const C = x.shape.at(-1)!;
  const rows = sizeOf(x.shape.slice(0, -1));
  const xhat = zeros(x.shape);
  const rstd = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = x.data.subarray(r * C, (r + 1) * C);
    const mean = centred ? row.reduce((total, v) => total + v, 0) / C : 0;
    const power = row.reduce((total, v) => total + (v - mean) ** 2, 0) / C;
    rstd[r] = 1 / Math.sqrt(power + eps);
    for (let c = 0; c < C; c++) xhat.data[r * C + c] = (row[c]! - mean) * rstd[r]!;
  }
  return { C, rows, xhat, rstd };
}

/** With g = dout * weight:  dx = rstd * (g - mean g - x̂ mean(g x̂)); without centring the middle term is absent. */
function backward(x: Ref, weight: Ref, eps: number, dout: Ref, centred: boolean) {
  const { C, rows, xhat, rstd } = normalise(x, eps, centred);
  const [dx, dweight, dbias] = [zeros(x.shape), zeros(weight.shape), zeros(weight.shape)];
  for (let r = 0; r < rows; r++) {
    let meanG = 0;
    let meanGx = 0;
    for (let c = 0; c < C; c++) {
      const i = r * C + c;
      const g = dout.data[i]! * weight.data[c]!;
      if (centred) meanG += g / C;
      meanGx += (g * xhat.data[i]!) / C;
      dweight.data[c]! += dout.data[i]! * xhat.data[i]!;
      dbias.data[c]! += dout.data[i]!;
    }
    for (let c = 0; c < C; c++) {
      const i = r * C + c;
      const g = dout.data[i]! * weight.data[c]!;
      dx.data[i] = rstd[r]! * (g - meanG - xhat.data[i]! * meanGx);
    }
  }
  return { dx, dweight, dbias };
}

/** The mean's rounding error is that of the row's largest |x|, and x̂ has it in standard deviations. */
function tolerance(x: Ref, weight: Ref, eps: number, dout: number, centred: boolean) {
  const { C, rows, xhat, rstd } = normalise(x, eps, centred);
  const inSigmas = map(x, (v, i) => (centred ? v * rstd[Math.floor(i / C)]! : 0));
  const error = Math.max(1, maxAbs(xhat), maxAbs(inSigmas));
  const slope = dout * maxAbs(weight) * Math.max(1, maxAbs({ shape: [rows], data: rstd }));
  return {
    forward: reduction(16, error * Math.max(1, maxAbs(weight))),
    backward: {
      x: reduction(16, error * slope),
      weight: reduction(rows, error * dout),
      bias: reduction(rows, dout),
    },
  };
}

type LayerNormInputs = { x: Ref; weight: Ref; bias: Ref };

/** out = (x - mean x) / √(variance x + eps) * weight + bias */
export const layerNorm: OpReference<LayerNormInputs, Eps, { out: Ref }> = {
  op: 'layerNorm',
  forward({ x, weight, bias }, { eps = 1e-5 }) {
    const { C, xhat } = normalise(x, eps, true);
    const data = xhat.data.map((v, i) => v * weight.data[i % C]! + bias.data[i % C]!);
    return { out: { shape: x.shape, data } };
  },
  backward({ x, weight }, { eps = 1e-5 }, { out: dout }) {
    const { dx, dweight, dbias } = backward(x, weight, eps, dout, true);
    return { x: dx, weight: dweight, bias: dbias };
  },
  tolerance: ({ x, weight }, { eps = 1e-5 }, dout) => tolerance(x, weight, eps, dout, true),
};

/** out = x / √(mean x² + eps) * weight */
export const rmsNorm: OpReference<{ x: Ref; weight: Ref }, Eps, { out: Ref }> = {
  op: 'rmsNorm',
  forward({ x, weight }, { eps = 1e-6 }) {
    const { C, xhat } = normalise(x, eps, false);
    return { out: { shape: x.shape, data: xhat.data.map((v, i) => v * weight.data[i % C]!) } };
  },
  backward({ x, weight }, { eps = 1e-6 }, { out: dout }) {
    const { dx, dweight } = backward(x, weight, eps, dout, false);
    return { x: dx, weight: dweight };
  },
  tolerance: ({ x, weight }, { eps = 1e-6 }, dout) => tolerance(x, weight, eps, dout, false),
};
