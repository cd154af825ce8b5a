// Slabs: the parameters of an optimiser, gathered in a few large buffers, so that one dispatch updates many of them.
//
// Each parameter, and its gradient, becomes a slice of a slab that starts on 256 bytes; between the slices lie zeros,
// and they stay zeros. backward() then accumulates straight into the slab of the gradients.

import { ConfigError, DTypeError, ShapeError, TensorError } from '../errors.ts';
import { copyInto, fill } from '../ops/copy.ts';
import { eachRange } from '../ops/ranges.ts';
import { denseStrides, format } from '../tensor/shape.ts';
import { allocate, type Runtime, type Tensor } from '../tensor/tensor.ts';

/** A parameter, with the name that it has in checkpoints; without one, its number in the order given. */
export type Parameter = Tensor | readonly [name: string, parameter: Tensor];

export interface ParameterGroup {
  readonly parameters: Iterable<Parameter>;
  /** Of these parameters; default the optimiser's. */
  readonly weightDecay?: number;
}

/** What an optimiser takes: tensors, `[name, tensor]` pairs (such as a Map), groups, or a mixture. */
export type Parameters = Iterable<Parameter | ParameterGroup>;

/** Flat f32 tensors [length]; the length is a multiple of 64. */
export interface Slab {
  readonly parameters: Tensor;
  readonly gradients: Tensor;
  readonly weightDecay: number;
}

/** Where a parameter lives. */
interface Slot {
  readonly name: string;
  readonly parameter: Tensor;
  readonly slab: number;
  readonly offset: number;
  /** The parameter's slice of the gradients. */
  gradient: Tensor;
}

interface Entry {
  readonly name: string;
  readonly parameter: Tensor;
  readonly weightDecay: number;
}

const ALIGN = 64; // f32 elements in 256 bytes, on which a binding starts

export class Slabs {
  readonly slabs: readonly Slab[];
  private readonly slots: readonly Slot[];

  /**
   * Moves the trainable ones among `parameters` into slabs; the others are left alone. A gradient that a parameter
   * already has is kept. Views made of a parameter before still show the old memory.
   * @throws ConfigError when none is trainable, or two have one name.
   */
  constructor(
    readonly owner: string,
    parameters: Parameters,
    weightDecay = 0,
  ) {
    const entries = trainable(owner, parameters, weightDecay);
    const bytes = entries[0]!.parameter.runtime.gpu.limits.maxStorageBufferBindingSize;
    const plan = pack(entries, Math.floor(bytes / (4 * ALIGN)) * ALIGN);
    this.slabs = plan.map((slices) => makeSlab(slices));
    this.slots = plan.flatMap((slices, slab) =>
      slices.map(({ entry, offset }) => ({
        name: entry.name,
        parameter: entry.parameter,
        slab,
        offset,
        gradient: move(entry.parameter, this.slabs[slab]!, offset),
      })),
    );
    this.gatherGradients();
  }

  /** One tensor of zeros like each slab: an optimiser's own state. */
  zerosLike(): Tensor[] {
    return this.slabs.map(({ parameters }) => zeros(parameters.runtime, parameters.size));
  }

  /**
   * Brings gradients that were set from outside into the slabs; a parameter without one has gradient 0.
   * @throws TensorError when a parameter was moved since, by a second optimiser.
   */
  gatherGradients(): void {
    for (const slot of this.slots) {
      const { parameter, gradient } = slot;
      const { parameters } = this.slabs[slot.slab]!;
      if (parameter.storage !== parameters.storage || parameter.offset !== slot.offset) {
        throw new TensorError(
          `${this.owner}: parameter "${slot.name}" was moved by another optimizer; a parameter belongs to the last one made for it`,
        );
      }
      if (parameter.grad === gradient && !gradient.disposed) continue;
      const own = this.gradientOf(slot);
      if (parameter.grad && !parameter.grad.disposed) copyFlat(own, parameter.grad);
      else clear(own);
      parameter.grad?.dispose();
      parameter.grad = own;
    }
  }

  /** Sets all gradients to 0. */
  zeroGradients(): void {
    for (const { gradients } of this.slabs) clear(gradients);
    for (const slot of this.slots) {
      const { parameter } = slot;
      if (parameter.grad !== slot.gradient) parameter.grad?.dispose();
      parameter.grad = this.gradientOf(slot);
    }
  }

  /** The slice of the gradients, made anew if it was disposed. */
  private gradientOf(slot: Slot): Tensor {
    if (slot.gradient.disposed) {
      slot.gradient = slice(this.slabs[slot.slab]!.gradients, slot.parameter, slot.offset);
    }
    return slot.gradient;
  }

  /** Each parameter's slice of tensors like the slabs, under its name. */
  *slices(tensors: readonly Tensor[]): Generator<[name: string, slice: Tensor]> {
    for (const { name, parameter, slab, offset } of this.slots) {
      const { shape } = parameter;
      yield [name, tensors[slab]!.alias(shape, denseStrides(shape), offset)];
    }
  }

