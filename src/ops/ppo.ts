// PPO's clipped loss with its gradients (Schulman et al. 2017), for discrete and for any other policies.

import source from '../../kernels/ppo.wgsl' with { type: 'text' };
import { ConfigError, ShapeError } from '../errors.ts';
import type { Constants, ParamValues } from '../gpu/wgsl.ts';
import { format } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Runtime, Tensor } from '../tensor/tensor.ts';
import { spansOf, widthFor } from './elements.ts';
import { allocate, expectDType, expectShape, kernelFile, lanesFor, launch } from './launch.ts';

const kernel = kernelFile('ppo', source);

const METRICS_FLOATS = 6; // struct Metrics
/** Workgroups whose sums `finish` adds. */
const MAX_GROUPS = 1024;
/** Samples of a thread on a CPU adapter: reductions cost more than the samples' few terms. */
const CPU_SAMPLES = 64;
/** Up to this many actions one thread reads a row of logits; beyond, a workgroup does. */
const THREAD_ACTIONS = 64;

/** What both losses need of the samples; all [N]. */
export interface PpoTargets {
  /** log π_old(action), f32: of the policy that acted. */
  readonly oldLogProbs: Tensor;
  /** f32; normalised by the caller, if at all. */
  readonly advantages: Tensor;
  /** Targets of the value function, f32. */
  readonly returns: Tensor;
  /** V_old, f32; needed when valueClip is set. */
  readonly oldValues?: Tensor | undefined;
  /** Nonzero where the sample counts; default all do. i32, u32 or f32. */
  readonly mask?: Tensor | undefined;
}

export interface PpoSamples extends PpoTargets {
  /** [N] i32, in 0 … A - 1 where the sample counts. */
  readonly actions: Tensor;
  /** [N, A], nonzero where the action is allowed; default all are. i32, u32 or f32. */
  readonly actionMask?: Tensor | undefined;
}

/** Defaults as CleanRL, except that values are not clipped. */
export interface PpoOptions {
  /** ε: the ratio is clipped to 1 ± ε. Default 0.2. */
  readonly clip?: number;
  /** c: the value moves by at most c from its old one; null, the default, does not clip. */
  readonly valueClip?: number | null;
  /** Default 0.5. */
  readonly valueCoef?: number;
  /** Default 0.01. */
  readonly entropyCoef?: number;
}

/** Scalars; only `loss` is differentiable. */
export interface PpoLoss {
  /** policyLoss + valueCoef valueLoss - entropyCoef entropy. */
  readonly loss: Tensor;
  /** mean of -min(r Â, clip(r, 1 ± ε) Â). */
  readonly policyLoss: Tensor;
  /** mean of ½ (V - R)²; clipped, of the larger of the two errors. */
  readonly valueLoss: Tensor;
  /** mean of H(π). */
  readonly entropy: Tensor;
  /** mean of (r - 1) - log r: an unbiased, never negative estimate of KL(π_old ‖ π). */
  readonly approxKl: Tensor;
  /** Share of samples with |r - 1| > ε. */
  readonly clipFraction: Tensor;
}

/**
 * PPO's loss of a policy over A discrete actions, π = softmax(logits), r = π(action) / π_old(action).
 *
 * Means are over the samples that the mask counts; with none, all results are 0. A row whose every action is masked has
 * log π = 0 and no entropy. Differentiable once, in logits and values.
 *
 * @param logits [N, A] f32.
 * @param values [N] f32.
 * @throws ShapeError, DTypeError, or ConfigError for a valueClip without oldValues; the next awaited call throws a
 *   DataError where an action is out of range.
 */
