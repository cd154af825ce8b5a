// Drawing the next tokens of a batch from their logits, on the device.

import source from '../../kernels/sample.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { keyOf } from '../tensor/philox.ts';
import { format } from '../tensor/shape.ts';
import type { Runtime, Tensor } from '../tensor/tensor.ts';
import { full } from './copy.ts';
import { allocate, expectDType, expectShape, kernelFile, lanesFor, launch } from './launch.ts';
import { checkSampling, type SamplingOptions } from './sampling_options.ts';

const kernel = kernelFile('sample', source);

/** What a batch of B rows has drawn so far. All lies on the device, and each draw counts on: a captured step can replay. */
export interface SamplingState {
  /** [B] i32: the tokens of the last draw. A row that has ended repeats the first of the ends. */
  readonly next: Tensor;
  /** [B, 4] u32: the seed's two words, draws so far, whether the row has ended. */
  readonly account: Tensor;
  /** [B, capacity, 2] u32: token, and the bits of its ln p (f32) under softmax(logits / temperature), before any cut. */
  readonly drawn: Tensor;
  /** [B, V] u32: 1 for tokens that occurred, prompts included. */
  readonly seen: Tensor;
  dispose(): void;
}

/**
 * The state before the first draw.
 * @param seeds one per row: a row's tokens depend on its seed and its logits alone, not on the rows beside it.
 * @param capacity most draws that are kept.
 */
export function samplingState(
  runtime: Runtime,
  seeds: readonly (number | bigint)[],
  { capacity, vocabularySize }: { capacity: number; vocabularySize: number },
): SamplingState {
  const B = seeds.length;
  const account = allocate(runtime, [B, 4], 'u32');
  account.write(seeds.flatMap((seed) => [...keyOf(seed), 0, 0]));
  const tensors = {
    next: full(runtime, [B], 0, 'i32'),
    account,
    drawn: full(runtime, [B, capacity, 2], 0, 'u32'),
    seen: full(runtime, [B, vocabularySize], 0, 'u32'),
  };
  for (const x of Object.values(tensors)) x.kept = true;
  const dispose = () => {
    for (const x of Object.values(tensors)) x.dispose();
  };
  return { ...tensors, dispose };
}

/**
 * Draws a token for each row of logits [B, V], f32, and counts `lengths` [B] i32 up by one.
 * @throws ConfigError, ShapeError or DTypeError for arguments that do not fit; the next awaited call throws a DataError
 *   where no token is allowed.
 */
export function sampleInto(
  state: SamplingState,
  logits: Tensor,
  lengths: Tensor,
  options: SamplingOptions = {},
): void {
  const [B, V] = state.seen.shape as [number, number];
  expectDType('sampleInto', 'logits', logits, 'f32');
  expectShape('sampleInto', 'logits', logits, [B, V]);
  expectShape('sampleInto', 'lengths', lengths, [B]);
  expectDType('sampleInto', 'lengths', lengths, 'i32');
  const checked = checkSampling(options, V);
  const { allowed } = options;
  if (allowed) {
    expectDType('sampleInto', 'allowed', allowed, 'u32', 'i32');
    const fits = allowed.rank === 1 ? allowed.shape[0] === V : allowed.size === B * V;
    if (!fits || allowed.rank > 2) {
      throw new ShapeError(
        `sampleInto: allowed is ${format(allowed.shape)}, expected [${V}] or [${B}, ${V}]`,
      );
    }
  }
  const { LANES, ROWS } = threadsFor(logits.runtime, V);
  launch(kernel, 'sample', {
    inputs: [logits, allowed ?? state.account],
    outputs: [state.next, lengths, state.account, state.drawn, state.seen],
    params: {
      rows: B,
      cols: V,
      capacity: state.drawn.shape[1]!,
      allowedRows: allowed?.rank === 2 ? B : 1,
      ...checked,
    },
    constants: { MASKED: String(allowed !== undefined), LANES, ROWS },
    workgroups: Math.ceil(B / ROWS),
    flops: 20 * logits.size,
    fault: 'sampleInto: a row has no allowed token',
  });
}

/**
 * Threads of a row, and rows of a workgroup. A short row is one thread's, without the barriers of each of its many passes:
 * with 1000 rows of 6 tokens 5 to 14 times as fast on CPUs, 1.5 to 5 times with 65 to 200; with 8192 several times slower.
 */
function threadsFor(runtime: Runtime, V: number): { LANES: number; ROWS: number } {
  const lanes = lanesFor(runtime);
  const short = runtime.gpu.adapter.software ? 256 : 16;
  return V <= short ? { LANES: 1, ROWS: lanes } : { LANES: lanes, ROWS: 1 };
}
