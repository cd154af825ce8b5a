// Runs items: uploads the inputs, times calls in turns with the adapter's ceilings, and checks what was timed against
// float64. A wrong result has no speed worth knowing, so it is told as wrong.

import { DeviceLostError, LimitError, ShadegradError } from '../src/errors.ts';
import type { ChoiceTable } from '../src/gpu/choices.ts';
import type { KernelTime } from '../src/gpu/timing.ts';
import type { Device } from '../src/ops/device.ts';
import { FAMILIES } from '../src/ops/families.ts';
import { format, sizeOf } from '../src/tensor/shape.ts';
import { type CeilingForms, placeCeilings } from './ceilings.ts';
import type { Fits, HostArrays, Item, Worst } from './item.ts';
import {
  type Clock,
  type Measurement,
  type MeasureOptions,
  measureInterleaved,
  medianRatio,
  wallClock,
} from './measure.ts';
import { type Entrant, Side, type UserKernel } from './side.ts';

export interface BenchOptions extends MeasureOptions {
  /** The forms in which the ceilings are measured beside each item. */
  readonly ceilings: CeilingForms;
  readonly kernel?: UserKernel;
  /** Also measure each other variant of the kernels that the item launches. Default false. */
  readonly variants?: boolean;
  /** Told, and waited for, before a variant's kernels are compiled. */
  readonly onVariant?: (name: string) => void | Promise<void>;
}

/** One item in one variant. Times are per call. */
export interface BenchResult {
  readonly name: string;
  readonly family: string;
  /** The kernels' variants that were taken; the file's name for a kernel from outside. */
  readonly variant: string;
  readonly shape: Readonly<Record<string, number>>;
  readonly dtype: string;
  readonly direction: string;
  /** Median; null, as all that follows from it, where the item could not run. */
  readonly microseconds: number | null;
  readonly p10: number | null;
  readonly p90: number | null;
  readonly source: Clock['source'] | null;
  /** Calls per sample, and samples. */
  readonly calls: number;
  readonly rounds: number;
  readonly gflops: number | null;
  readonly gbps: number | null;
  /** For models. */
  readonly tokensPerSecond?: number;
  /** Of the multiply-adds, and of the copy, that took turns with it. */
  readonly percentOfFma: number | null;
  readonly percentOfCopy: number | null;
  /** The larger of the two: the ceiling that is nearer is what bounds the item. */
  readonly percentOfPeak: number | null;
  /** The ceilings as they were meanwhile. */
  readonly fmaGflops: number | null;
  readonly copyGbps: number | null;
  /** Bytes that calls need besides inputs and state. */
  readonly memoryBytes: number;
  /** What the first call took longer than the second: pipelines are compiled, buffers made. */
  readonly compileMilliseconds: number;
  /** What a call launches, slowest first, each in a pass of its own; only where there are timestamps. */
  readonly kernels?: readonly KernelTime[];
  /** How many times as fast as what the device takes by itself, by the median of the rounds' ratios; for all others. */
  readonly speedup?: number;
  readonly correct: boolean;
  /** How many values were compared with float64. */
  readonly compared: number;
  readonly worst?: Worst;
  readonly problem?: string;
}

/**
 * Times and checks an item on a device that was opened for it: what compiling and memory cost is seen on fresh ones.
 * @returns what the device takes by itself first, then the other variants if they are asked for, then the kernel from
 *   outside if there is one; nothing where the item does not launch the file that it replaces. An item that the adapter
 *   cannot run gives a result that says why.
 * @throws DeviceLostError, and KernelError for a substitute that does not compile or lacks an entry or a constant.
 */
export async function benchItem(
  device: Device,
  item: Item,
  options: BenchOptions,
): Promise<BenchResult[]> {
  const sides: Side[] = [];
  try {
    const inputs = item.inputs(fitsOn(device, item));
    const failures = await beginSides(device, item, inputs, options, sides);
    if (options.kernel && !sides.some(({ entrant }) => entrant.kernel)) return [];
    return [...(await timeSides(device, item, options, sides)), ...failures];
  } catch (error) {
    if (options.kernel) throw error;
    return [failedResult(item, sides[0] ?? NOTHING_MADE, error)];
  } finally {
    for (const side of sides) side.dispose();
  }
}

/** Refuses arrays that cannot be bound, before the host makes them. */
function fitsOn({ limits }: Device, { name }: Item): Fits {
  return (shape) => {
    const [bytes, limit] = [4 * sizeOf(shape), limits.maxStorageBufferBindingSize];
    if (bytes > limit)
      throw new LimitError(
        `${name}: an array of shape ${format(shape)} takes ${bytes} bytes; this adapter binds at most ${limit} (maxStorageBufferBindingSize)`,
      );
  };
}