export function ppoLoss(
  logits: Tensor,
  values: Tensor,
  samples: PpoSamples,
  options: PpoOptions = {},
): PpoLoss {
  const { actions, actionMask, oldLogProbs, advantages } = samples;
  const [count, choices] = logits.shape;
  if (logits.rank !== 2 || count === undefined || !choices) {
    throw new ShapeError(`ppoLoss: logits is ${format(logits.shape)}, expected [samples, actions]`);
  }
  expectDType('ppoLoss', 'logits', logits, 'f32');
  expectShape('ppoLoss', 'actions', actions, [count]);
  expectDType('ppoLoss', 'actions', actions, 'i32', 'u32');
  if (actionMask) {
    expectShape('ppoLoss', 'actionMask', actionMask, logits.shape);
    expectDType('ppoLoss', 'actionMask', actionMask, 'i32', 'u32', 'f32');
  }
  checkTargets('ppoLoss', values, count, samples, options);

  const { runtime } = logits;
  const wide = choices > THREAD_ACTIONS;
  const shares = wide ? rowShares(count) : threadShares(runtime, count);
  const params = paramsOf(runtime, count, shares, options);
  const width = widthFor(choices);
  const constants = {
    ACTIONS: choices,
    ACTION_MASKED: String(actionMask !== undefined),
    ...(width === 4 && { WIDTH: 4, Logits: 'vec4f', Allowed: 'vec4u' }),
  };
  const allowed = actionMask ?? logits; // a stand-in of as many elements
  using terms = allocateTerms(runtime, count, params);
  launch(kernel, 'from_logits', {
    inputs: [oldLogProbs, advantages, samples.mask ?? oldLogProbs, logits, actions, allowed],
    outputs: [terms],
    params,
    workgroups: shares.groups,
    constants: {
      ...constants,
      ...maskConstant(samples),
      ROW_PER_THREAD: String(!wide),
      LANES: lanesFor(runtime),
    },
    flops: 30 * logits.size,
    fault: `ppoLoss: an action is out of range [0, ${choices})`,
  });
  const { loss, metrics } = means(terms, values, samples, options, params);
  record({
    name: 'ppoLoss',
    inputs: [logits, values],
    output: loss,
    saved: [terms, metrics, logits, actions, allowed],
    backward: null,
    fused: (dy, [savedTerms, savedMetrics, savedLogits, savedActions, savedAllowed]) => {
      const dlogits = allocate(runtime, [count, choices], 'f32');
      const dvalues = allocate(runtime, [count], 'f32');
      // On a CPU a thread takes rows: what it asks for the sample is asked once.
      const rows = runtime.gpu.adapter.software;
      const spans = spansOf(runtime, rows ? count : dlogits.size / width);
      launch(kernel, 'logits_backward', {
        inputs: [savedTerms, savedMetrics, dy, savedLogits, savedActions, savedAllowed],
        outputs: [dlogits, dvalues],
        params,
        workgroups: spans.workgroups,
        constants: { ...constants, ...spans.constants, ROW_PER_THREAD: String(rows) },
        flops: 20 * dlogits.size,
      });
      return [dlogits, dvalues];
    },
  });
  return namedScalars(loss, metrics);
}

/**
 * PPO's loss of any policy that tells the log-probability of its actions and its entropy: a Gaussian over continuous
 * actions, or a language model over tokens. As `ppoLoss` otherwise; differentiable once, in logProbs, entropy, values.
 *
 * @param logProbs [N] f32: log π(action).
 * @param entropy [N] f32: H(π), or an estimate.
 * @param values [N] f32.
 * @throws ShapeError, DTypeError, or ConfigError for a valueClip without oldValues.
 */
export function ppoLossFromLogProbs(
  logProbs: Tensor,
  entropy: Tensor,
  values: Tensor,
  samples: PpoTargets,
  options: PpoOptions = {},
): PpoLoss {
  const op = 'ppoLossFromLogProbs';
  const [count] = logProbs.shape;
  if (logProbs.rank !== 1 || count === undefined) {
    throw new ShapeError(`${op}: logProbs is ${format(logProbs.shape)}, expected [samples]`);
  }
  expectDType(op, 'logProbs', logProbs, 'f32');
  expectShape(op, 'entropy', entropy, [count]);
  expectDType(op, 'entropy', entropy, 'f32');
  checkTargets(op, values, count, samples, options);

  const { oldLogProbs, advantages, mask = oldLogProbs } = samples;
  const { runtime } = logProbs;
  const shares = threadShares(runtime, count);
  const params = paramsOf(runtime, count, shares, options);
  using terms = allocateTerms(runtime, count, params);
  launch(kernel, 'from_log_probs', {
    inputs: [oldLogProbs, advantages, mask, logProbs, entropy],
    outputs: [terms],
    params,
    workgroups: shares.groups,
    constants: { ...maskConstant(samples), LANES: lanesFor(runtime) },
    flops: 30 * count,
  });
  const { loss, metrics } = means(terms, values, samples, options, params);
  record({
    name: op,
    inputs: [logProbs, entropy, values],
    output: loss,
    saved: [terms, metrics],
    backward: null,
    fused: (dy, [savedTerms, savedMetrics]) => {
      const gradients = [0, 1, 2].map(() => allocate(runtime, [count], 'f32'));
      launch(kernel, 'log_probs_backward', {
        inputs: [savedTerms, savedMetrics, dy],
        outputs: gradients,
        params,
        ...spansOf(runtime, count),
      });
      return gradients;
    },
  });
  return namedScalars(loss, metrics);
}

