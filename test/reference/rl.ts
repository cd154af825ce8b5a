// Losses of reinforcement learning and of preference learning, and generalised advantage estimation.

import { map, maxAbs, type Ref, scalar, zeros } from './array.ts';
import type { OpReference } from './case.ts';
import { reduction } from './tolerance.ts';
import { sigmoidOf, softplusOf } from './unary.ts';

type GaeInputs = { rewards: Ref; values: Ref; nextValues: Ref; terminated: Ref; truncated: Ref };
type GaeOptions = { gamma: number; lambda: number };

/**
 * All [T, N]; going back in time, for each environment,
 *   δ_t = r_t + γ (1 - terminated_t) V'_t - V_t        A_t = δ_t + γ λ (1 - terminated_t) (1 - truncated_t) A_{t+1}
 * and the returns are A + V. A truncated step still bootstraps from V', but nothing is carried across it.
 */
export const gae: OpReference<GaeInputs, GaeOptions, { advantages: Ref; returns: Ref }> = {
  op: 'gae',
  forward({ rewards, values, nextValues, terminated, truncated }, { gamma, lambda }) {
    const [T, N] = rewards.shape as [number, number];
    const advantages = zeros(rewards.shape);
    for (let n = 0; n < N; n++) {
      let carried = 0;
      for (let t = T - 1; t >= 0; t--) {
        const i = t * N + n;
        const goesOn = terminated.data[i] === 0 ? 1 : 0;
        const sameEpisode = truncated.data[i] === 0 ? goesOn : 0;
        const delta = rewards.data[i]! + gamma * goesOn * nextValues.data[i]! - values.data[i]!;
        carried = delta + gamma * lambda * sameEpisode * carried;
        advantages.data[i] = carried;
      }
    }
    return { advantages, returns: map(advantages, (a, i) => a + values.data[i]!) };
  },
  tolerance({ rewards, values, nextValues }, { gamma, lambda }) {
    const horizon = Math.min(rewards.shape[0]!, 1 / (1 - gamma * lambda + 1e-9));
    const magnitude = maxAbs(rewards) + maxAbs(values) + maxAbs(nextValues);
    const sums = reduction(horizon, 4 * Math.max(1, magnitude));
    return { forward: sums, backward: sums };
  },
};

type Batch = { oldLogProbs: Ref; advantages: Ref; returns: Ref; oldValues?: Ref; mask?: Ref };
type PpoOptions = { clip: number; valueClip?: number; valueCoef: number; entropyCoef: number };
type PpoOutputs = Record<
  'loss' | 'policyLoss' | 'valueLoss' | 'entropy' | 'approxKl' | 'clipFraction',
  Ref
>;

const clampTo = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

/** One sample's -min(rA, clip(r)A) and its derivative by log π; r = π / π_old. */
function surrogate(logRatio: number, advantage: number, clip: number) {
  const ratio = Math.exp(logRatio);
  const unclipped = ratio * advantage;
  const clipped = clampTo(ratio, 1 - clip, 1 + clip) * advantage;
  return {
    ratio,
    loss: -Math.min(unclipped, clipped),
    slope: unclipped <= clipped ? -unclipped : 0,
  };
}

/** One sample's ½ max((v - R)², (v_clip - R)²), v_clip within ± clip of the old value, and its derivative by v. */
function valueError(value: number, target: number, old: number | undefined, clip?: number) {
  const error = value - target;
  if (clip === undefined || old === undefined) return { loss: error ** 2 / 2, slope: error };
  const clippedError = old + clampTo(value - old, -clip, clip) - target;
  return error ** 2 >= clippedError ** 2
    ? { loss: error ** 2 / 2, slope: error }
    : { loss: clippedError ** 2 / 2, slope: 0 };
}

