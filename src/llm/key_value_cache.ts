// The keys and values of the tokens so far, so that one more token costs one more row and no second look at the others.

import { ShapeError } from '../errors.ts';
import { attention } from '../ops/attention.ts';
import { add } from '../ops/binary.ts';
import { appendToCache, type CacheTensors } from '../ops/cache.ts';
import { writeAt } from '../ops/copy.ts';
import type { Device } from '../ops/device.ts';
import { embedding } from '../ops/embedding.ts';
import { reshape } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { headSizeOf, type TransformerConfig } from './transformer_config.ts';

/** One layer's part for the tokens of one call. */
export interface LayerCache {
  /** [B, T] i32: where the tokens of this call stand; absent where they stand at 0, 1, …. */
  readonly positions: Tensor | undefined;
  /** Attention of the new q [B, H, T, D] to all keys so far; k and v [B, Hkv, T, D] are added before. */
  attend(q: Tensor, k: Tensor, v: Tensor): Tensor;
}

/**
 * Room for `positions` tokens of each of B sequences. Lengths are on the device: a captured step can be replayed.
 * The first call may bring many tokens per sequence (prompts of different lengths, padded at the end; `setLengths` then
 * tells how long they are), every later one brings one.
 */
export class KeyValueCache {
  private readonly layers: CacheTensors[];
  /** [B] i32: tokens of each sequence so far. */
  readonly lengths: Tensor;
  private started = false;

  constructor(
    readonly device: Device,
    config: TransformerConfig,
    readonly batch: number,
    readonly positions: number = config.context,
  ) {
    const shape = [batch, config.keyValueHeads, positions, headSizeOf(config)];
    this.layers = Array.from({ length: config.layers }, () => ({
      keys: device.zeros(shape),
      values: device.zeros(shape),
    }));
    this.lengths = device.zeros([batch], { dtype: 'i32' });
  }

  /** The layers' parts for a call that brings T tokens per sequence. @throws ShapeError where that is not possible. */
  next(T: number): LayerCache[] {
    const first = !this.started;
    if (!first && T !== 1) {
      throw new ShapeError(`KeyValueCache: ${T} tokens at once; after the first call it is one`);
    }
    const { lengths, batch } = this;
    const positions = first ? undefined : reshape(lengths, [batch, 1]);
    const seen = first ? undefined : add(lengths, 1);
    this.started = true;
    return this.layers.map((layer) => ({
      positions,
      attend(q, k, v) {
        appendToCache(layer, k, v, lengths);
        if (!seen) return attention(q, k, v, { causal: true });
        return attention(q, layer.keys, layer.values, { keyLengths: seen });
      },
    }));
  }

  /** Tells how many tokens each sequence has: after the first call the prompts' lengths. */
  setLengths(lengths: readonly number[]): void {
    this.lengths.write(Int32Array.from(lengths));
  }

  /** One token more for every sequence, on the device. */
  advance(): void {
    using more = add(this.lengths, 1);
    writeAt(this.lengths, more, 0);
  }

  /** Row i becomes what row order[i] was. */
  reorder(order: readonly number[]): void {
    this.device.scope(() => {
      const rows = this.device.tensor(Int32Array.from(order), { shape: [this.batch] });
      for (const x of this.layers.flatMap(({ keys, values }) => [keys, values])) {
        const flat = reshape(x, [this.batch, -1]);
        writeAt(x, reshape(embedding(flat, rows), x.shape), 0);
      }
    });
  }

  /** Forgets all tokens. */
  clear(): void {
    this.lengths.write(new Int32Array(this.batch));
    this.started = false;
  }

  dispose(): void {
    for (const { keys, values } of this.layers) {
      keys.dispose();
      values.dispose();
    }
    this.lengths.dispose();
  }
}
