// A transformer in float64, one sequence and one vector at a time: written from the papers, apart from src/.

import type { TransformerConfig } from '../../src/llm/transformer_config.ts';

type Vector = number[];
export type Weights = ReadonlyMap<string, { shape: readonly number[]; data: ArrayLike<number> }>;

interface Sequence {
  readonly ids: readonly number[];
  /** Of an encoderDecoder: what the encoder reads. */
  readonly source?: readonly number[];
  /** Which positions may be seen; default all. */
  readonly visible?: readonly boolean[];
}

/** Logits at each position of one sequence. */
export function transformerReference(
  weights: Weights,
  config: TransformerConfig,
  { ids, source, visible }: Sequence,
): Vector[] {
  const model = new Reference(weights, config);
  const { architecture = 'decoder' } = config;
  const read = source && model.stack('encoderBlocks', 'encoderNorm', source, () => true);
  const sees = (i: number, j: number) =>
    (architecture === 'encoder' || j <= i) && (visible?.[j] ?? true);
  const hidden = model.stack('blocks', 'norm', ids, sees, read);
  return hidden.map((h) =>
    config.tiedEmbeddings ? model.times('tokens.weight', h) : model.linear('head', h),
  );
}

class Reference {
  private readonly D: number;

  constructor(
    private readonly weights: Weights,
    private readonly config: TransformerConfig,
  ) {
    this.D = config.headSize ?? config.width / config.heads;
  }

  stack(
    blocks: string,
    norm: string,
    ids: readonly number[],
    sees: (i: number, j: number) => boolean,
    memory?: Vector[],
  ): Vector[] {
    let h = ids.map((id, position) => this.embed(id, position));
    for (let layer = 0; layer < this.config.layers; layer++) {
      const at = `${blocks}.${layer}`;
      const normed = h.map((x) => this.norm(`${at}.attentionNorm`, x));
      const attended = this.selfAttention(`${at}.attention`, normed, sees);
      h = h.map((x, i) => plus(x, attended[i]!));
      if (memory) {
        const queries = h.map((x) => this.norm(`${at}.memoryNorm`, x));
        const found = this.crossAttention(`${at}.memoryAttention`, queries, memory);
        h = h.map((x, i) => plus(x, found[i]!));
      }
      h = h.map((x) => plus(x, this.mlp(`${at}.mlp`, this.norm(`${at}.mlpNorm`, x))));
    }
    return h.map((x) => this.norm(norm, x));
  }

  /** The matrix `name` times x. */
  times(name: string, x: Vector): Vector {
    const { shape, data } = this.weights.get(name)!;
    const [rows, columns] = shape as [number, number];
    return range(rows, (row) => {
      let sum = 0; // a bench checks models of 10 million weights with it
      for (let i = 0; i < columns; i++) sum += data[row * columns + i]! * x[i]!;
      return sum;
    });
  }

  linear(name: string, x: Vector): Vector {
    const y = this.times(`${name}.weight`, x);
    const bias = this.weights.get(`${name}.bias`);
    return bias ? plus(y, Array.from(bias.data)) : y;
  }

  private row(name: string, row: number): Vector {
    const { shape, data } = this.weights.get(name)!;
    return Array.from({ length: shape[1]! }, (_, i) => data[row * shape[1]! + i]!);
  }

  private embed(id: number, position: number): Vector {
    const { positions, width } = this.config;
    const x = this.row('tokens.weight', id);
    if (positions === 'learned') return plus(x, this.row('positions.weight', position));
    if (positions !== 'sinusoidal') return x;
    const wave = (c: number) => {
      const angle = position / 10000 ** ((c - (c % 2)) / width);
      return c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    };
    return x.map((value, c) => value + wave(c));
  }

  private norm(name: string, x: Vector): Vector {
    const isRms = this.config.norm === 'rmsNorm';
    const { normEps = isRms ? 1e-6 : 1e-5 } = this.config;
    const mean = isRms ? 0 : x.reduce((a, b) => a + b) / x.length;
    const power = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    const { data: weight } = this.weights.get(`${name}.weight`)!;
    const bias = this.weights.get(`${name}.bias`)?.data;
    return x.map(
      (value, c) => ((value - mean) / Math.sqrt(power + normEps)) * weight[c]! + (bias?.[c] ?? 0),
    );
  }

