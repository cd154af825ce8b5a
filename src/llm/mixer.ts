// An MLP-mixer for text: the blocks of MLP-Mixer (Tolstikhin et al. 2021), made causal. Where a transformer attends, it adds
// up what came before with learned weights, which are the same for every sequence.
//
//   h = embed(ids);  h += M norm(h);  h += mlp(norm(h))       M [T, T], 0 above its diagonal: no position sees a later one
//   logits = norm(h) Wᵀ, W the embedding
// Shapes: B sequences, T positions, C width, V vocabulary.

import type { Initialiser } from '../nn/initialiser.ts';
import { Embedding, MLP, RMSNorm } from '../nn/layers.ts';
import { Module } from '../nn/module.ts';
import { add, mul } from '../ops/binary.ts';
import { linear } from '../ops/linear.ts';
import { type LinearCrossEntropyOptions, linearCrossEntropy } from '../ops/linear_cross_entropy.ts';
import { matmul } from '../ops/matmul.ts';
import { slice } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface MixerConfig {
  readonly vocabularySize: number;
  /** Most positions of a sequence. */
  readonly context: number;
  readonly layers: number;
  readonly width: number;
  /** Width of the MLP's middle. */
  readonly hidden: number;
}

class MixerBlock extends Module {
  readonly mixingNorm: RMSNorm;
  /** M [context, context]: what is above the diagonal stays what it was, and counts for nothing. */
  readonly mixing: Tensor;
  /** [context, context], not trained: 1 up to the diagonal. */
  private readonly causal: Tensor;
  readonly mlpNorm: RMSNorm;
  readonly mlp: MLP;

  constructor(init: Initialiser, { context, layers, width, hidden }: MixerConfig) {
    super();
    const outputStd = 0.02 / Math.sqrt(2 * layers);
    this.mixingNorm = new RMSNorm(init, width);
    this.mixing = init.normal([context, context], outputStd);
    const ones = Float32Array.from({ length: context * context }, (_, i) =>
      i % context <= Math.floor(i / context) ? 1 : 0,
    );
    this.causal = init.device.tensor(ones, { shape: [context, context] });
    this.mlpNorm = new RMSNorm(init, width);
    this.mlp = new MLP(init, { width, hidden, activation: 'gelu', bias: false, outputStd });
  }

  /** [B, T, C] -> [B, T, C] */
  forward(x: Tensor): Tensor {
    const T = x.shape[1]!;
    const weights = slice(mul(this.mixing, this.causal), { end: [T, T] });
    const h = add(x, matmul(weights, this.mixingNorm.forward(x)));
    return this.mlp.forward(this.mlpNorm.forward(h), h);
  }
}

/** ids [B, T] -> logits [B, T, V]. */
export class Mixer extends Module {
  readonly tokens: Embedding;
  readonly blocks: MixerBlock[];
  readonly norm: RMSNorm;

  constructor(
    init: Initialiser,
    readonly config: MixerConfig,
  ) {
    super();
    const { vocabularySize, layers, width } = config;
    this.tokens = new Embedding(init, vocabularySize, width);
    this.blocks = Array.from({ length: layers }, () => new MixerBlock(init, config));
    this.norm = new RMSNorm(init, width);
  }

  /** Number of trained values; those above the diagonals are none. */
  get parameterCount(): number {
    const { context, layers } = this.config;
    const all = this.parameters().reduce((sum, x) => sum + x.size, 0);
    return all - (layers * context * (context - 1)) / 2;
  }

  /** Logits of the next token at each position. */
  forward(ids: Tensor): Tensor {
    return linear(this.hidden(ids), this.tokens.weight);
  }

  /** Cross-entropy of the targets [B, T], as `linearCrossEntropy`. */
  loss(ids: Tensor, targets: Tensor, options: LinearCrossEntropyOptions = {}): Tensor {
    return linearCrossEntropy(this.hidden(ids), this.tokens.weight, targets, options);
  }

  private hidden(ids: Tensor): Tensor {
    let h = this.tokens.forward(ids);
    for (const block of this.blocks) h = block.forward(h);
    return this.norm.forward(h);
  }
}
