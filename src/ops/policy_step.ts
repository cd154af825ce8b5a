// Acting by a small policy, from observations to drawn actions in one kernel.

import source from '../../kernels/policy_step.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { full } from './copy.ts';
import { allocate, expectDType, expectShape, kernelFile, launch } from './launch.ts';
import { randomState } from './random.ts';
import { concat, pad } from './shape_ops.ts';
import { reshape, transpose } from './view.ts';

const kernel = kernelFile('policy_step', source);

const COPIES = 16; // of a workgroup
/** Of a hidden layer: more units do not fit in workgroup memory beside others. */
const WIDEST = 64;

/** Weight [out, in], bias [out]. */
export interface PolicyLayer {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

export interface SmallPolicy {
  /** Three: tanh stands between them. */
  readonly layers: readonly PolicyLayer[];
  /** [in] each: what observations are scaled by, to clamp((x - mean) * scale, ±10). */
  readonly norm?: { readonly mean: Tensor; readonly scale: Tensor } | undefined;
  /** [out] of continuous actions: ln σ. */
  readonly logStd?: Tensor | undefined;
}

/** A policy as the kernel reads it: a copy, which later changes of the policy do not reach. */
export interface PackedPolicy {
  readonly widths: readonly number[];
  readonly weights: Tensor;
  readonly extras: Tensor;
  readonly normalised: boolean;
  readonly continuous: boolean;
}

/** Whether a policy of these widths, from inputs to outputs, is small enough. */
export const isSmallPolicy = (widths: readonly number[]): boolean =>
  widths.length === 4 &&
  widths.every((width) => width >= 1 && width <= WIDEST) &&
  widths.slice(1, 3).every((width) => width % 4 === 0);

/** @throws ShapeError unless `isSmallPolicy`. */
export function packPolicy({ layers, norm, logStd }: SmallPolicy): PackedPolicy {
  const widths = [layers[0]!.weight.shape[1]!, ...layers.map(({ weight }) => weight.shape[0]!)];
  if (!isSmallPolicy(widths))
    throw new ShapeError(
      `packPolicy: the widths are ${format(widths)}; expected two hidden layers, multiples of 4, and at most ${WIDEST} everywhere`,
    );
  const { runtime } = layers[0]!.weight;
  const [inputs, outputs] = [widths[0]!, widths[3]!];
  const none = (size: number) => full(runtime, [size], 0, 'f32');
  return {
    widths,
    weights: concat(layers.map(packLayer)),
    extras: concat([
      norm?.mean ?? none(inputs),
      norm?.scale ?? none(inputs),
      logStd ?? none(outputs),
    ]),
    normalised: norm !== undefined,
    continuous: logStd !== undefined,
  };
}

/** [(in + 1) * out], row-major, the bias last; out a multiple of 4. */
function packLayer({ weight, bias }: PolicyLayer): Tensor {
  const [out, inputs] = weight.shape as [number, number];
  const rows = concat([transpose(weight), reshape(bias, [1, out])]);
  const after = Math.ceil(out / 4) * 4 - out;
  const fours = after === 0 ? rows : pad(rows, { before: [0, 0], after: [0, after] });
  return reshape(fours, [(inputs + 1) * (out + after)]);
}

/**
 * One action for each row of observations [N, in]: [N] i32, or [N, out] f32 where continuous. The draws are those of
 * `sampleAction` and `gaussianNoise` in its place. No gradient flows.
 * @throws ShapeError or DTypeError when the observations do not fit.
 */
export function policyStep(observations: Tensor, policy: PackedPolicy): Tensor {
  const [INPUTS, HIDDEN_1, HIDDEN_2, OUTPUTS] = policy.widths as [number, number, number, number];
  const [N] = observations.shape as [number];
  expectDType('policyStep', 'observations', observations, 'f32');
  expectShape('policyStep', 'observations', observations, [N, INPUTS]);
  const { runtime } = observations;
  const state = randomState(runtime);
  const { continuous } = policy;
  const actions = continuous
    ? allocate(runtime, [N, OUTPUTS], 'f32')
    : allocate(runtime, [N], 'i32');
  launch(kernel, 'forward', {
    inputs: [observations, policy.weights, policy.extras, state.tensor],
    outputs: [actions],
    params: { copies: N, stream: state.nextStream() },
    constants: {
      Action: continuous ? 'f32' : 'u32',
      CONTINUOUS: String(continuous),
      NORMALISED: String(policy.normalised),
      ...(runtime.gpu.adapter.software ? { THREADS: 8, FOURS: 2 } : { THREADS: 16, FOURS: 1 }),
      ...{ INPUTS, HIDDEN_1, HIDDEN_2, OUTPUTS },
    },
    workgroups: Math.ceil(N / COPIES),
    flops: 2 * N * (INPUTS * HIDDEN_1 + HIDDEN_1 * HIDDEN_2 + HIDDEN_2 * OUTPUTS),
  });
  return actions;
}
