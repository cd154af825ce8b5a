// A decoder-only transformer: token embedding, blocks of attention and MLP around a residual stream, output weight.
//   h = embed(ids) [+ positions];  h += attention(norm(h));  h += mlp(norm(h));  logits = norm(h) Wᵀ
// Shapes: B sequences, T positions, C width, H heads, D = C / H.

import { ConfigError, ShapeError } from '../errors.ts';
import { checkpoint } from '../nn/checkpoint.ts';
import type { Initialiser } from '../nn/initialiser.ts';
import { type Activation, Dropout, Embedding, LayerNorm, MLP, RMSNorm } from '../nn/layers.ts';
import { Linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import { attention } from '../ops/attention.ts';
import { add } from '../ops/binary.ts';
import { crossEntropy } from '../ops/cross_entropy.ts';
import { linear } from '../ops/linear.ts';
import { type LinearCrossEntropyOptions, linearCrossEntropy } from '../ops/linear_cross_entropy.ts';
import { ropePair } from '../ops/rope.ts';
import { split } from '../ops/shape_ops.ts';
import { permute, reshape, slice } from '../ops/view.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface TransformerConfig {
  readonly vocabularySize: number;
  /** Most positions of a sequence. */
  readonly context: number;
  readonly layers: number;
  readonly heads: number;
  /** Heads of keys and values; fewer than `heads` share them (Ainslie et al. 2023). */
  readonly keyValueHeads: number;
  readonly width: number;
  /** Width of the MLP's middle. */
  readonly hidden: number;
  readonly positions: 'rope' | 'learned';
  readonly norm: 'rmsNorm' | 'layerNorm';
  readonly activation: Activation;
  /** Whether projections and layer norms have biases. */
  readonly bias: boolean;
  /** The output weight is the token embedding's (Press & Wolf 2017). */
  readonly tiedEmbeddings: boolean;
  /** On the embedding, the attention probabilities and both residual branches. */
  readonly dropout: number;
  /** In training, keep of each layer its input alone and compute the rest again in backward. Default false. */
  readonly checkpointing?: boolean;
}

type Norm = RMSNorm | LayerNorm;

/** Multi-head self-attention, causal: [B, T, C] -> [B, T, C]. */
export class SelfAttention extends Module {
  /** Queries, keys and values in one product: (heads + 2 keyValueHeads) D outputs, in this order. */
  readonly qkv: Linear;
  readonly output: Linear;

  constructor(
    init: Initialiser,
    private readonly config: TransformerConfig,
    outputStd: number,
  ) {
    super();
    const { width, heads, keyValueHeads, bias } = config;
    const packedWidth = (width / heads) * (heads + 2 * keyValueHeads);
    this.qkv = new Linear(init, width, packedWidth, { bias });
    this.output = new Linear(init, width, width, { bias, std: outputStd });
  }

  /** `residual` [B, T, C], if given, is added by the last product. */
  forward(x: Tensor, training: boolean, residual?: Tensor): Tensor {
    const { heads, keyValueHeads, positions } = this.config;
    const [B, T, C] = x.shape as [number, number, number];
    const packed = reshape(this.qkv.forward(x), [B, T, heads + 2 * keyValueHeads, C / heads]);
    const parts = split(packed, [heads, keyValueHeads, keyValueHeads], { axis: 2 });
    const [q, k, v] = parts.map((part) => permute(part, [0, 2, 1, 3])) as [Tensor, Tensor, Tensor];
    const turned = positions === 'rope' ? ropePair(q, k) : { q, k };
    const dropout = training ? this.config.dropout : 0;
    const mixed = attention(turned.q, turned.k, v, { causal: true, dropout });
    return this.output.forward(reshape(permute(mixed, [0, 2, 1, 3]), x.shape), residual);
  }
}

/** One layer: x + attention(norm(x)), then x + mlp(norm(x)). */
class Block extends Module {
  readonly attentionNorm: Norm;
  readonly attention: SelfAttention;
  readonly mlpNorm: Norm;
  readonly mlp: MLP;
  private readonly dropout: Dropout;

  constructor(init: Initialiser, config: TransformerConfig) {
    super();
    const { width, hidden, activation, bias, layers } = config;
    // GPT-2 scales the projections that add to the residual stream by 1/√(2 layers).
    const outputStd = 0.02 / Math.sqrt(2 * layers);
    this.attentionNorm = makeNorm(init, config);
    this.attention = new SelfAttention(init, config, outputStd);
    this.mlpNorm = makeNorm(init, config);
    this.mlp = new MLP(init, { width, hidden, activation, bias, outputStd });
    this.dropout = new Dropout(config.dropout);
  }

