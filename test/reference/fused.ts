// Ops that do in one kernel what others do in several: their references are made of those ops' references.

import { map, maxAbs, type Ref, sizeOf, zeros } from './array.ts';
import { rope } from './attention.ts';
import type { OpReference } from './case.ts';
import { linear } from './matmul.ts';
import { layerNorm, rmsNorm } from './norm.ts';
import { categorical, chosen } from './rl.ts';
import { type CrossEntropyOptions, crossEntropy } from './softmax.ts';
import { elementwise, reduction } from './tolerance.ts';
import { sigmoidOf } from './unary.ts';

type Eps = { eps?: number };
type Sum = { x: Ref; residual: Ref; weight: Ref };
type SumAndNorm = { sum: Ref; normed: Ref };

const plus = (a: Ref, b: Ref) => map(a, (v, i) => v + b.data[i]!);

/** sum = x + residual, normed = layerNorm(sum); x and residual get the gradient of both. */
export const addLayerNorm: OpReference<Sum & { bias: Ref }, Eps, SumAndNorm> = {
  op: 'addLayerNorm',
  forward({ x, residual, weight, bias }, attrs) {
    const sum = plus(x, residual);
    return { sum, normed: layerNorm.forward({ x: sum, weight, bias }, attrs).out };
  },
  backward({ x, residual, weight, bias }, attrs, { sum: dsum, normed: dnormed }) {
    const inputs = { x: plus(x, residual), weight, bias };
    const grads = layerNorm.backward!(inputs, attrs, { out: dnormed });
    const dx = plus(grads.x!, dsum);
    return { x: dx, residual: dx, weight: grads.weight!, bias: grads.bias! };
  },
  tolerance({ x, residual, weight, bias }, attrs, dout) {
    const inputs = { x: plus(x, residual), weight, bias };
    const { forward, backward } = layerNorm.tolerance(inputs, attrs, dout);
    const { x: dx, ...rest } = backward as Record<string, { rtol: number; atol: number }>;
    return { forward, backward: { x: dx, residual: dx, ...rest } };
  },
};

/** The same with rmsNorm. */
export const addRmsNorm: OpReference<Sum, Eps, SumAndNorm> = {
  op: 'addRmsNorm',
  forward({ x, residual, weight }, attrs) {
    const sum = plus(x, residual);
    return { sum, normed: rmsNorm.forward({ x: sum, weight }, attrs).out };
  },
  backward({ x, residual, weight }, attrs, { sum: dsum, normed: dnormed }) {
    const inputs = { x: plus(x, residual), weight };
    const grads = rmsNorm.backward!(inputs, attrs, { out: dnormed });
    const dx = plus(grads.x!, dsum);
    return { x: dx, residual: dx, weight: grads.weight! };
  },
  tolerance({ x, residual, weight }, attrs, dout) {
    const { forward, backward } = rmsNorm.tolerance({ x: plus(x, residual), weight }, attrs, dout);
    const { x: dx, weight: dweight } = backward as Record<string, { rtol: number; atol: number }>;
    return { forward, backward: { x: dx, residual: dx, weight: dweight } };
  },
};

/** Gate and up as two arrays; of one packed array [..., 2H] its halves. */
function halves({ gate, up }: { gate: Ref; up?: Ref }): [Ref, Ref] {
  if (up) return [gate, up];
  const H = gate.shape.at(-1)! / 2;
  const shape = gate.shape.with(-1, H);
  const half = (from: number): Ref => ({
    shape,
    data: zeros(shape).data.map((_, i) => gate.data[Math.floor(i / H) * 2 * H + from + (i % H)]!),
  });
  return [half(0), half(H)];
}

/** out = gate σ(gate) up */
export const swiglu: OpReference<{ gate: Ref; up?: Ref }, Record<never, never>, { out: Ref }> = {
  op: 'swiglu',
  forward(inputs) {
    const [gate, up] = halves(inputs);
    return { out: map(gate, (g, i) => g * sigmoidOf(g) * up.data[i]!) };
  },
  backward(inputs, _attrs, { out: dout }) {
    const [gate, up] = halves(inputs);
    const dgate = map(gate, (g, i) => {
      const slope = sigmoidOf(g) * (1 + g * sigmoidOf(-g));
      return dout.data[i]! * up.data[i]! * slope;
    });
    const dup = map(gate, (g, i) => dout.data[i]! * g * sigmoidOf(g));
    if (inputs.up) return { gate: dgate, up: dup };
    const H = gate.shape.at(-1)!;
    const packed = map(inputs.gate, (_, i) => {
      const at = Math.floor(i / (2 * H)) * H + (i % H);
      return i % (2 * H) < H ? dgate.data[at]! : dup.data[at]!;
    });
    return { gate: packed };
  },
  tolerance: ({ gate, up = gate }, _attrs, dout) => ({
    forward: elementwise(16),
    backward: elementwise(16, Math.max(1, dout) * Math.max(1, maxAbs(up))),
  }),
};

