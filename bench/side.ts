// One way to compute an item, on the device and ready to be called: what the device takes by itself, another variant, or a
// kernel from outside.

import type { ChoiceTable } from '../src/gpu/choices.ts';
import type { Substitute } from '../src/gpu/context.ts';
import type { KernelFile } from '../src/gpu/wgsl.ts';
import type { Device } from '../src/ops/device.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import type { HostArrays, Item, Results, Tensors, Verdict, Work } from './item.ts';
import type { Candidate } from './measure.ts';

/** A kernel file that takes the place of a built-in one in a second measurement of each item. */
export interface UserKernel {
  /** The built-in file, without `.wgsl`. */
  readonly like: string;
  readonly file: KernelFile;
}

/** What is measured beside what the device takes by itself. */
export interface Entrant {
  readonly pinned?: ChoiceTable;
  readonly kernel?: UserKernel;
}

/** An item in one variant on the device. */
export class Side implements Candidate {
  readonly name: string;
  /** What the launches of the first call took. */
  taken: ChoiceTable = {};
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
    readonly entrant: Entrant,
  ) {
    const { kernel, pinned } = entrant;
    this.name = kernel?.file.name ?? (pinned ? this.textOf(pinned) : 'built-in');
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
    const first = await this.timedCall(() => {
      this.taken = device.gpu.choices.takenBy(this.run);
    });
    const second = await this.timedCall(this.run);
    this.compileMilliseconds = Math.max(0, first - second);
    this.memoryBytes = reserved(device) - before;
  }

  /** The outputs of the last call stay, to be checked. */
  readonly run = (): void => {
    const { choices, substitutes } = this.device.gpu;
    const { kernel, pinned } = this.entrant;
    const call = () => {
      this.last = this.work!.run();
    };
    free(this.last);
    if (kernel) substitutes.set(kernel.like, this.substitute!);
    try {
      if (pinned) choices.withPinned(pinned, call);
      else call();
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

  /** Whether the variant that it is there for can compute the item. */
  get tookPinned(): boolean {
    return Object.entries(this.entrant.pinned ?? {}).every(([family, { '*': variant }]) =>
      Object.values(this.taken[family] ?? {}).includes(variant!),
    );
  }

  /** For the result: what was pinned, or else what the launches took. */
  get variant(): string {
    const { kernel, pinned } = this.entrant;
    return kernel || pinned ? this.name : this.textOf(this.taken) || 'built-in';
  }

  dispose(): void {
    this.work?.dispose?.();
    free(this.last);
    free(this.tensors);
  }

  /** Variants of the item's own family by their names, others with their family's. */
  private textOf(table: ChoiceTable): string {
    const names = Object.entries(table).flatMap(([family, classes]) =>
      [...new Set(Object.values(classes))].map((variant) =>
        family === this.item.family ? variant : `${family} ${variant}`,
      ),
    );
    return names.join(', ');
  }

  private async timedCall(call: () => void): Promise<number> {
    const begin = performance.now();
    call();
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