  /** Gives the slabs back, and with them the gradients; parameters keep the memory that they still use. */
  dispose(): void {
    for (const { parameter, gradient } of this.slots) {
      if (parameter.grad === gradient) parameter.grad = null;
      gradient.dispose();
    }
    for (const { parameters, gradients } of this.slabs) {
      parameters.dispose();
      gradients.dispose();
    }
  }
}

function zeros(runtime: Runtime, length: number): Tensor {
  const x = kept(allocate(runtime, [length], 'f32'));
  clear(x);
  return x;
}

function clear(x: Tensor): void {
  using flat = x.alias([x.size], [1], x.offset);
  eachRange([flat], ([range]) => fill(range!, 0));
}

/** y = x; a parameter may be larger than one binding. */
function copyFlat(y: Tensor, x: Tensor): void {
  if (!x.isDense) {
    copyInto(y, x);
    return;
  }
  using to = y.alias([y.size], [1], y.offset);
  using from = x.alias([x.size], [1], x.offset);
  eachRange([to, from], ([target, source]) => copyInto(target!, source!));
}

/** Marks a tensor as one that outlives the scope it is made in. */
export function kept(x: Tensor): Tensor {
  x.kept = true;
  return x;
}

/** The parameters that require gradients, each once, in the order given. */
function trainable(owner: string, parameters: Parameters, weightDecay: number): Entry[] {
  const entries = new Map<Tensor, Entry>();
  const names = new Set<string>();
  const add = (item: Parameter, decay: number) => {
    const [given, parameter] = isPair(item) ? item : [null, item];
    if (!parameter.requiresGrad || entries.has(parameter)) return; // frozen, or tied to one that was there
    const name = given ?? String(entries.size);
    if (names.has(name)) throw new ConfigError(`${owner}: two parameters have the name "${name}"`);
    checkParameter(owner, name, parameter);
    names.add(name);
    entries.set(parameter, { name, parameter, weightDecay: decay });
  };
  for (const item of parameters) {
    if ('parameters' in item) {
      for (const inner of item.parameters) add(inner, item.weightDecay ?? weightDecay);
    } else add(item, weightDecay);
  }
  if (entries.size === 0) {
    throw new ConfigError(
      `${owner}: none of the parameters is trainable; call requireGrad() on them`,
    );
  }
  return [...entries.values()];
}

const isPair = (item: Parameter): item is readonly [string, Tensor] => Array.isArray(item);

function checkParameter(
  owner: string,
  name: string,
  { edge, dtype, shape, isDense }: Tensor,
): void {
  if (edge && !('leaf' in edge)) {
    throw new TensorError(`${owner}: parameter "${name}" was computed from others; optimise those`);
  }
  if (dtype !== 'f32') {
    throw new DTypeError(`${owner}: parameter "${name}" is ${dtype}; trainable parameters are f32`);
  }
  if (!isDense) {
    throw new ShapeError(
      `${owner}: parameter "${name}" of shape ${format(shape)} is not row-major`,
    );
  }
}

interface Slice {
  readonly entry: Entry;
  readonly offset: number;
}

/** Fills slabs of one weight decay in order. A parameter beyond the capacity has a slab of its own. */
function pack(entries: readonly Entry[], capacity: number): Slice[][] {
  const plan: { decay: number; end: number; slices: Slice[] }[] = [];
  for (const entry of entries) {
    const length = padded(entry.parameter.size);
    const fits = plan.find(
      ({ decay, end }) => decay === entry.weightDecay && end + length <= capacity,
    );
    if (fits) {
      fits.slices.push({ entry, offset: fits.end });
      fits.end += length;
    } else {
      plan.push({ decay: entry.weightDecay, end: length, slices: [{ entry, offset: 0 }] });
    }
  }
  return plan.map(({ slices }) => slices);
}

const padded = (size: number): number => Math.ceil(size / ALIGN) * ALIGN;

function makeSlab(slices: readonly Slice[]): Slab {
  const { entry, offset } = slices.at(-1)!;
  const { runtime, size } = entry.parameter;
  const length = offset + padded(size);
  return {
    parameters: zeros(runtime, length),
    gradients: zeros(runtime, length),
    weightDecay: entry.weightDecay,
  };
}

/** Moves a parameter into the slab, and returns its slice of the gradients. */
function move(parameter: Tensor, { parameters, gradients }: Slab, offset: number): Tensor {
  using place = parameters.alias(parameter.shape, denseStrides(parameter.shape), offset);
  copyFlat(place, parameter);
  parameter.rebind(parameters.storage, offset);
  return slice(gradients, parameter, offset);
}

function slice(gradients: Tensor, { shape }: Tensor, offset: number): Tensor {
  return kept(gradients.alias(shape, denseStrides(shape), offset));
}
