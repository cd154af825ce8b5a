// What a transformer is made of, and which combinations there are.

import { ConfigError } from '../errors.ts';
import type { Activation } from '../nn/layers.ts';

export interface TransformerConfig {
  /**
   * Who sees whom: in a 'decoder' a token sees those before it, in an 'encoder' all; an 'encoderDecoder' reads one sequence
   * with an encoder and writes another with a decoder that also looks at it (Vaswani et al. 2017). Default 'decoder'.
   */
  readonly architecture?: 'decoder' | 'encoder' | 'encoderDecoder';
  readonly vocabularySize: number;
  /** Most positions of a sequence. */
  readonly context: number;
  /** Of the encoder and of the decoder, where there are both. */
  readonly layers: number;
  readonly heads: number;
  /** Heads of keys and values; fewer than `heads` share them (Ainslie et al. 2023). */
  readonly keyValueHeads: number;
  /** D, the width of a head. Default width / heads. */
  readonly headSize?: number;
  readonly width: number;
  /** Width of the MLP's middle. */
  readonly hidden: number;
  /**
   * 'rope' turns the pairs (i, i + D/2), as Llama, 'ropeInterleaved' the pairs (2i, 2i + 1), as the paper (Su et al. 2021);
   * 'sinusoidal' is fixed (Vaswani et al. 2017).
   */
  readonly positions: 'rope' | 'ropeInterleaved' | 'learned' | 'sinusoidal' | 'none';
  /** RoPE's frequencies are ropeBase^(-2i / D). Default 10000. */
  readonly ropeBase?: number;
  readonly norm: 'rmsNorm' | 'layerNorm';
  /** Added under the norms' root. Default 1e-6 for rmsNorm, 1e-5 for layerNorm. */
  readonly normEps?: number;
  /** An RMS norm of each head's queries and keys, before RoPE (Henry et al. 2020; Qwen3). Default false. */
  readonly qkNorm?: boolean;
  readonly activation: Activation;
  /** Whether projections and layer norms have biases. */
  readonly bias: boolean;
  /** Whether queries, keys and values have biases. Default: as `bias`. Qwen2's have, and nothing else there. */
  readonly qkvBias?: boolean;
  /** The output weight is the token embedding's (Press & Wolf 2017). */
  readonly tiedEmbeddings: boolean;
  /** On the embedding, the attention probabilities and the residual branches. */
  readonly dropout: number;
  /** In training, keep of each layer its input alone and compute the rest again in backward. Default false. */
  readonly checkpointing?: boolean;
}

/** D, the width of a head. */
export function headSizeOf({ headSize, width, heads }: TransformerConfig): number {
  return headSize ?? width / heads;
}

/** @throws ConfigError for sizes that do not go together. */
export function checkConfig(config: TransformerConfig): void {
  const { width, heads, keyValueHeads, headSize, positions } = config;
  if (headSize === undefined && width % heads !== 0)
    throw new ConfigError(`width ${width} is no multiple of heads ${heads}`);
  if (heads % keyValueHeads !== 0)
    throw new ConfigError(`heads ${heads} is no multiple of keyValueHeads ${keyValueHeads}`);
  if (positions.startsWith('rope') && headSizeOf(config) % 2 !== 0) {
    const which = headSize === undefined ? 'width / heads' : 'headSize';
    throw new ConfigError(`rope needs an even head size, got ${which} = ${headSizeOf(config)}`);
  }
  if (positions === 'sinusoidal' && width % 2 !== 0)
    throw new ConfigError(`sinusoidal positions need an even width, got ${width}`);
}
