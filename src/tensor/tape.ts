// Reverse-mode autodiff. An op records one node: its inputs' edges, the tensors that its backward needs, and the
// backward itself, written with ops so that it can be differentiated again. Where a fused backward kernel exists
// it is used unless the caller asks for a graph of the gradients.

import { ShapeError, TensorError } from '../errors.ts';
import { tidy, trackNode } from './scope.ts';
import { format, sameShape } from './shape.ts';
import { Tensor } from './tensor.ts';

/** Where a gradient goes: into a leaf's `grad`, or on to the node that computed the tensor. */
export type Edge = { readonly leaf: Tensor } | { readonly node: Node };

/** Gradients of the inputs, in their order; null where there is none. */
export type Gradients = readonly (Tensor | null)[];

export interface Recording<Saved extends readonly Tensor[]> {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  /** What backward needs. Kept alive until then, whatever becomes of the originals. */
  readonly saved: Saved;
  /** dy -> gradients of the inputs, by ops. null: the op has no second derivative, and says so by name. */
  readonly backward: ((dy: Tensor, saved: Saved) => Gradients) | null;
  /** The same in fewer kernels; used when no graph of the gradients is wanted. */
  readonly fused?: (dy: Tensor, saved: Saved, take: Take) => Gradients;
}

/**
 * The gradient that has reached an input by another way, if any. A kernel that takes it has to add it to its own: the
 * tape then does not (a residual stream's, in the backward of the norm that reads it).
 */
export type Take = (input: number) => Tensor | null;

let recording = true;
let nodesMade = 0;

/** Runs `fn` without recording; results have no gradient. */
export function noGrad<T>(fn: () => T): T {
  return withRecording(false, fn);
}

/** Runs `fn` with recording, also where a caller has switched it off. */
export function recorded<T>(fn: () => T): T {
  return withRecording(true, fn);
}

/** Whether ops are recorded here. */
export function isRecording(): boolean {
  return recording;
}

/** Nodes made so far: the order of the next one. */
export function nodeCount(): number {
  return nodesMade;
}

/** Runs `fn` without recording and frees what it made but does not return: for the insides of an op. */
export function untaped<T>(fn: () => T): T {
  return noGrad(() => tidy(fn));
}

/** Whether an op on these inputs would be recorded. */
export function needsGrad(inputs: readonly Tensor[]): boolean {
  return recording && inputs.some((x) => x.edge !== null);
}

/** Records how `output` came about, if a gradient may be asked for, and returns it. */
export function record<const Saved extends readonly Tensor[]>(op: Recording<Saved>): Tensor {
  if (needsGrad(op.inputs)) {
    // Saved outputs must lead back to this node, so the edge comes first.
    const node = new Node(op as unknown as Recording<readonly Tensor[]>);
    op.output.edge = { node };
    node.save(op.saved);
    trackNode(node);
  }
  return op.output;
}

class Node {
  readonly order = nodesMade++;
  readonly name: string;
  readonly edges: readonly (Edge | null)[];
  readonly backward: Recording<readonly Tensor[]>['backward'];
  readonly fused: Recording<readonly Tensor[]>['fused'];
  private saved: readonly Tensor[] | null = [];
  private versions: readonly number[] = [];

  constructor({ name, inputs, backward, fused }: Recording<readonly Tensor[]>) {
    this.name = name;
    this.edges = inputs.map((x) => x.edge);
    this.backward = backward;
    this.fused = fused;
  }

  /** Holds the tensors' memory under handles of its own. */
  save(tensors: readonly Tensor[]): void {
    this.saved = tensors.map((x) => {
      const handle = new Tensor(x.runtime, x.storage, x.shape, x.dtype, x.strides, x.offset);
      handle.edge = x.edge;
      return handle;
    });
    this.versions = tensors.map((x) => x.storage.version);
  }

  /** @throws TensorError when the graph was freed, or a saved tensor was written to since. */
  get savedTensors(): readonly Tensor[] {
    if (!this.saved) {
      throw new TensorError(
        `backward: ${this.name} was already differentiated; pass { createGraph: true } the first time`,
      );
    }
    for (const [i, x] of this.saved.entries()) {
      if (x.storage.version !== this.versions[i]) {
        throw new TensorError(
          `backward: a tensor of shape ${format(x.shape)} that ${this.name} needs was changed in place since the forward pass`,
        );
      }
    }
    return this.saved;
  }

