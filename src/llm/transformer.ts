// Transformers: token embedding, blocks of attention and MLP around a residual stream, output weight.
//   h = embed(ids) [+ positions];  h += attention(norm(h));  [h += attention(norm(h), memory);]  h += mlp(norm(h))
//   logits = norm(h) Wᵀ
// Shapes: B sequences, T positions, C width, V vocabulary.

import { ConfigError, ShapeError } from '../errors.ts';
import { checkpoint } from '../nn/checkpoint.ts';
import type { Initialiser } from '../nn/initialiser.ts';
import { Dropout, Embedding, LayerNorm, MLP, RMSNorm } from '../nn/layers.ts';
import { Linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import { add } from '../ops/binary.ts';
import { crossEntropy } from '../ops/cross_entropy.ts';
import { embedding } from '../ops/embedding.ts';
import { linear } from '../ops/linear.ts';
import { type LinearCrossEntropyOptions, linearCrossEntropy } from '../ops/linear_cross_entropy.ts';
import { slice } from '../ops/view.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { CrossAttention, type Pass, SelfAttention } from './attention_layers.ts';
import type { KeyValueCache, LayerCache } from './key_value_cache.ts';
import { sinusoidalPositions } from './sinusoids.ts';
import { checkConfig, type TransformerConfig } from './transformer_config.ts';

type Norm = RMSNorm | LayerNorm;

/** One layer: x + attention(norm(x)), in a decoder that reads an encoder + attention(norm(x), memory), + mlp(norm(x)). */
class Block extends Module {
  readonly attentionNorm: Norm;
  readonly attention: SelfAttention;
  readonly memoryNorm: Norm | null;
  readonly memoryAttention: CrossAttention | null;
  readonly mlpNorm: Norm;
  readonly mlp: MLP;
  private readonly dropout: Dropout;

  constructor(init: Initialiser, config: TransformerConfig, readsMemory: boolean) {
    super();
    const { width, hidden, activation, bias, layers } = config;
    // GPT-2 scales the projections that add to the residual stream by 1/√(their number).
    const outputStd = 0.02 / Math.sqrt((readsMemory ? 3 : 2) * layers);
    this.attentionNorm = makeNorm(init, config);
    this.attention = new SelfAttention(init, config, outputStd);
    this.memoryNorm = readsMemory ? makeNorm(init, config) : null;
    this.memoryAttention = readsMemory ? new CrossAttention(init, config, outputStd) : null;
    this.mlpNorm = makeNorm(init, config);
    this.mlp = new MLP(init, { width, hidden, activation, bias, outputStd });
    this.dropout = new Dropout(config.dropout);
  }

  forward(x: Tensor, pass: Pass, cache?: LayerCache): Tensor {
    let h = this.add(x, pass, (residual) =>
      this.attention.forward(this.attentionNorm.forward(x), pass, { residual, cache }),
    );
    const [attended, { memory }] = [h, pass];
    if (memory && this.memoryNorm && this.memoryAttention) {
      const normed = this.memoryNorm.forward(attended);
      const layer = this.memoryAttention;
      h = this.add(attended, pass, (residual) => layer.forward(normed, memory, pass, residual));
    }
    return this.add(h, pass, (residual) => this.mlp.forward(this.mlpNorm.forward(h), residual));
  }

  /** x + dropout(branch); where nothing is dropped, the branch's last product adds x. */
  private add(x: Tensor, { training }: Pass, branch: (residual?: Tensor) => Tensor): Tensor {
    const drops = training && this.dropout.p > 0;
    return drops ? add(x, this.dropout.forward(branch(), training)) : branch(x);
  }
}

export interface ForwardOptions {
  /** Switches dropout on. Default false. */
  readonly training?: boolean;
  /** [B, T] i32 or u32; 0 hides a position from all others: padding. */
  readonly keyMask?: Tensor;
  /** [B, T, 2] i32: the bounds of each position's document, as `attention` takes them; documents do not see each other. */
  readonly documents?: Tensor;
  /** [B, T] i32; default 0, 1, … in each row. A cache has its own. */
  readonly positions?: Tensor;
  /** Of an encoderDecoder: what `encode` gave, [B, S, C], and the mask that it was given. */
  readonly memory?: Tensor;
  readonly memoryMask?: Tensor;
  /** ids continue what the cache holds, and are added to it. */
  readonly cache?: KeyValueCache;
}

/** ids [B, T] -> logits [B, T, V]. */
export class Transformer extends Module {
  readonly tokens: Embedding;
  readonly positions: Embedding | null;
  /** [context, C], not trained. */
  readonly sinusoids: Tensor | null;
  /** Of an encoderDecoder: the layers that read. */
  readonly encoderBlocks: Block[];
  readonly encoderNorm: Norm | null;
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
    const { vocabularySize, width, context, layers, architecture } = config;
    const reads = architecture === 'encoderDecoder';
    const stack = (readsMemory: boolean) =>
      Array.from({ length: layers }, () => new Block(init, config, readsMemory));
    this.tokens = new Embedding(init, vocabularySize, width);
    this.positions = config.positions === 'learned' ? new Embedding(init, context, width) : null;
    const fixed = config.positions === 'sinusoidal';
    this.sinusoids = fixed
      ? init.device.tensor(sinusoidalPositions(context, width), { shape: [context, width] })
      : null;
    this.encoderBlocks = reads ? stack(false) : [];
    this.encoderNorm = reads ? makeNorm(init, config) : null;
    this.blocks = stack(reads);
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
    return this.logits(this.hidden(ids, options));
  }

  /** The output weight applied to `hidden` [..., C] -> [..., V]. */
  logits(hidden: Tensor): Tensor {
    return this.head ? this.head.forward(hidden) : linear(hidden, this.tokens.weight);
  }

  /**
   * Cross-entropy of the targets [B, T], as `linearCrossEntropy`: the logits of all positions do not exist at once.
   * @throws ShapeError for more positions than the context.
   */
  loss(
    ids: Tensor,
    targets: Tensor,
    options: ForwardOptions & LinearCrossEntropyOptions = {},
  ): Tensor {
    const h = this.hidden(ids, options);
    if (this.head?.isAdapted) return crossEntropy(this.head.forward(h), targets, options);
    return linearCrossEntropy(h, this.head?.weight ?? this.tokens.weight, targets, options);
  }

  /**
   * What the output weight is applied to, after the last norm: [B, T, C]. Of an encoder, its reading of the sequence.
   * @throws ShapeError for more positions than the context.
   */
  hidden(ids: Tensor, options: ForwardOptions = {}): Tensor {
    const { training = false, cache, ...seen } = options;
    const { architecture = 'decoder' } = this.config;
    this.checkMemory(options);
    const pass = { ...seen, training, causal: architecture !== 'encoder' };
    const layers = cache?.next(ids.shape[1]!);
    let h = this.embed(ids, training, layers?.[0]?.positions ?? seen.positions);
    for (const [i, block] of this.blocks.entries()) h = this.through(block, h, pass, layers?.[i]);
    return this.norm.forward(h);
  }

  /** What an encoderDecoder's decoder looks at: the encoder's reading of source ids [B, S] -> [B, S, C]. */
  encode(ids: Tensor, options: Pick<ForwardOptions, 'training' | 'keyMask'> = {}): Tensor {
    if (!this.encoderNorm) {
      throw new ConfigError(
        `encode: the model is ${this.config.architecture ?? 'decoder'}, expected encoderDecoder`,
      );
    }
    const { training = false, keyMask } = options;
    const pass = { training, keyMask, causal: false };
    let h = this.embed(ids, training);
    for (const block of this.encoderBlocks) h = this.through(block, h, pass);
    return this.encoderNorm.forward(h);
  }

  /**
   * How much each position of ids [B, T] takes of each, by layer [B, H, T, T]: of a decoder or an encoder, to look at.
   * `identity` as `SelfAttention.weights`.
   */
  attentionWeights(ids: Tensor, identity: Tensor): Tensor[] {
    const pass = { training: false, causal: this.config.architecture !== 'encoder' };
    let h = this.embed(ids, false);
    return this.blocks.map((block) => {
      const weights = block.attention.weights(block.attentionNorm.forward(h), pass, identity);
      h = block.forward(h, pass);
      return weights;
    });
  }

  private through(block: Block, x: Tensor, pass: Pass, cache?: LayerCache): Tensor {
    if (!pass.training || !this.config.checkpointing) return block.forward(x, pass, cache);
    const { memory } = pass;
    if (!memory) return checkpoint((x) => block.forward(x, pass), x);
    return checkpoint((x, memory) => block.forward(x, { ...pass, memory }), x, memory);
  }

  /** Tokens and, where they are added, positions: `at` [B, T], default 0, 1, …. */
  private embed(ids: Tensor, training: boolean, at?: Tensor): Tensor {
    const T = ids.shape[1]!;
    if (ids.rank !== 2 || T > this.config.context) {
      throw new ShapeError(
        `Transformer: ids are ${format(ids.shape)}, expected [B, T] with T up to ${this.config.context}`,
      );
    }
    const table = this.positions?.weight ?? this.sinusoids;
    let h = this.tokens.forward(ids);
    if (table) h = add(h, at ? embedding(table, at) : slice(table, { end: [T] }));
    return this.dropout.forward(h, training);
  }

  private checkMemory({ memory, cache }: ForwardOptions): void {
    const { architecture = 'decoder' } = this.config;
    if ((architecture === 'encoderDecoder') !== (memory !== undefined)) {
      throw new ConfigError(
        memory
          ? `Transformer: the architecture '${architecture}' takes no memory`
          : 'Transformer: an encoderDecoder needs the memory that encode() gives',
      );
    }
    if (cache && architecture === 'encoder')
      throw new ConfigError('Transformer: an encoder sees all tokens at once; it takes no cache');
  }
}

function makeNorm(init: Initialiser, { norm, width, bias, normEps }: TransformerConfig): Norm {
  return norm === 'rmsNorm'
    ? new RMSNorm(init, width, normEps)
    : new LayerNorm(init, width, { bias, eps: normEps });
}
