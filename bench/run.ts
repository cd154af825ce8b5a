// Runs items: uploads the inputs, times calls in turns with the adapter's ceilings, and checks what was timed against
// float64. A wrong result has no speed worth knowing, so it is told as wrong.

import { DeviceLostError, ShadegradError } from '../src/errors.ts';
import type { Substitute } from '../src/gpu/context.ts';
import type { KernelFile } from '../src/gpu/wgsl.ts';
import type { Device } from '../src/ops/device.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import { type CeilingForms, placeCeilings } from './ceilings.ts';
import type { HostArrays, Item, Results, Tensors, Verdict, Work } from './item.ts';
import {
  type Candidate,
  type Clock,
  type Measurement,
  type MeasureOptions,
  measureInterleaved,
  medianRatio,
  wallClock,
} from './measure.ts';

/** A kernel file that takes the place of a built-in one in a second measurement of each item. */
export interface UserKernel {
  /** The built-in file, without `.wgsl`. */
  readonly like: string;
  readonly file: KernelFile;
}

export interface BenchOptions extends MeasureOptions {
  /** The forms in which the ceilings are measured beside each item. */
  readonly ceilings: CeilingForms;
  readonly kernel?: UserKernel;
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
  /** How many times as fast as the built-in kernel, by the median of the rounds' ratios; for a kernel from outside. */
  readonly speedup?: number;
  readonly correct: boolean;
  /** How many values were compared with float64. */
  readonly compared: number;
  readonly problem?: string;
}

/**
 * Times and checks an item on a device that was opened for it: what compiling and memory cost is seen on fresh ones.
 * @returns one result, and a second for the kernel from outside if there is one; none where the item does not launch
 *   the file that it replaces. An item that the adapter cannot run gives a result that says why.
 * @throws DeviceLostError, and KernelError for a substitute that does not compile or lacks an entry or a constant.
 */
export async function benchItem(
  device: Device,
  item: Item,
  { ceilings: forms, kernel, ...options }: BenchOptions,
): Promise<BenchResult[]> {
  const inputs = item.inputs();
  const sides = [new Side(device, item, inputs)];
  try {
    if (kernel) sides.push(new Side(device, item, inputs, kernel));
    for (const side of sides) await side.begin();
    if (sides.some(({ idle }) => idle)) return [];
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
      const verdict = await side.verdict();
      results.push({
        ...described(item, side),
        ...speeds(item, times[i]!, beside),
        ...(i > 0 && { speedup: times[i]!.speedup }),
        ...verdict,
      });
    }
    return results;
  } catch (error) {
    if (!(error instanceof ShadegradError) || error instanceof DeviceLostError || kernel)
      throw error;
    return [{ ...described(item, sides[0]!), ...NO_SPEED, ...failed(error) }];
  } finally {
    for (const side of sides) side.dispose();
  }
}

/** An item in one variant on the device. */
class Side implements Candidate {
  readonly name: string;
  memoryBytes = 0;
  compileMilliseconds = 0;
  private calls = 0;
  private last: Tensors = {};
  private tensors: Tensors = {};
  private work: Work | null = null;
  private readonly substitute: Substitute | null;

  constructor(
    private readonly device: Device,
    private readonly item: Item,
    private readonly inputs: HostArrays,
    private readonly kernel?: UserKernel,
  ) {
    this.name = kernel?.file.name ?? 'built-in';
    this.substitute = kernel ? { file: kernel.file, launches: 0 } : null;
  }

  /** Uploads, and makes the first calls. */
  async begin(): Promise<void> {
    const { device, item, inputs } = this;
    const entries = Object.entries(inputs).map(
      ([name, { data, shape, dtype }]) => [name, device.tensor(data, { shape, dtype })] as const,
    );
    this.tensors = Object.fromEntries(entries);
    this.work = item.start(device, this.tensors);
    await device.sync();
    device.gpu.pool.trim();
    const before = reserved(device);
    const [first, second] = [await this.timedCall(), await this.timedCall()];
    this.compileMilliseconds = Math.max(0, first - second);
    this.memoryBytes = reserved(device) - before;
  }

  /** The outputs of the last call stay, to be checked. */
  readonly run = (): void => {
    const { work, kernel, substitute } = this;
    const { substitutes } = this.device.gpu;
    free(this.last);
    if (kernel) substitutes.set(kernel.like, substitute!);
    try {
      this.last = work!.run();
    } finally {
      if (kernel) substitutes.delete(kernel.like);
    }
    this.calls++;
  };

  async verdict(): Promise<Verdict> {
    const results: Record<string, Results[string]> = { ...(await this.work!.read?.()) };
    for (const [name, tensor] of Object.entries(this.last)) results[name] = await tensor.data();
    return this.item.check(this.inputs, results, this.calls);
  }

  /** Whether it is there for a kernel from outside, which nothing launched. */
  get idle(): boolean {
    return this.substitute?.launches === 0;
  }

  /** What the launches took: variants of the item's own family by their names, others with their family's. */
  get variant(): string {
    if (this.kernel) return this.name;
    const taken = Object.entries(this.device.gpu.choices.used).flatMap(([family, classes]) =>
      [...new Set(Object.values(classes))].map((variant) =>
        family === this.item.family ? variant : `${family} ${variant}`,
      ),
    );
    return taken.length > 0 ? taken.join(', ') : 'built-in';
  }

  dispose(): void {
    this.work?.dispose?.();
    free(this.last);
    free(this.tensors);
  }

  private async timedCall(): Promise<number> {
    const begin = performance.now();
    this.run();
    await this.device.sync();
    return performance.now() - begin;
  }
}

const free = (tensors: Readonly<Record<string, Tensor>>) => {
  for (const tensor of Object.values(tensors)) tensor.dispose();
};

function reserved(device: Device): number {
  const { bytesInUse, bytesPooled } = device.memory();
  return bytesInUse + bytesPooled;
}

function described(item: Item, { variant, memoryBytes, compileMilliseconds }: Side) {
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

function failed({ message }: Error): Verdict {
  return { correct: false, compared: 0, problem: message };
}