  leaveToCollector(): void {
    for (const x of this.saved ?? []) x.leaveToCollector();
  }

  release(): void {
    for (const x of this.saved ?? []) x.dispose();
    this.saved = null;
  }
}

export interface BackwardOptions {
  /** Record the gradients' own computation, so that they can be differentiated. Default false. */
  readonly createGraph?: boolean;
  /** Gradient of the objective with respect to y; ones of y's shape by default, for which y must be a scalar. */
  readonly dy?: Tensor;
}

/**
 * Adds dy/dx to `x.grad` of every leaf x that y depends on. Frees the graph as it goes, unless `createGraph`.
 * @param y a scalar, or any tensor if `dy` is given.
 */
export function backward(y: Tensor, options: BackwardOptions = {}): void {
  const { runtime } = y;
  flow(y, options, (leaf, gradient) => {
    if (runtime.gpu.isWarmingUp) return gradient.dispose(); // it holds nothing
    const sum = leaf.grad?.disposed ? null : leaf.grad;
    if (sum && !sum.edge && !gradient.edge) {
      runtime.addInPlace(sum, gradient);
      gradient.dispose();
      return;
    }
    runtime.gpu.notInCapture(
      `it makes the first gradient of a tensor of shape ${format(leaf.shape)}, which a replay would overwrite and not add to; make the optimizer first, or call grad()`,
    );
    if (sum) leaf.grad = runtime.add(sum, gradient);
    else if (gradient.edge || isOwn(gradient)) leaf.grad = gradient;
    else {
      leaf.grad = runtime.copy(gradient);
      gradient.dispose();
    }
    leaf.grad.kept = true;
  });
}

/** Whether later gradients can be added to it in place: the memory is row-major and nobody else's. */
const isOwn = (x: Tensor): boolean => x.isDense && !x.storage.shared;

/**
 * The gradients of y with respect to `xs`, which stay untouched; zero-dependence gives null.
 * `xs` may be leaves or computed tensors.
 */
export function grad(
  y: Tensor,
  xs: readonly Tensor[],
  options: BackwardOptions = {},
): (Tensor | null)[] {
  const gradients = new Map<Tensor | Node, Tensor>();
  const wanted = new Set(xs.map((x) => target(x)));
  flow(
    y,
    options,
    (leaf, gradient) => (wanted.has(leaf) ? gradients.set(leaf, gradient) : gradient.dispose()),
    {
      wanted,
      found: gradients,
    },
  );
  return xs.map((x) => gradients.get(target(x)!) ?? null);
}

function target(x: Tensor): Tensor | Node {
  if (!x.edge)
    throw new TensorError(
      `grad: a tensor of shape ${format(x.shape)} has no gradient; call requireGrad() on it`,
    );
  return 'leaf' in x.edge ? x.edge.leaf : x.edge.node;
}

/** Walks the graph from y to its leaves, in the reverse of the order in which its nodes were made. */
function flow(
  y: Tensor,
  { createGraph = false, dy }: BackwardOptions,
  atLeaf: (leaf: Tensor, gradient: Tensor) => void,
  inner?: { wanted: ReadonlySet<Tensor | Node>; found: Map<Tensor | Node, Tensor> },
): void {
  if (!y.edge)
    throw new TensorError(
      'backward: the tensor does not depend on anything that requires a gradient',
    );
  if (!dy && y.size !== 1) {
    throw new ShapeError(`backward: needs a scalar or options.dy, got shape ${format(y.shape)}`);
  }
  if (dy && !sameShape(dy.shape, y.shape)) {
    throw new ShapeError(`backward: dy is ${format(dy.shape)}, the tensor ${format(y.shape)}`);
  }
  withRecording(createGraph, () => {
    const seed = dy ? dy.detach() : y.runtime.ones(y.shape, { dtype: y.dtype });
    if (createGraph && dy) seed.edge = dy.edge;
    if ('leaf' in y.edge!) return atLeaf(y.edge.leaf, seed);
    const pending = new Map<Node, Tensor>([[y.edge!.node, seed]]);
    const atLeaves = new Map<Tensor, Tensor>();
    for (const node of nodesBelow(y.edge!.node)) {
      const gradient = pending.get(node);
      if (!gradient) continue;
      pending.delete(node);
      const taken: Tensor[] = [];
      const take = takeFrom(pending, node, taken, inner?.wanted);
      const parts = tidy(() =>
        ownHandles(differentiate(node, gradient, createGraph, take), gradient),
      );
      for (const waiting of taken) waiting.dispose();
      for (const [i, part] of parts.entries()) {
        const edge = node.edges[i];
        if (!edge || !part) part?.dispose();
        else if ('leaf' in edge) merge(atLeaves, edge.leaf, part, createGraph);
        else merge(pending, edge.node, part, createGraph);
      }
      if (inner?.wanted.has(node)) inner.found.set(node, gradient);
      else if (!createGraph) gradient.dispose();
      if (!createGraph) node.release();
    }
    for (const [leaf, gradient] of atLeaves) atLeaf(leaf, gradient);
  });
}