/** Means over the unmasked samples (0 where there is none), and the loss's derivative by each sample's terms. */
function ppo(logProbs: Ref, entropies: Ref, values: Ref, batch: Batch, attrs: PpoOptions) {
  const { clip, valueClip, valueCoef, entropyCoef } = attrs;
  const kept = map(values, (_, i) => (batch.mask && batch.mask.data[i] === 0 ? 0 : 1));
  const share =
    1 /
    Math.max(
      1,
      kept.data.reduce((count, keep) => count + keep, 0),
    );
  const means = { policyLoss: 0, valueLoss: 0, entropy: 0, approxKl: 0, clipFraction: 0 };
  const slopes = {
    logProbs: zeros(values.shape),
    entropy: zeros(values.shape),
    values: zeros(values.shape),
  };
  for (let i = 0; i < values.data.length; i++) {
    if (kept.data[i] === 0) continue;
    const logRatio = logProbs.data[i]! - batch.oldLogProbs.data[i]!;
    const policy = surrogate(logRatio, batch.advantages.data[i]!, clip);
    const critic = valueError(
      values.data[i]!,
      batch.returns.data[i]!,
      batch.oldValues?.data[i],
      valueClip,
    );
    means.policyLoss += share * policy.loss;
    means.valueLoss += share * critic.loss;
    means.entropy += share * entropies.data[i]!;
    means.approxKl += share * (policy.ratio - 1 - logRatio);
    means.clipFraction += Math.abs(policy.ratio - 1) > clip ? share : 0;
    slopes.logProbs.data[i] = share * policy.slope;
    slopes.entropy.data[i] = -share * entropyCoef;
    slopes.values.data[i] = share * valueCoef * critic.slope;
  }
  const loss = means.policyLoss + valueCoef * means.valueLoss - entropyCoef * means.entropy;
  const outputs = Object.fromEntries(
    Object.entries({ loss, ...means }).map(([name, value]) => [name, scalar(value)]),
  ) as PpoOutputs;
  return { outputs, slopes };
}

/** Every part of the loss is a mean, so its size is that of one sample's term; gradients have the share of one. */
function ppoTolerance(
  batch: Batch & { values: Ref },
  { valueCoef, entropyCoef }: PpoOptions,
  logProbs: number,
  dout: number,
) {
  const value = Math.max(1, maxAbs(batch.values, batch.returns, batch.oldValues));
  const logRatio = Math.max(1, logProbs, maxAbs(batch.oldLogProbs));
  const policy = Math.max(1, maxAbs(batch.advantages)) * logRatio;
  const kept = batch.mask?.data.filter((keep) => keep !== 0) ?? batch.values.data;
  const gradient = (size: number) => ({
    rtol: 1e-5,
    atol: (1e-6 * dout * size) / Math.max(1, kept.length),
  });
  return {
    forward: reduction(4, Math.max(value ** 2, policy)),
    backward: {
      logits: gradient(policy),
      logProbs: gradient(policy),
      entropy: gradient(entropyCoef),
      values: gradient(valueCoef * value),
    },
  };
}

type FromLogProbs = Batch & { logProbs: Ref; entropy: Ref; values: Ref };

/** All inputs [N]: the loss for any policy that can tell log π(action) and its entropy. */
export const ppoLossFromLogProbs: OpReference<FromLogProbs, PpoOptions, PpoOutputs> = {
  op: 'ppoLossFromLogProbs',
  differentiable: ['loss'],
  forward: ({ logProbs, entropy, values, ...batch }, attrs) =>
    ppo(logProbs, entropy, values, batch, attrs).outputs,
  backward({ logProbs, entropy, values, ...batch }, attrs, { loss: dout }) {
    const { slopes } = ppo(logProbs, entropy, values, batch, attrs);
    const scaled = (slope: Ref) => map(slope, (v) => v * dout.data[0]!);
    return {
      logProbs: scaled(slopes.logProbs),
      entropy: scaled(slopes.entropy),
      values: scaled(slopes.values),
    };
  },
  args: ({ logProbs, entropy, values, ...batch }, attrs) => [
    logProbs,
    entropy,
    values,
    batch,
    attrs,
  ],
  tolerance: (inputs, attrs, dout) =>
    ppoTolerance(inputs, attrs, maxAbs(inputs.logProbs, inputs.entropy), dout),
};

type FromLogits = Batch & { logits: Ref; values: Ref; actions: Ref; actionMask?: Ref };

/** log π over the allowed actions of each row (-inf for the others) and the entropy, from logits [N, A]. */
export function categorical(logits: Ref, actionMask: Ref | undefined) {
  const [N, A] = logits.shape as [number, number];
  const logPolicy = zeros(logits.shape);
  const entropy = zeros([N]);
  for (let n = 0; n < N; n++) {
    const row = logits.data
      .slice(n * A, (n + 1) * A)
      .map((v, a) => (actionMask?.data[n * A + a] === 0 ? -Infinity : v));
    const top = row.reduce((best, v) => Math.max(best, v), -Infinity);
    const lse = top + Math.log(row.reduce((total, v) => total + Math.exp(v - top), 0));
    row.forEach((v, a) => {
      logPolicy.data[n * A + a] = v === -Infinity ? -Infinity : v - lse;
      if (v !== -Infinity) entropy.data[n]! -= Math.exp(v - lse) * (v - lse);
    });
  }
  return { A, logPolicy, entropy };
}

/** log π of the actions taken */
export function chosen(logPolicy: Ref, actions: Ref, A: number): Ref {
  return map(actions, (action, n) => logPolicy.data[n * A + action]!);
}