  forward(x: Tensor, training: boolean): Tensor {
    const attended = this.add(x, training, (residual) =>
      this.attention.forward(this.attentionNorm.forward(x), training, residual),
    );
    return this.add(attended, training, (residual) =>
      this.mlp.forward(this.mlpNorm.forward(attended), residual),
    );
  }

  /** x + dropout(branch); where nothing is dropped, the branch's last product adds x. */
  private add(x: Tensor, training: boolean, branch: (residual?: Tensor) => Tensor): Tensor {
    const drops = training && this.dropout.p > 0;
    return drops ? add(x, this.dropout.forward(branch(), training)) : branch(x);
  }
}

export interface ForwardOptions {
  /** Switches dropout on. Default false. */
  readonly training?: boolean;
}

/** ids [B, T] -> logits [B, T, V]. */
export class Transformer extends Module {
  readonly tokens: Embedding;
  readonly positions: Embedding | null;
  readonly blocks: Block[];
  readonly norm: Norm;
  readonly head: Linear | null;
  private readonly dropout: Dropout;

  constructor(
    init: Initialiser,
    readonly config: TransformerConfig,
  ) {
    super();
    checkConfig(config);
    const { vocabularySize, width, context, layers } = config;
    this.tokens = new Embedding(init, vocabularySize, width);
    this.positions = config.positions === 'learned' ? new Embedding(init, context, width) : null;
    this.blocks = Array.from({ length: layers }, () => new Block(init, config));
    this.norm = makeNorm(init, config);
    this.head = config.tiedEmbeddings ? null : new Linear(init, width, vocabularySize);
    this.dropout = new Dropout(config.dropout);
  }

  /** Number of trained values. */
  get parameterCount(): number {
    return this.parameters().reduce((sum, x) => sum + x.size, 0);
  }

  /** Logits of the next token at each position. @throws ShapeError for more positions than the context. */
  forward(ids: Tensor, options: ForwardOptions = {}): Tensor {
    const h = this.hidden(ids, options);
    return this.head ? this.head.forward(h) : linear(h, this.tokens.weight);
  }

  /**
   * Cross-entropy of the targets [B, T], as `linearCrossEntropy`: the logits of all positions do not exist at once.
   * @throws ShapeError for more positions than the context.
   */
  loss(
    ids: Tensor,
    targets: Tensor,
    { training = false, ...options }: ForwardOptions & LinearCrossEntropyOptions = {},
  ): Tensor {
    const h = this.hidden(ids, { training });
    if (this.head?.isAdapted) return crossEntropy(this.head.forward(h), targets, options);
    return linearCrossEntropy(h, this.head?.weight ?? this.tokens.weight, targets, options);
  }

  /** What the output weight is applied to: [B, T, C]. */
  private hidden(ids: Tensor, { training = false }: ForwardOptions): Tensor {
    const [, T] = ids.shape as [number, number];
    if (ids.rank !== 2 || T > this.config.context) {
      throw new ShapeError(
        `Transformer: ids are ${format(ids.shape)}, expected [B, T] with T up to ${this.config.context}`,
      );
    }
    let h = this.tokens.forward(ids);
    if (this.positions) h = add(h, slice(this.positions.weight, { end: [T] }));
    h = this.dropout.forward(h, training);
    for (const block of this.blocks) {
      const layer = (x: Tensor) => block.forward(x, training);
      h = training && this.config.checkpointing ? checkpoint(layer, h) : layer(h);
    }
    return this.norm.forward(h);
  }
}

function makeNorm(init: Initialiser, { norm, width, bias }: TransformerConfig): Norm {
  return norm === 'rmsNorm' ? new RMSNorm(init, width) : new LayerNorm(init, width, { bias });
}

function checkConfig({ width, heads, keyValueHeads, positions }: TransformerConfig): void {
  if (width % heads !== 0) throw new ConfigError(`width ${width} is no multiple of heads ${heads}`);
  if (heads % keyValueHeads !== 0)
    throw new ConfigError(`heads ${heads} is no multiple of keyValueHeads ${keyValueHeads}`);
  if (positions === 'rope' && (width / heads) % 2 !== 0) {
    throw new ConfigError(`rope needs an even head size, got width / heads = ${width / heads}`);
  }
}