/** Adds the value's terms to the samples, and takes the means. */
function means(
  terms: Tensor,
  values: Tensor,
  { returns, oldValues }: PpoTargets,
  { valueClip = null }: PpoOptions,
  params: ParamValues,
): { loss: Tensor; metrics: Tensor } {
  const { runtime } = terms;
  const count = values.size;
  const lanes = { LANES: lanesFor(runtime) };
  const { perThread, groups } = threadShares(runtime, count);
  launch(kernel, 'value_sums', {
    inputs: [values, returns, oldValues ?? returns],
    outputs: [terms],
    params: { ...params, perThread },
    workgroups: groups,
    constants: { ...lanes, CLIP_VALUES: String(valueClip !== null) },
    flops: 8 * count,
  });
  const loss = allocate(runtime, [], 'f32');
  const metrics = allocate(runtime, [METRICS_FLOATS], 'f32');
  launch(kernel, 'finish', {
    inputs: [terms],
    outputs: [loss, metrics],
    params,
    workgroups: 1,
    constants: lanes,
  });
  return { loss, metrics };
}

/** The fields of the kernel's struct Metrics, as views. */
function namedScalars(loss: Tensor, metrics: Tensor): PpoLoss {
  const field = (index: number) => metrics.alias([], [], index);
  const named = {
    loss,
    policyLoss: field(0),
    valueLoss: field(1),
    entropy: field(2),
    approxKl: field(3),
    clipFraction: field(4),
  };
  metrics.dispose(); // the views hold its memory
  return named;
}

/** How samples are shared out: so many to a thread, or to a workgroup that takes rows. */
interface Shares {
  readonly perThread: number;
  readonly groups: number;
}

function threadShares(runtime: Runtime, samples: number): Shares {
  const least = runtime.gpu.adapter.software ? CPU_SAMPLES : 1;
  return sharesOf(samples, lanesFor(runtime), least);
}

const rowShares = (samples: number): Shares => sharesOf(samples, 1, 1);

function sharesOf(samples: number, atOnce: number, least: number): Shares {
  const perThread = Math.max(least, Math.ceil(samples / (atOnce * MAX_GROUPS)));
  return { perThread, groups: Math.ceil(samples / (atOnce * perThread)) };
}

function paramsOf(
  runtime: Runtime,
  samples: number,
  { perThread, groups }: Shares,
  { clip = 0.2, valueClip = null, valueCoef = 0.5, entropyCoef = 0.01 }: PpoOptions,
) {
  return {
    samples,
    perThread,
    groups,
    valueGroups: threadShares(runtime, samples).groups,
    clip,
    valueClip: valueClip ?? 0,
    valueCoef,
    entropyCoef,
    fault: 0,
  };
}

/** The planes, and the sums of the workgroups: four of the policy's, two of the value's. */
function allocateTerms(
  runtime: Runtime,
  count: number,
  { groups, valueGroups }: { readonly groups: number; readonly valueGroups: number },
): Tensor {
  const vectors = count + groups + valueGroups + Math.ceil(count / 4);
  return allocate(runtime, [Math.max(1, vectors), 4], 'f32');
}

function maskConstant({ mask }: PpoTargets): Constants {
  return { MASKED: String(mask !== undefined) };
}

function checkTargets(
  op: string,
  values: Tensor,
  count: number,
  { oldLogProbs, advantages, returns, oldValues, mask }: PpoTargets,
  { valueClip = null }: PpoOptions,
): void {
  const floats = { values, oldLogProbs, advantages, returns, ...(oldValues && { oldValues }) };
  for (const [name, x] of Object.entries(floats)) {
    expectShape(op, name, x, [count]);
    expectDType(op, name, x, 'f32');
  }
  if (mask) {
    expectShape(op, 'mask', mask, [count]);
    expectDType(op, 'mask', mask, 'i32', 'u32', 'f32');
  }
  if (valueClip !== null && !oldValues) {
    throw new ConfigError(
      `${op}: valueClip ${valueClip} needs oldValues, the values at the time of acting`,
    );
  }
}
