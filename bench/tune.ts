// The tuner: for each class of shapes that the items meet, the variants of its kernel family are checked against
// float64, timed in turns, and the fastest right one is chosen.

import { ConfigError, DeviceLostError } from '../src/errors.ts';
import type { ChoiceTable } from '../src/gpu/choices.ts';
import { readTuning, writeTuning } from '../src/gpu/tuning.ts';
import type { Device } from '../src/ops/device.ts';
import { FAMILIES } from '../src/ops/families.ts';
import type { HostArrays, Item, Results, Tensors, Work } from './item.ts';
import { quickTuningItems, tuningItems } from './items/tuning.ts';
import { type Candidate, measureInterleaved } from './measure.ts';

/** Another variant must be faster than the shipped one by this much: less is noise, and would differ from run to run. */
const WORTHWHILE = 0.95;

export interface TuneOptions {
  /** More shapes: every class that transformers of usual sizes meet. Default: those of the presets. */
  readonly full?: boolean;
  /** Of the bench, by name; default all whose kernels have variants. */
  readonly families?: readonly string[];
  /** What to measure on, in place of the shapes of `full` or not. */
  readonly items?: readonly Item[];
  /** Keep the result for later runs on this adapter; default true. */
  readonly keep?: boolean;
  /** Rounds in which all variants of a class take their turn; default 7. */
  readonly rounds?: number;
  readonly onProgress?: (progress: TuneProgress) => void;
  readonly signal?: AbortSignal;
}

export interface TuneProgress {
  readonly done: number;
  readonly total: number;
  /** What is measured next. */
  readonly item: string;
}

export interface TunedClass {
  readonly family: string;
  readonly shapeClass: string;
  /** The item on which it was measured. */
  readonly item: string;
  readonly shipped: string;
  readonly chosen: string;
  readonly variants: readonly TunedVariant[];
}

export interface TunedVariant {
  readonly variant: string;
  /** Median of one call; null for a wrong one, which is not timed. */
  readonly microseconds: number | null;
  /** What is wrong with its result. */
  readonly problem?: string;
}

export interface Tuning {
  readonly choices: ChoiceTable;
  readonly classes: readonly TunedClass[];
  /** Where the choices are kept; null when they are not. */
  readonly kept: string | null;
}

/**
 * Measures which variants are fastest on this adapter. The device uses them from then on, and so does every device that
 * is opened on it later. A variant that computes something wrong is never chosen.
 * @throws ConfigError for families that have no items.
 */
export async function tune(device: Device, options: TuneOptions = {}): Promise<Tuning> {
  const { full = false, families, keep = true, rounds = 7, onProgress, signal } = options;
  const all = options.items ?? (full ? tuningItems : quickTuningItems);
  const items = families ? all.filter(({ family }) => families.includes(family)) : all;
  if (items.length === 0) throw unknownFamilies(families!, all);
  const classes: TunedClass[] = [];
  device.gpu.choices.setMeasured({});
  for (const [done, item] of items.entries()) {
    signal?.throwIfAborted();
    onProgress?.({ done, total: items.length, item: item.name });
    classes.push(...(await tuneItem(device, item, classes, rounds)));
  }
  const earlier = (keep && (await readTuning(device.adapter))) || {};
  const choices = tableOf(classes, earlier);
  device.gpu.choices.setMeasured(choices);
  return { choices, classes, kept: keep ? await writeTuning(device.adapter, choices) : null };
}

function unknownFamilies(families: readonly string[], all: readonly Item[]): ConfigError {
  const known = [...new Set(all.map(({ family }) => family))];
  return new ConfigError(`tune: no family ${families.join(', ')}; there are ${known.join(', ')}`);
}

