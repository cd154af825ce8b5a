// The keys and values of the tokens so far, so that one more token costs one more row and no second look at the others.

import { ShapeError } from '../errors.ts';
import { attention } from '../ops/attention.ts';
import { add } from '../ops/binary.ts';
import { appendToCache, type CacheTensors } from '../ops/cache.ts';
import { writeAt } from '../ops/copy.ts';
import type { Device } from '../ops/device.ts';
import { embedding } from '../ops/embedding.ts';
import { pad } from '../ops/shape_ops.ts';
import { reshape, slice } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { headSizeOf, type TransformerConfig } from './transformer_config.ts';

/** One layer's part for the tokens of one call. */
export interface LayerCache {
  /** [B, T] i32: where the tokens of this call stand; absent where they stand at 0, 1, …. */
  readonly positions: Tensor | undefined;
  /** Attention of the new q [B, H, T, D] to all keys so far; k and v [B, Hkv, T, D] are added before. */
  attend(q: Tensor, k: Tensor, v: Tensor): Tensor;
}

type Attend = (q: Tensor, k: Tensor, v: Tensor, layer: CacheTensors) => Tensor;

/**
 * Room for `positions` tokens of each of B sequences. Lengths are on the device: a captured step can be replayed.
 * The first call may bring many tokens per sequence (prompts of different lengths, padded at the end; `setLengths` then
 * tells how long they are), and so may one after `keep`; every other brings one.
 */
export class KeyValueCache {
  private readonly layers: { -readonly [name in keyof CacheTensors]: Tensor }[];
  /** [B] i32: tokens of each sequence so far. */
  readonly lengths: Tensor;
  /** The same where the host knows it, and it is the same for all. */
  private known: number | null = 0;

  constructor(
    readonly device: Device,
    config: TransformerConfig,
    readonly batch: number,
    public positions: number = config.context,
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
    const { known, lengths, batch } = this;
    if (known === null && T !== 1)
      throw new ShapeError(`KeyValueCache: ${T} tokens at once; after the first call it is one`);
    this.known = null;
    if (known === null) return this.through(reshape(lengths, [batch, 1]), this.oneMore());
    if (known === 0)
      return this.through(undefined, (q, k, v) => attention(q, k, v, { causal: true }));
    const rows = Int32Array.from({ length: batch * T }, (_, i) => known + (i % T));
    const positions = this.device.tensor(rows, { shape: [batch, T] });
    return this.through(positions, this.after(known));
  }

  private through(positions: Tensor | undefined, attend: Attend): LayerCache[] {
    return this.layers.map((layer) => ({
      positions,
      attend: (q, k, v) => {
        appendToCache(layer, k, v, this.lengths);
        return attend(q, k, v, layer);
      },
    }));
  }

  /** One token of each sequence sees all of its own. */
  private oneMore(): Attend {
    const keyLengths = add(this.lengths, 1);
    return (q, _k, _v, { keys, values }) => attention(q, keys, values, { keyLengths });
  }

  /** Some tokens of each sequence, behind `known` of it: the last one sees all. */
  private after(known: number): Attend {
    return (q, k, _v, { keys, values }) => {
      const [B, H, T, D] = k.shape as [number, number, number, number];
      const filled = (x: Tensor) => slice(x, { end: [B, H, known + T, D] });
      return attention(q, filled(keys), filled(values), { causal: true });
    };
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

  /** Forgets all but the first `count` tokens of each sequence; the next call may bring many. */
  keep(count: number): void {
    this.lengths.write(new Int32Array(this.batch).fill(count));
    this.known = count;
  }

  /** Makes room for so many tokens of each sequence. A step that was captured before must not run again. */
  reserve(positions: number): void {
    const more = positions - this.positions;
    if (more <= 0) return;
    const room = { before: [0, 0, 0, 0], after: [0, 0, more, 0] };
    for (const layer of this.layers) {
      for (const name of ['keys', 'values'] as const) {
        const larger = pad(layer[name], room);
        layer[name].dispose();
        layer[name] = larger;
      }
    }
    this.positions = positions;
  }

  dispose(): void {
    for (const { keys, values } of this.layers) {
      keys.dispose();
      values.dispose();
    }
    this.lengths.dispose();
  }
}