/** logits: [N, A], actionMask: [N, A] with 1 = allowed, actions and the others: [N] */
export const ppoLoss: OpReference<FromLogits, PpoOptions, PpoOutputs> = {
  op: 'ppoLoss',
  differentiable: ['loss'],
  forward({ logits, values, actions, actionMask, ...batch }, attrs) {
    const { A, logPolicy, entropy } = categorical(logits, actionMask);
    return ppo(chosen(logPolicy, actions, A), entropy, values, batch, attrs).outputs;
  },
  // dlogits_a = dlogπ ([a = action] - π_a) - dentropy π_a (log π_a + entropy); 0 where the action is not allowed
  backward({ logits, values, actions, actionMask, ...batch }, attrs, { loss: dout }) {
    const { A, logPolicy, entropy } = categorical(logits, actionMask);
    const { slopes } = ppo(chosen(logPolicy, actions, A), entropy, values, batch, attrs);
    const dlogits = map(logPolicy, (logp, i) => {
      const n = Math.floor(i / A);
      if (!Number.isFinite(logp)) return 0;
      const p = Math.exp(logp);
      const viaLogProb = slopes.logProbs.data[n]! * ((i % A === actions.data[n] ? 1 : 0) - p);
      const viaEntropy = -slopes.entropy.data[n]! * p * (logp + entropy.data[n]!);
      return dout.data[0]! * (viaLogProb + viaEntropy);
    });
    return { logits: dlogits, values: map(slopes.values, (v) => v * dout.data[0]!) };
  },
  args: ({ logits, values, ...batch }, attrs) => [logits, values, batch, attrs],
  tolerance: (inputs, attrs, dout) => ppoTolerance(inputs, attrs, 2 * maxAbs(inputs.logits), dout),
};

/** mean softplus(-margin), and its derivative by each margin */
function logisticLoss(margins: Float64Array) {
  const share = 1 / margins.length;
  return {
    loss: margins.reduce((total, m) => total + share * softplusOf(-m), 0),
    slopes: margins.map((m) => -share * sigmoidOf(-m)),
  };
}

type Pairs = { chosen: Ref; rejected: Ref };

/** -mean log σ(chosen - rejected), both [N] */
export const bradleyTerryLoss: OpReference<Pairs, Record<never, never>, { out: Ref }> = {
  op: 'bradleyTerryLoss',
  forward: (inputs) => ({ out: scalar(logisticLoss(margins(inputs)).loss) }),
  backward(inputs, _attrs, { out: dout }) {
    const { slopes } = logisticLoss(margins(inputs));
    return {
      chosen: map(inputs.chosen, (_, i) => dout.data[0]! * slopes[i]!),
      rejected: map(inputs.rejected, (_, i) => -dout.data[0]! * slopes[i]!),
    };
  },
  tolerance: ({ chosen, rejected }, _attrs, dout) => ({
    forward: reduction(1, 2 * Math.max(1, maxAbs(chosen, rejected))),
    backward: { rtol: 1e-4, atol: (1e-6 * dout) / chosen.data.length },
  }),
};

function margins({ chosen, rejected }: Pairs): Float64Array {
  return chosen.data.map((c, i) => c - rejected.data[i]!);
}

type DpoInputs = Record<'policyChosen' | 'policyRejected' | 'refChosen' | 'refRejected', Ref>;

/** -mean log σ(β ((policyChosen - refChosen) - (policyRejected - refRejected))); the reference model is fixed. */
export const dpoLoss: OpReference<DpoInputs, { beta: number }, { out: Ref }> = {
  op: 'dpoLoss',
  forward: (inputs, { beta }) => ({ out: scalar(logisticLoss(dpoMargins(inputs, beta)).loss) }),
  backward(inputs, { beta }, { out: dout }) {
    const { slopes } = logisticLoss(dpoMargins(inputs, beta));
    const scale = dout.data[0]! * beta;
    return {
      policyChosen: map(inputs.policyChosen, (_, i) => scale * slopes[i]!),
      policyRejected: map(inputs.policyRejected, (_, i) => -scale * slopes[i]!),
    };
  },
  tolerance: (inputs, { beta }, dout) => ({
    forward: reduction(4, Math.max(1, beta * maxAbs(...Object.values(inputs)))),
    backward: { rtol: 1e-4, atol: (1e-6 * dout * beta) / inputs.refChosen.data.length },
  }),
};

function dpoMargins(inputs: DpoInputs, beta: number): Float64Array {
  const { policyChosen, policyRejected, refChosen, refRejected } = inputs;
  return policyChosen.data.map(
    (logp, i) =>
      beta * (logp - refChosen.data[i]! - (policyRejected.data[i]! - refRejected.data[i]!)),
  );
}