  private selfAttention(
    name: string,
    xs: Vector[],
    sees: (i: number, j: number) => boolean,
  ): Vector[] {
    const { heads: H, keyValueHeads: K } = this.config;
    const packed = xs.map((x) => this.linear(`${name}.qkv`, x));
    const part = (i: number, head: number) => packed[i]!.slice(head * this.D, (head + 1) * this.D);
    const turned = (i: number, head: number, norm: string) =>
      this.turn(this.headNorm(`${name}.${norm}`, part(i, head)), i);
    const q = xs.map((_, i) => range(H, (h) => turned(i, h, 'queryNorm')));
    const k = xs.map((_, i) => range(K, (h) => turned(i, H + h, 'keyNorm')));
    const v = xs.map((_, i) => range(K, (h) => part(i, H + K + h)));
    return this.mix(q, k, v, sees).map((x) => this.linear(`${name}.output`, x));
  }

  private crossAttention(name: string, xs: Vector[], memory: Vector[]): Vector[] {
    const { heads: H, keyValueHeads: K } = this.config;
    const heads = (x: Vector, first: number, count: number) =>
      range(count, (h) => x.slice((first + h) * this.D, (first + h + 1) * this.D));
    const q = xs.map((x) => heads(this.linear(`${name}.query`, x), 0, H));
    const packed = memory.map((m) => this.linear(`${name}.keyValue`, m));
    const [k, v] = [0, K].map((first) => packed.map((x) => heads(x, first, K)));
    return this.mix(q, k!, v!, () => true).map((x) => this.linear(`${name}.output`, x));
  }

  /** Queries, keys and values [position][head]; a group of query heads shares a head of keys. */
  private mix(
    q: Vector[][],
    k: Vector[][],
    v: Vector[][],
    sees: (i: number, j: number) => boolean,
  ): Vector[] {
    const group = this.config.heads / this.config.keyValueHeads;
    return q.map((ofHeads, i) =>
      ofHeads.flatMap((query, h) => {
        const head = Math.floor(h / group);
        const seen = k.flatMap((_, j) => (sees(i, j) ? [j] : []));
        const p = seen.map((j) => Math.exp(dot(query, k[j]![head]!) / Math.sqrt(this.D)));
        const total = p.reduce((a, b) => a + b, 0);
        return range(this.D, (d) =>
          seen.reduce((sum, j, n) => sum + (p[n]! / total) * v[j]![head]![d]!, 0),
        );
      }),
    );
  }

  private headNorm(name: string, x: Vector): Vector {
    const weight = this.weights.get(`${name}.weight`)?.data;
    if (!weight) return x;
    const rms = Math.sqrt(dot(x, x) / x.length + (this.config.normEps ?? 1e-6));
    return x.map((value, d) => (value / rms) * weight[d]!);
  }

  private turn(x: Vector, position: number): Vector {
    const { positions, ropeBase = 10000 } = this.config;
    if (!positions.startsWith('rope')) return x;
    const y = [...x];
    for (let pair = 0; pair < this.D / 2; pair++) {
      const angle = position * ropeBase ** ((-2 * pair) / this.D);
      const [i, j] = positions === 'rope' ? [pair, pair + this.D / 2] : [2 * pair, 2 * pair + 1];
      y[i] = x[i]! * Math.cos(angle) - x[j]! * Math.sin(angle);
      y[j] = x[i]! * Math.sin(angle) + x[j]! * Math.cos(angle);
    }
    return y;
  }

  private mlp(name: string, x: Vector): Vector {
    const up = this.linear(`${name}.up`, x);
    const { activation } = this.config;
    if (activation === 'swiglu') {
      const gate = this.linear(`${name}.gate`, x);
      return this.linear(
        `${name}.down`,
        up.map((u, i) => (u * gate[i]!) / (1 + Math.exp(-gate[i]!))),
      );
    }
    if (activation === 'relu2')
      return this.linear(
        `${name}.down`,
        up.map((u) => Math.max(u, 0) ** 2),
      );
    const tanh = (u: number) =>
      0.5 * u * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (u + 0.044715 * u ** 3)));
    return this.linear(
      `${name}.down`,
      up.map(activation === 'gelu' ? (u) => u * normalCdf(u) : tanh),
    );
  }
}

const dot = (a: Vector, b: Vector) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const plus = (a: Vector, b: Vector) => a.map((value, i) => value + b[i]!);
const range = <T>(length: number, f: (i: number) => T) => Array.from({ length }, (_, i) => f(i));

/** Φ(x) by its series around 0 (Marsaglia 2004): to 1e-12 for the |x| < 6 that occur. */
function normalCdf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 3; Math.abs(term) > 1e-17; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