type RopeOptions = { base?: number; interleaved?: boolean; offset?: number };
type Pair = { q: Ref; k: Ref; positions?: Ref };

const alone = (x: Ref, positions?: Ref) => ({ x, ...(positions && { positions }) });

/** rope of q and of k */
export const ropePair: OpReference<Pair, RopeOptions, { q: Ref; k: Ref }> = {
  op: 'ropePair',
  forward: ({ q, k, positions }, attrs) => ({
    q: rope.forward(alone(q, positions), attrs).out,
    k: rope.forward(alone(k, positions), attrs).out,
  }),
  backward: ({ q, k, positions }, attrs, dout) => ({
    q: rope.backward!(alone(q, positions), attrs, { out: dout.q }).x!,
    k: rope.backward!(alone(k, positions), attrs, { out: dout.k }).x!,
  }),
  args: ({ q, k, positions }, attrs) => [
    q,
    k,
    { ...attrs, ...(positions !== undefined && { positions }) },
  ],
  tolerance: ({ q, k }, _attrs, dout) => ({
    forward: reduction(4, Math.max(1, maxAbs(q, k))),
    backward: reduction(4, Math.max(1, dout)),
  }),
};

type HeadInputs = { logits: Ref; actions: Ref; actionMask?: Ref };

/** log π(action) and the entropy of π = softmax over the allowed actions; 0 and 0 where there is none. */
export const policyHead: OpReference<
  HeadInputs,
  Record<never, never>,
  { logProb: Ref; entropy: Ref }
> = {
  op: 'policyHead',
  forward({ logits, actions, actionMask }) {
    const { A, logPolicy, entropy } = categorical(rowsOf(logits), actionMask);
    const logProb = chosen(logPolicy, actions, A);
    const known = (x: Ref) => ({
      shape: actions.shape,
      data: x.data.map((v) => (v > -Infinity ? v : 0)),
    });
    return { logProb: known(logProb), entropy: known(entropy) };
  },
  backward({ logits, actions, actionMask }, _attrs, { logProb: dlogProb, entropy: dentropy }) {
    const { A, logPolicy, entropy } = categorical(rowsOf(logits), actionMask);
    const dlogits = map(logPolicy, (logp, i) => {
      const n = Math.floor(i / A);
      if (!Number.isFinite(logp)) return 0;
      const p = Math.exp(logp);
      const viaLogProb = dlogProb.data[n]! * ((i % A === actions.data[n] ? 1 : 0) - p);
      return viaLogProb - dentropy.data[n]! * p * (logp + entropy.data[n]!);
    });
    return { logits: { shape: logits.shape, data: dlogits.data } };
  },
  args: ({ logits, actions, actionMask }) => [
    logits,
    actions,
    ...(actionMask ? [{ actionMask }] : []),
  ],
  tolerance: ({ logits }, _attrs, dout) => ({
    forward: reduction(4, Math.max(5, maxAbs(logits))),
    backward: reduction(4, Math.max(1, dout) * 5),
  }),
};

function rowsOf(x: Ref): Ref {
  const A = x.shape.at(-1)!;
  return { shape: [sizeOf(x.shape.slice(0, -1)), A], data: x.data };
}

type Head = { hidden: Ref; weight: Ref; targets: Ref };

/** crossEntropy(linear(hidden, weight), targets) */
export const linearCrossEntropy: OpReference<
  Head,
  CrossEntropyOptions & { chunk?: number },
  { out: Ref }
> = {
  op: 'linearCrossEntropy',
  forward({ hidden, weight, targets }, attrs) {
    const logits = linear.forward({ x: hidden, weight }, {}).out;
    return crossEntropy.forward({ logits, targets }, attrs);
  },
  backward({ hidden, weight, targets }, attrs, dout) {
    const logits = linear.forward({ x: hidden, weight }, {}).out;
    const dlogits = crossEntropy.backward!({ logits, targets }, attrs, dout).logits!;
    const { x, weight: dweight } = linear.backward!({ x: hidden, weight }, {}, { out: dlogits });
    return { hidden: x!, weight: dweight! };
  },
  tolerance({ hidden, weight, targets }, attrs, dout) {
    const logits = linear.forward({ x: hidden, weight }, {}).out;
    const loss = crossEntropy.tolerance({ logits, targets }, attrs, dout);
    const { forward, backward } = linear.tolerance({ x: hidden, weight }, {}, dout);
    const { x: dx, weight: dweight } = backward as Record<string, { rtol: number; atol: number }>;
    const share =
      attrs.reduction === undefined || attrs.reduction === 'mean'
        ? 1 / Math.max(1, targets.data.length)
        : 1;
    const scaled = (t: { rtol: number; atol: number }) => ({
      rtol: t.rtol,
      atol: 2 * share * t.atol,
    });
    return {
      forward: {
        rtol: 1e-5,
        atol: loss.forward.atol + (share === 1 ? targets.data.length : 1) * forward.atol,
      },
      backward: { hidden: scaled(dx!), weight: scaled(dweight!) },
    };
  },
};