/** Adds those that run to `sides`, what the device takes by itself first. @returns variants that the driver refuses */
async function beginSides(
  device: Device,
  item: Item,
  inputs: HostArrays,
  { kernel, variants = false, onVariant }: BenchOptions,
  sides: Side[],
): Promise<BenchResult[]> {
  const begin = async (entrant: Entrant, wanted: (side: Side) => boolean) => {
    const side = new Side(device, item, inputs, entrant);
    await onVariant?.(side.name);
    sides.push(side);
    await side.begin();
    if (wanted(side)) return true;
    sides.pop()!.dispose();
    return false;
  };
  await begin({}, () => true);
  const failures: BenchResult[] = [];
  for (const pinned of variants ? otherVariants(sides[0]!.taken) : []) {
    try {
      await begin({ pinned }, (side) => side.tookPinned);
    } catch (error) {
      failures.push(failedResult(item, sides.at(-1)!, error));
      sides.pop()!.dispose();
    }
  }
  if (kernel) {
    // The place of its file may be in another variant than the device takes.
    for (const { entrant } of [...sides])
      if (await begin({ ...entrant, kernel }, (side) => !side.idle)) break;
  }
  return failures;
}

/** The variants that were not taken, of each family that an item launches, each for all classes of shapes. */
function otherVariants(taken: ChoiceTable): ChoiceTable[] {
  return FAMILIES.filter(({ name }) => name in taken).flatMap(({ name, variants }) =>
    variants
      .filter((variant) => Object.values(taken[name]!).some((each) => each !== variant))
      .map((variant) => ({ [name]: { '*': variant } })),
  );
}

async function timeSides(
  device: Device,
  item: Item,
  { ceilings: forms, ...options }: BenchOptions,
  sides: readonly Side[],
): Promise<BenchResult[]> {
  const ceilings = await placeCeilings(device, forms);
  const candidates = [...sides, ceilings.fma, ceilings.copy];
  const clock = item.clock === 'wall' ? { clock: wallClock } : {};
  const times = await measureInterleaved(device, candidates, { ...options, ...clock });
  ceilings.dispose();
  const [fma, copy] = times.slice(-2) as [Measurement, Measurement];
  const beside = {
    fma: { ...fma, work: ceilings.fma.work },
    copy: { ...copy, work: ceilings.copy.work },
  };
  const results: BenchResult[] = [];
  for (const [i, side] of sides.entries()) {
    results.push({
      ...described(item, side),
      ...speeds(item, times[i]!, beside),
      ...(i > 0 && { speedup: times[i]!.speedup }),
      ...(times[i]!.source === 'timestamp' && {
        kernels: await launchesOf(device, side, times[i]!),
      }),
      ...(await side.verdict()),
    });
  }
  return results;
}

async function launchesOf(
  device: Device,
  { run }: Side,
  { calls }: Measurement,
): Promise<KernelTime[]> {
  const { kernels } = await device.time(() => {
    for (let i = 0; i < calls; i++) run();
  });
  return kernels.map(({ label, count, microseconds }) => ({
    ...{ label, count: count / calls, microseconds: microseconds / calls },
  }));
}

type Made = Pick<Side, 'variant' | 'memoryBytes' | 'compileMilliseconds'>;

const NOTHING_MADE: Made = { variant: 'built-in', memoryBytes: 0, compileMilliseconds: 0 };

function described(item: Item, { variant, memoryBytes, compileMilliseconds }: Made) {
  const { name, family, shape, dtype, direction } = item;
  return { name, family, variant, shape, dtype, direction, memoryBytes, compileMilliseconds };
}

/** A ceiling as it was measured; `work` in operations or bytes per call. */
type MeasuredCeiling = Measurement & { readonly work: number };

function speeds(
  { flops, bytes, tokens }: Item,
  { microseconds, p10, p90, source, calls, samples }: Measurement,
  { fma, copy }: { fma: MeasuredCeiling; copy: MeasuredCeiling },
) {
  // Of each round's own ceiling: the machine drifts, and takes both along.
  const percentOf = (ceiling: MeasuredCeiling, work: number) =>
    100 * (work / ceiling.work) * medianRatio(ceiling.samples, samples);
  const [percentOfFma, percentOfCopy] = [percentOf(fma, flops), percentOf(copy, bytes)];
  return {
    ...{ microseconds, p10, p90, source, calls, rounds: samples.length },
    gflops: flops / microseconds / 1e3,
    gbps: bytes / microseconds / 1e3,
    ...(tokens && { tokensPerSecond: (1e6 * tokens) / microseconds }),
    percentOfFma,
    percentOfCopy,
    percentOfPeak: Math.max(percentOfFma, percentOfCopy),
    fmaGflops: fma.work / fma.microseconds / 1e3,
    copyGbps: copy.work / copy.microseconds / 1e3,
  };
}

const NO_SPEED = {
  microseconds: null,
  p10: null,
  p90: null,
  source: null,
  calls: 0,
  rounds: 0,
  gflops: null,
  gbps: null,
  percentOfFma: null,
  percentOfCopy: null,
  percentOfPeak: null,
  fmaGflops: null,
  copyGbps: null,
};

/** @throws what is no limit of the adapter or the driver, and the device's loss */
function failedResult(item: Item, made: Made, error: unknown): BenchResult {
  if (!(error instanceof ShadegradError) || error instanceof DeviceLostError) throw error;
  const verdict = { correct: false, compared: 0, problem: error.message };
  return { ...described(item, made), ...NO_SPEED, ...verdict };
}
