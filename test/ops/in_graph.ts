// Runs a case on a device in the middle of a graph: each input comes out of an earlier op, and each output flows into
// later ones, from which its random upstream gradient arrives.

import { add, mul } from '../../src/ops/binary.ts';
import type { Device } from '../../src/ops/device.ts';
import { sum } from '../../src/ops/reduce.ts';
import { neg } from '../../src/ops/unary.ts';
import { permute, reshape, slice } from '../../src/ops/view.ts';
import { backward, grad } from '../../src/tensor/tape.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { type Input, map, offsets, type Ref, sizeOf, stridesOf } from '../reference/array.ts';
import type { Api, OpCase, Outputs } from '../reference/case.ts';

/** How an input lies in memory: row-major, or as a strided part of a larger tensor with its axes reversed. */
export type Layout = 'dense' | 'view';

type Named<T> = Readonly<Record<string, T>>;

/** What was read back from the device. */
type Arrays = Named<{ readonly shape: readonly number[]; readonly data: ArrayLike<number> } | null>;

/** An input on the device: x = -leaf, or a view of it. Integers have no leaf. */
export interface Placed {
  readonly x: Tensor;
  readonly leaf: Tensor | null;
  /** The gradient of the leaf, from that of x. */
  atLeaf(gradient: Ref): Ref;
}

/** `shape` with its axes reversed, inside a larger one: where its elements are. */
function viewGeometry(shape: readonly number[]) {
  const reversed = shape.toReversed();
  const stored = [...reversed.map((length) => length + 1), 2];
  const strides = stridesOf(stored);
  const first = strides.reduce((total, stride) => total + stride, 0);
  const table = offsets(shape, strides.slice(0, -1).toReversed(), first);
  return { reversed, stored, table };
}

function scatter({ data }: Ref, table: Int32Array, shape: readonly number[], rest: number): Ref {
  const out = new Float64Array(sizeOf(shape)).fill(rest);
  table.forEach((at, i) => {
    out[at] = data[i]!;
  });
  return { shape, data: out };
}

const OUTSIDE = 1e6; // a kernel that reads beside its view is far off

/** Puts an input on the device. */
export function place(device: Device, input: Input, layout: Layout): Placed {
  const view = layout === 'view' ? viewGeometry(input.shape) : null;
  const stored = (x: Ref, rest: number) => (view ? scatter(x, view.table, view.stored, rest) : x);
  const upload = ({ shape, data }: Ref) => device.tensor(data, { shape, dtype: input.dtype });
  const shown = (x: Tensor) => {
    if (!view) return x;
    const part = reshape(slice(x, { start: view.stored.map(() => 1) }), view.reversed);
    return permute(part, [...view.reversed.keys()].reverse());
  };
  const negated = (x: Ref) => map(x, (value) => -value);
  if (input.dtype !== 'f32')
    return { x: shown(upload(stored(input, OUTSIDE))), leaf: null, atLeaf: (gradient) => gradient };
  const leaf = upload(stored(negated(input), OUTSIDE)).requireGrad();
  return {
    x: shown(neg(leaf)),
    leaf,
    atLeaf: (gradient) => stored(negated(gradient), 0),
  };
}

/** All inputs of a case, by name. */
export function placeAll(device: Device, each: OpCase, layout: Layout): Named<Placed> {
  return mapValues(each.inputs, (input) => place(device, input, layout));
}

/** Calls the op; a single result is called `out`. */
export function call(api: Api<Tensor>, each: OpCase, placed: Named<Placed>): Named<Tensor> {
  const result = each.call(
    api,
    mapValues(placed, ({ x }) => x),
  );
  return result instanceof Tensor ? { out: result } : result;
}

/** Σ out * weight over the named tensors: what makes a random gradient arrive at each. */
export function project(tensors: Named<Tensor>, weights: Named<Tensor>): Tensor {
  return Object.entries(weights)
    .map(([name, weight]) => sum(mul(tensors[name]!, weight)))
    .reduce(add);
}

export function uploadAll(device: Device, arrays: Outputs): Named<Tensor> {
  return mapValues(arrays, ({ shape, data }) => device.tensor(data, { shape }));
}

/** The outputs of a case, and the gradients that arrive at its leaves. */
export async function run(device: Device, api: Api<Tensor>, each: OpCase, layout: Layout) {
  const { outputs, leaves, atLeaf } = device.scope(() => {
    const placed = placeAll(device, each, layout);
    const outputs = call(api, each, placed);
    const { dout } = each;
    if (dout) backward(project(outputs, uploadAll(device, dout)));
    return {
      outputs,
      leaves: mapValues(placed, ({ leaf }) => leaf),
      atLeaf: mapValues(placed, (each) => each.atLeaf),
    };
  });
  try {
    const gradients = mapValues(each.grads ?? {}, (_, name) => leaves[name]!.grad);
    const [out, grads] = await Promise.all([outputs, gradients].map(readAll));
    return { outputs: out!, grads: grads!, atLeaf };
  } finally {
    for (const tensor of [...Object.values(outputs), ...Object.values(leaves)]) tensor?.dispose();
  }
}

/** Reads all back at once; null for a gradient that did not arrive. */
async function readAll(tensors: Named<Tensor | null>): Promise<Arrays> {
  const entries = Object.entries(tensors).map(
    async ([name, x]) => [name, x && { shape: x.shape, data: await x.data() }] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

export function mapValues<A, B>(
  record: Named<A>,
  f: (value: A, name: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));
}

/**
 * Differentiates twice: the gradients by the composed backward, and the gradients of Σ weights * gradients by the
 * inputs and by the upstream gradients. Null by an array that they do not depend on.
 */
export async function runTwice(device: Device, api: Api<Tensor>, each: OpCase, weights: Outputs) {
  const names = Object.keys(each.grads!);
  const results = device.scope(() => {
    const placed = placeAll(device, each, 'dense');
    const dout = mapValues(uploadAll(device, each.dout!), (x) => x.requireGrad());
    const inputs = names.map((name) => placed[name]!.x);
    const total = project(call(api, each, placed), dout);
    const first = grad(total, inputs, { createGraph: true });
    const gradients = Object.fromEntries(names.map((name, i) => [name, first[i]!]));
    const upstream = Object.values(dout);
    const second = grad(project(gradients, uploadAll(device, weights)), [...inputs, ...upstream]);
    const leaves = Object.values(placed).map(({ leaf }) => leaf);
    return {
      gradients,
      byInput: Object.fromEntries(names.map((name, i) => [name, second[i]!])),
      byDout: mapValues(dout, (_, name) => second[names.length + Object.keys(dout).indexOf(name)]!),
      leaves: [...leaves, ...upstream],
    };
  });
  const { gradients, byInput, byDout, leaves } = results;
  const made = [gradients, byInput, byDout].flatMap((tensors) => Object.values(tensors));
  try {
    const [first, inputs, dout] = await Promise.all([gradients, byInput, byDout].map(readAll));
    return { gradients: first!, inputs: inputs!, dout: dout! };
  } finally {
    for (const tensor of [...made, ...leaves]) tensor?.dispose();
  }
}
