// A whole call of the bench: the adapter's ceilings first, then item after item, each on a device of its own.

import { KernelError } from '../src/errors.ts';
import type { AdapterSummary } from '../src/gpu/context.ts';
import { readKernel } from '../src/gpu/wgsl.ts';
import type { Device } from '../src/ops/device.ts';
import { type CeilingForms, findCeilings } from './ceilings.ts';
import type { Item } from './item.ts';
import { type Clock, clockFor } from './measure.ts';
import { type BenchResult, benchItem } from './run.ts';
import type { UserKernel } from './side.ts';

export interface SuiteOptions {
  /** Opens a device; the caller's choice of adapter. */
  readonly open: () => Promise<Device>;
  /** Samples per item. Default 10. */
  readonly rounds?: number;
  /** The least that a sample takes. Default 20. */
  readonly minMilliseconds?: number;
  /** Where there are no timestamp queries, or always. Default `wallClock`. */
  readonly wallClock?: Clock;
  /** Take the wall clock even where there are timestamps. Default false. */
  readonly wall?: boolean;
  /** A kernel file from outside, measured beside the built-in one. */
  readonly kernel?: UserKernel;
  /** Run items that want hardware on a software adapter, too. Default false. */
  readonly slow?: boolean;
  /** Told once, before the first item: which items are run, and which are left out. */
  readonly onStart?: (adapter: BenchAdapter, run: readonly Item[], left: readonly Item[]) => void;
  /** Told before each item. */
  readonly onItem?: (item: Item, index: number) => void;
  readonly onResult?: (result: BenchResult) => void;
}

export interface BenchAdapter extends Omit<AdapterSummary, 'notice'> {
  readonly features: readonly string[];
  readonly clock: Clock['source'];
  /** The forms of the ceilings that are the fastest here. */
  readonly ceilings: CeilingForms;
}

export interface SuiteResult {
  readonly adapter: BenchAdapter;
  readonly results: readonly BenchResult[];
}

/** @throws KernelError for a kernel from outside that does not compile; what an item cannot do is told in its result. */
export async function runSuite(
  items: readonly Item[],
  {
    open,
    kernel,
    wallClock,
    wall = false,
    slow = false,
    onStart,
    onItem,
    onResult,
    ...options
  }: SuiteOptions,
): Promise<SuiteResult> {
  const first = await open();
  const clock =
    wallClock && (wall || clockFor(first).source === 'wall') ? wallClock : clockFor(first);
  if (kernel) await first.gpu.check({ file: kernel.file, entry: kernel.file.entries[0]! });
  const ceilings = await findCeilings(first, { clock });
  const adapter = adapterOf(first, clock, ceilings);
  first.destroy();
  const run = items.filter((item) => suits(item, adapter, slow));
  onStart?.(
    adapter,
    run,
    items.filter((item) => !run.includes(item)),
  );

  const results: BenchResult[] = [];
  for (const [index, item] of run.entries()) {
    onItem?.(item, index);
    const device = await open();
    try {
      const found = await benchItem(device, item, {
        ...options,
        clock,
        ceilings,
        ...(kernel && { kernel }),
      });
      for (const result of found) onResult?.(result);
      results.push(...found);
    } finally {
      device.destroy();
    }
  }
  if (kernel && results.length === 0) {
    throw new KernelError(
      `${kernel.file.name}: none of the ${run.length} items launches anything of kernels/${kernel.like}.wgsl on this adapter`,
    );
  }
  return { adapter, results };
}

/** What results were measured on. */
export function adapterOf(
  { adapter: { notice: _, ...summary }, features }: Device,
  clock: Clock,
  ceilings: CeilingForms,
): BenchAdapter {
  return { ...summary, features: [...features], clock: clock.source, ceilings };
}

function suits({ requires }: Item, { software, features }: BenchAdapter, slow: boolean): boolean {
  if (requires === 'hardware') return slow || !software;
  return requires === undefined || features.includes(requires);
}

/**
 * Reads a kernel file from outside.
 * @param path for messages, as the caller knows it.
 * @throws KernelError for a text without an entry point or with parameters of other types than kernels may have.
 */
export function userKernel(path: string, text: string, like: string): UserKernel {
  if (!/^\w+$/.test(like)) {
    throw new KernelError(
      `bench: --like "${like}" is no name of a file in kernels/; expected one such as matmul`,
    );
  }
  return { like, file: readKernel(path, text) };
}