/** The classes that the item meets and that were not measured on an earlier one. */
async function tuneItem(
  device: Device,
  item: Item,
  before: readonly TunedClass[],
  rounds: number,
): Promise<TunedClass[]> {
  const inputs = item.inputs();
  const tensors = Object.entries(inputs).map(
    ([name, { data, shape, dtype }]) => [name, device.tensor(data, { shape, dtype })] as const,
  );
  const work = item.start(device, Object.fromEntries(tensors));
  const found: TunedClass[] = [];
  const once = () => free(work.run());
  for (const [family, taken] of Object.entries(device.gpu.choices.takenBy(once))) {
    for (const [shapeClass, shipped] of Object.entries(taken)) {
      const known = before.some((x) => x.family === family && x.shapeClass === shapeClass);
      if (known) continue;
      const place = { device, item, inputs, work, family, shapeClass };
      const variants = await measureVariants(place, rounds);
      const chosen = fastest(variants, shipped);
      found.push({ family, shapeClass, item: item.name, shipped, chosen, variants });
    }
  }
  work.dispose?.();
  free(Object.fromEntries(tensors));
  return found;
}

/** Where variants are compared: one class of one family, in an item that meets it. */
interface Place {
  readonly device: Device;
  readonly item: Item;
  readonly inputs: HostArrays;
  readonly work: Work;
  readonly family: string;
  readonly shapeClass: string;
}

async function measureVariants(place: Place, rounds: number): Promise<TunedVariant[]> {
  const { device, family } = place;
  const all = FAMILIES.find(({ name }) => name === family)!.variants;
  const wrong: TunedVariant[] = [];
  const candidates: Candidate[] = [];
  for (const variant of all) {
    const run = () => withVariant(place, variant, () => free(place.work.run()));
    const problem = await problemOf(place, variant);
    if (problem === null) candidates.push({ name: variant, run });
    else if (problem !== UNUSABLE) wrong.push({ variant, microseconds: null, problem });
  }
  if (candidates.length === 0) return wrong;
  const timed = await measureInterleaved(device, candidates, { rounds });
  return [...timed.map(({ name, microseconds }) => ({ variant: name, microseconds })), ...wrong];
}

const UNUSABLE = 'cannot compute this class';

/** What is wrong with a variant's result; null when it is right. */
async function problemOf(place: Place, variant: string): Promise<string | null> {
  const { device, item, inputs, work, family, shapeClass } = place;
  let outputs: Tensors = {};
  const taken = withVariant(place, variant, () =>
    device.gpu.choices.takenBy(() => {
      outputs = work.run();
    }),
  );
  if (taken[family]?.[shapeClass] !== variant) return UNUSABLE;
  try {
    const results: Record<string, Results[string]> = { ...(await work.read?.()) };
    for (const [name, x] of Object.entries(outputs)) results[name] = await x.data();
    return item.check(inputs, results, 1).problem ?? null;
  } catch (error) {
    if (error instanceof DeviceLostError) throw error;
    return (error as Error).message; // the driver refuses the kernel
  } finally {
    free(outputs);
  }
}

function withVariant<T>({ device, family, shapeClass }: Place, variant: string, fn: () => T): T {
  return device.gpu.choices.withPinned({ [family]: { [shapeClass]: variant } }, fn);
}

/** The shipped variant unless another is faster by more than noise. */
function fastest(variants: readonly TunedVariant[], shipped: string): string {
  const right = variants.filter(({ microseconds }) => microseconds !== null);
  const time = ({ microseconds }: TunedVariant) => microseconds!;
  if (right.length === 0) return shipped; // what it is made of is wrong: another class tells
  const best = right.reduce((a, b) => (time(b) < time(a) ? b : a));
  const own = right.find(({ variant }) => variant === shipped);
  return own && time(best) > WORTHWHILE * time(own) ? shipped : best.variant;
}

function free(tensors: Tensors): void {
  for (const x of Object.values(tensors)) x.dispose();
}

/** What was measured earlier stays where nothing was measured now. */
function tableOf(classes: readonly TunedClass[], earlier: ChoiceTable): ChoiceTable {
  const table: Record<string, Record<string, string>> = { ...earlier };
  for (const { family, shapeClass, chosen } of classes) {
    table[family] = { ...table[family], [shapeClass]: chosen };
  }
  return table;
}
