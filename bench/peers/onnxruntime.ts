// onnxruntime on its WebGPU provider: forward ops. It copies inputs and outputs at each run, so the inputs are
// constants of the model, a run holds several copies of the op, and its only output is one number of the last copy.
// (Optimisations are off: they would compute constants ahead, and drop the copies.)

import type { InferenceSession } from 'onnxruntime-node';
import type { HostArrays, Item } from '../item.ts';
import { OnnxGraph } from './onnx.ts';
import { doublings, option, type Peer, scoreParts } from './peer.ts';

/** Values of a graph by the item's names: of the inputs, and of the outputs. */
type Values = Readonly<Record<string, string>>;
type Compose = (graph: OnnxGraph, item: Item, x: Values) => Values;

let ort: typeof import('onnxruntime-node');

const SAMPLE_MS = 100;
const MOST_COPIES = 16;

export const onnxruntime: Peer = {
  name: 'onnxruntime',
  version: '1.30.0',

  cannot({ op, direction }) {
    if (op === 'generate') return 'the graphs that are written here have no inputs, so no cache';
    if (direction !== 'forward') return 'no gradients';
    return op in compositions ? null : `no composition of ${op}`;
  },

  async open() {
    ort = await import('onnxruntime-node');
  },

  async start(item, inputs) {
    const { graph, outputs } = build(item, inputs, 1);
    const single = await session(graph.model(Object.values(outputs)));
    await single.run({});
    const begin = performance.now();
    const found = await single.run({});
    const fitting = Math.round(SAMPLE_MS / (performance.now() - begin));
    const copies = Math.max(1, Math.min(MOST_COPIES, fitting));
    const many = await session(oneNumber(build(item, inputs, copies)));
    return {
      async sample(calls) {
        const runs = Math.ceil(calls / copies);
        for (let i = 0; i < runs; i++) await many.run({});
        return runs * copies;
      },
      async results() {
        const values = Object.entries(outputs).map(
          ([name, value]) => [name, found[value]!.data as Float32Array] as const,
        );
        return Object.fromEntries(values);
      },
    };
  },
};

function session(model: Uint8Array): Promise<InferenceSession> {
  return ort.InferenceSession.create(model, {
    executionProviders: ['webgpu'],
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
    // Its provider lacks some ops (LogSoftmax), which would silently be computed by its CPU provider.
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  });
}

interface Built {
  readonly graph: OnnxGraph;
  /** Of the last copy. */
  readonly outputs: Values;
}

function build(item: Item, inputs: HostArrays, copies: number): Built {
  const graph = new OnnxGraph();
  const x = Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => [name, graph.constant(data, shape)]),
  );
  const made = Array.from({ length: copies }, () => compositions[item.op]!(graph, item, x));
  return { graph, outputs: made.at(-1)! };
}

function oneNumber({ graph, outputs }: Built): Uint8Array {
  const flat = graph.op('Reshape', [Object.values(outputs)[0]!, graph.integers(-1)]);
  return graph.model([graph.op('Slice', [flat, graph.integers(0), graph.integers(1)])]);
}

/** x - max x - log Σ exp(x - max x) along the last axis. */
function logSoftmax(graph: OnnxGraph, x: string): string {
  const along = (op: string, value: string) =>
    graph.op(op, [value, graph.integers(-1)], { keepdims: 1 });
  const below = graph.op('Sub', [x, along('ReduceMax', x)]);
  const total = along('ReduceSum', graph.op('Exp', [below]));
  return graph.op('Sub', [below, graph.op('Log', [total])]);
}

const compositions: Readonly<Record<string, Compose>> = {
  matmul(graph, { shape, options }, { a, b }) {
    const [transA, transB] = [Number(options.transposeA ?? 0), Number(options.transposeB ?? 0)];
    if (shape.B || !(transA || transB)) return { out: graph.op('MatMul', [a!, b!]) };
    return { out: graph.op('Gemm', [a!, b!], { transA, transB }) };
  },

  softmax: (graph, _item, { x }) => ({ out: graph.op('Softmax', [x!], { axis: -1 }) }),

  logSoftmax: (graph, _item, { x }) => ({ out: logSoftmax(graph, x!) }),

  layerNorm: (graph, _item, { x, weight, bias }) => ({
    out: graph.op('LayerNormalization', [x!, weight!, bias!], { axis: -1, epsilon: 1e-5 }),
  }),

  rmsNorm: (graph, _item, { x, weight }) => ({
    out: graph.op('SimplifiedLayerNormalization', [x!, weight!], { axis: -1, epsilon: 1e-6 }),
  }),

  crossEntropy(graph, { shape }, { logits, targets }) {
    const logProbs = logSoftmax(graph, logits!);
    const column = graph.op('Reshape', [targets!, graph.integers(shape.R!, 1)]);
    const chosen = graph.op('GatherElements', [logProbs, column], { axis: 1 });
    const mean = graph.op('ReduceMean', [chosen, graph.integers(0, 1)], { keepdims: 0 });
    return { out: graph.op('Neg', [mean]) };
  },

  attention(graph, { shape }, { q, k, v }) {
    const [T, D, rows] = [shape.T!, shape.D!, shape.B! / scoreParts(shape)];
    const visible = Float32Array.from({ length: T * T }, (_, i) => (i % T <= i / T ? 0 : -1e9));
    const mask = graph.constant(visible, [T, T]);
    const scale = graph.scalar(1 / Math.sqrt(D));
    const attend = (q: string, k: string, v: string) => {
      const scores = graph.op('MatMul', [q, graph.op('Transpose', [k], { perm: [0, 1, 3, 2] })]);
      const masked = graph.op('Add', [graph.op('Mul', [scores, scale]), mask]);
      return graph.op('MatMul', [graph.op('Softmax', [masked], { axis: -1 }), v]);
    };
    if (rows === shape.B) return { out: attend(q!, k!, v!) };
    const mixed = Array.from({ length: scoreParts(shape) }, (_, i) => {
      const [first, end] = [graph.integers(i * rows), graph.integers((i + 1) * rows)];
      const part = (x: string) => graph.op('Slice', [x, first, end, graph.integers(0)]);
      return attend(part(q!), part(k!), part(v!));
    });
    return { out: graph.op('Concat', mixed, { axis: 0 }) };
  },

  // By doubling, as the other peers.
  gae(graph, item, { rewards, values, nextValues, terminated, truncated }) {
    const [gamma, lambda] = [option(item, 'gamma'), option(item, 'lambda')];
    const T = item.shape.T!;
    const [one, zero] = [graph.scalar(1), graph.scalar(0)];
    const add = (a: string, b: string) => graph.op('Add', [a, b]);
    const mul = (a: string, b: string) => graph.op('Mul', [a, b]);
    const less = (a: string) => graph.op('Sub', [one, a]);
    const later = (x: string, distance: number) => {
      const axis = graph.integers(0);
      const rest = graph.op('Slice', [x, graph.integers(distance), graph.integers(T), axis]);
      return graph.op('Pad', [rest, graph.integers(0, 0, distance, 0), zero]);
    };
    const next = mul(mul(nextValues!, less(terminated!)), graph.scalar(gamma));
    let b = graph.op('Sub', [add(rewards!, next), values!]);
    const ends = graph.op('Max', [terminated!, truncated!]);
    let a = mul(less(ends), graph.scalar(gamma * lambda));
    for (const distance of doublings(T)) {
      b = add(b, mul(a, later(b, distance)));
      a = mul(a, later(a, distance));
    }
    return { advantages: b, returns: add(b, values!) };
  },
};