/** Hands out what waits for the node's inputs, unless a caller asked for it, and notes it in `taken`. */
function takeFrom(
  pending: Map<Node, Tensor>,
  node: Node,
  taken: Tensor[],
  wanted?: ReadonlySet<Tensor | Node>,
): Take {
  return (input) => {
    const edge = node.edges[input];
    if (!edge || 'leaf' in edge || wanted?.has(edge.node)) return null;
    const waiting = pending.get(edge.node);
    if (!waiting) return null;
    pending.delete(edge.node);
    taken.push(waiting);
    return waiting;
  };
}

/** A backward may return dy itself, or one tensor for two inputs; each gets a handle that can be freed alone. */
function ownHandles(parts: Gradients, dy: Tensor): Gradients {
  return parts.map((part, i) => {
    if (!part || (part !== dy && parts.indexOf(part) === i)) return part;
    const handle = part.detach();
    handle.edge = part.edge;
    return handle;
  });
}

/** Adds a part to the gradient that waits at `key`. */
function merge<K>(waiting: Map<K, Tensor>, key: K, part: Tensor, createGraph: boolean): void {
  const sum = waiting.get(key);
  if (!sum) {
    waiting.set(key, part);
    return;
  }
  waiting.set(key, sum.runtime.add(sum, part));
  if (createGraph) return;
  sum.dispose();
  part.dispose();
}

function differentiate(node: Node, dy: Tensor, createGraph: boolean, take: Take): Gradients {
  const saved = node.savedTensors;
  if (!createGraph && node.fused) return node.fused(dy, saved, take);
  if (node.backward) return node.backward(dy, saved);
  if (!createGraph) throw new TensorError(`${node.name}: has no backward`);
  throw new TensorError(
    `${node.name}: has no second derivative; differentiate it without createGraph`,
  );
}

/**
 * The leaves that y depends on, each once.
 * @throws TensorError when a node on the way is older than `since`.
 */
export function leavesBelow(y: Tensor, since: number): Tensor[] {
  if (!y.edge) return [];
  if ('leaf' in y.edge) return [y.edge.leaf];
  const leaves = new Set<Tensor>();
  for (const { name, order, edges } of nodesBelow(y.edge.node)) {
    if (order < since) {
      throw new TensorError(
        `checkpoint: the function uses a result of ${name} that was computed outside; pass it as an input`,
      );
    }
    for (const edge of edges) if (edge && 'leaf' in edge) leaves.add(edge.leaf);
  }
  return [...leaves];
}

/** All nodes that `root` depends on, latest first. */
function nodesBelow(root: Node): Node[] {
  const found = new Set([root]);
  for (const node of found) {
    for (const edge of node.edges) if (edge && 'node' in edge) found.add(edge.node);
  }
  return [...found].sort((a, b) => b.order - a.order);
}

function withRecording<T>(on: boolean, fn: () => T): T {
  const before = recording;
  recording = on;
  try {
    const result = fn();
    if (result instanceof Promise)
      throw new TensorError('noGrad: the function must be synchronous');
    return result;
  } finally {
    recording = before;
  }
}
