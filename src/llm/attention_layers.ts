// Multi-head attention as a layer: of a sequence to itself, also through a cache of earlier keys and values, and to
// another sequence. Shapes: B sequences, T positions, C width, H heads of D columns, Hkv heads of keys and values.

import type { Initialiser } from '../nn/initialiser.ts';
import { RMSNorm } from '../nn/layers.ts';
import { Linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import { attention } from '../ops/attention.ts';
import { ropePair } from '../ops/rope.ts';
import { concat, split } from '../ops/shape_ops.ts';
import { expand, permute, reshape, slice } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { LayerCache } from './key_value_cache.ts';
import { headSizeOf, type TransformerConfig } from './transformer_config.ts';

/** What a call of the model hands to every layer. */
export interface Pass {
  /** Switches dropout on. */
  readonly training: boolean;
  readonly causal: boolean;
  /** [B, T], 0 hides a position from all others. */
  readonly keyMask?: Tensor | undefined;
  /** [B, T, 2], the bounds of each position's document. */
  readonly documents?: Tensor | undefined;
  /** [B, T]; default 0, 1, … */
  readonly positions?: Tensor | undefined;
  /** What an encoder read, [B, S, C], and which of it is there, [B, S]. */
  readonly memory?: Tensor | undefined;
  readonly memoryMask?: Tensor | undefined;
}

type Heads = [q: Tensor, k: Tensor, v: Tensor];

/** Self-attention: [B, T, C] -> [B, T, C]. */
export class SelfAttention extends Module {
  /** Queries, keys and values in one product: (heads + 2 keyValueHeads) D outputs, in this order. */
  readonly qkv: Linear;
  readonly queryNorm: RMSNorm | null;
  readonly keyNorm: RMSNorm | null;
  readonly output: Linear;

  constructor(
    init: Initialiser,
    private readonly config: TransformerConfig,
    outputStd: number,
  ) {
    super();
    const { width, heads, keyValueHeads, bias, qkvBias = bias, qkNorm = false } = config;
    const D = headSizeOf(config);
    const parts = { query: D * heads, key: D * keyValueHeads, value: D * keyValueHeads };
    this.qkv = new Linear(init, width, D * (heads + 2 * keyValueHeads), { bias: qkvBias, parts });
    this.queryNorm = qkNorm ? new RMSNorm(init, D, config.normEps) : null;
    this.keyNorm = qkNorm ? new RMSNorm(init, D, config.normEps) : null;
    this.output = new Linear(init, heads * D, width, { bias, std: outputStd });
  }

  /**
   * `residual` [B, T, C], if given, is added by the last product. With a `cache`, x continues what that holds: its keys
   * and values are added, and all are seen.
   */
  forward(x: Tensor, pass: Pass, { residual, cache }: AttentionInputs = {}): Tensor {
    const { training, causal, keyMask, documents, positions } = pass;
    const [q, k, v] = this.heads(x, cache?.positions ?? positions);
    const dropout = training ? this.config.dropout : 0;
    const mixed = cache
      ? cache.attend(q, k, v)
      : attention(q, k, v, { causal, keyMask, documents, dropout });
    return this.output.forward(merged(mixed), { residual });
  }

  /**
   * What `forward` mixes the values of x with, [B, H, T, T]: row i is how much position i takes of each. Attention to values
   * that are one-hot is its weights, D columns at a time: `identity` is [S, S], S at least T and a multiple of D.
   */
  weights(x: Tensor, { causal }: Pick<Pass, 'causal'>, identity: Tensor): Tensor {
    const [q, k] = this.heads(x);
    const [B, , T] = q.shape as [number, number, number];
    const [, Hkv, , D] = k.shape as [number, number, number, number];
    const columns = Array.from({ length: Math.ceil(T / D) }, (_, i) => {
      const values = slice(identity, { start: [0, i * D], end: [T, (i + 1) * D] });
      return attention(q, k, expand(values, [B, Hkv, T, D]), { causal });
    });
    return slice(concat(columns, { axis: 3 }), { end: [...q.shape.slice(0, 3), T] });
  }

  /** [B, H, T, D], and twice [B, Hkv, T, D], turned to their positions. */
  private heads(x: Tensor, at?: Tensor): Heads {
    const { heads, keyValueHeads, positions, ropeBase } = this.config;
    const [B, T] = x.shape as [number, number, number];
    const D = headSizeOf(this.config);
    const packed = reshape(this.qkv.forward(x), [B, T, heads + 2 * keyValueHeads, D]);
    let [q, k, v] = split(packed, [heads, keyValueHeads, keyValueHeads], { axis: 2 }) as Heads;
    if (this.queryNorm) q = this.queryNorm.forward(q);
    if (this.keyNorm) k = this.keyNorm.forward(k);
    [q, k, v] = [q, k, v].map((part) => permute(part, [0, 2, 1, 3])) as Heads;
    if (!positions.startsWith('rope')) return [q, k, v];
    const interleaved = positions === 'ropeInterleaved';
    const turned = ropePair(q, k, { base: ropeBase, interleaved, positions: at });
    return [turned.q, turned.k, v];
  }
}

export interface AttentionInputs {
  readonly residual?: Tensor | undefined;
  readonly cache?: LayerCache | undefined;
}

/** Attention of a sequence [B, T, C] to what an encoder read, `memory` [B, S, C]. It has no positions. */
export class CrossAttention extends Module {
  readonly query: Linear;
  /** Keys and values in one product. */
  readonly keyValue: Linear;
  readonly output: Linear;

  constructor(
    init: Initialiser,
    private readonly config: TransformerConfig,
    outputStd: number,
  ) {
    super();
    const { width, heads, keyValueHeads, bias, qkvBias = bias } = config;
    const D = headSizeOf(config);
    this.query = new Linear(init, width, heads * D, { bias: qkvBias });
    const parts = { key: D * keyValueHeads, value: D * keyValueHeads };
    this.keyValue = new Linear(init, width, 2 * keyValueHeads * D, { bias: qkvBias, parts });
    this.output = new Linear(init, heads * D, width, { bias, std: outputStd });
  }

  /** `residual` [B, T, C], if given, is added by the last product. */
  forward(x: Tensor, memory: Tensor, pass: Pass, residual?: Tensor): Tensor {
    const { heads, keyValueHeads } = this.config;
    const D = headSizeOf(this.config);
    const inHeads = (y: Tensor, count: number) => reshape(y, [...y.shape.slice(0, 2), count, D]);
    const q = inHeads(this.query.forward(x), heads);
    const packed = inHeads(this.keyValue.forward(memory), 2 * keyValueHeads);
    const [k, v] = split(packed, [keyValueHeads, keyValueHeads], { axis: 2 }) as [Tensor, Tensor];
    const [qh, kh, vh] = [q, k, v].map((part) => permute(part, [0, 2, 1, 3])) as Heads;
    const dropout = pass.training ? this.config.dropout : 0;
    const mixed = attention(qh, kh, vh, { keyMask: pass.memoryMask, dropout });
    return this.output.forward(merged(mixed), { residual });
  }
}

/** [B, H, T, D] -> [B, T, H D]. */
function merged(x: Tensor): Tensor {
  const [B, H, T, D] = x.shape as [number, number, number, number];
  return reshape(permute(x, [0, 2, 1, 3]), [B, T, H * D]);
}
