// Replay memory (Lin 1992): the last `capacity` transitions, in rows on the device, from which steps draw at random.
//
//   (observation | action | reward | terminated | next observation)
//
// The host writes rows where the oldest are; a captured step draws, and nothing is read back.

import { CheckpointError, ConfigError } from '../errors.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import type { Device } from '../ops/device.ts';
import { sampleRows } from '../ops/sample_rows.ts';
import { reshape, slice } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** One step of one environment. */
export interface Transition {
  readonly observation: ArrayLike<number>;
  readonly action: ArrayLike<number>;
  readonly reward: number;
  /** Nothing follows: the next observation has no value. A truncated episode goes on in it. */
  readonly terminated: boolean;
  readonly nextObservation: ArrayLike<number>;
}

/** B transitions, views of one tensor. */
export interface TransitionBatch {
  /** [B, S] */
  readonly observations: Tensor;
  /** [B, S + A]: observation and action side by side, as a critic reads them. */
  readonly pairs: Tensor;
  /** [B] */
  readonly rewards: Tensor;
  /** [B]: 1 or 0. */
  readonly terminated: Tensor;
  /** [B, S] */
  readonly nextObservations: Tensor;
}

export interface ReplaySizes {
  /** Transitions that are kept. */
  readonly capacity: number;
  /** S, numbers of an observation. */
  readonly observation: number;
  /** A, numbers of an action. */
  readonly action: number;
}

export class ReplayBuffer {
  readonly #rows: Tensor; // [capacity, 2 S + A + 2]
  readonly #filled: Tensor; // the number of rows, u32
  readonly #sizes: ReplaySizes;
  /** Transitions written so far. */
  #written = 0;

  /** @throws ConfigError unless the capacity is 1 … 2^24 */
  constructor(device: Device, sizes: ReplaySizes) {
    const { capacity, observation, action } = sizes;
    if (!(Number.isSafeInteger(capacity) && capacity >= 1 && capacity <= 2 ** 24))
      throw new ConfigError(`ReplayBuffer: capacity is ${capacity}, expected 1 to ${2 ** 24}`);
    this.#sizes = sizes;
    this.#rows = device.zeros([capacity, 2 * observation + action + 2]);
    this.#filled = device.zeros([], { dtype: 'u32' });
    this.#rows.kept = this.#filled.kept = true;
  }

  /** Transitions that it holds. */
  get size(): number {
    return Math.min(this.#written, this.#sizes.capacity);
  }

  /** Writes one more, over the oldest where it is full. */
  push({ observation, action, reward, terminated, nextObservation }: Transition): void {
    const [capacity, width] = this.#rows.shape as [number, number];
    const row = new Float32Array(width);
    const { observation: S, action: A } = this.#sizes;
    row.set(observation, 0);
    row.set(action, S);
    row.set([reward, Number(terminated)], S + A);
    row.set(nextObservation, S + A + 2);
    using place = this.#rows.alias([width], [1], (this.#written % capacity) * width);
    place.write(row);
    if (this.#written < capacity) this.#filled.write([this.#written + 1]);
    this.#written++;
  }

  /** `count` of them, uniformly and with replacement, as `Device.beginStep` says. Draw from what holds one at least. */
  sample(count: number): TransitionBatch {
    const { observation: S, action: A } = this.#sizes;
    const rows = sampleRows(this.#rows, this.#filled, count);
    const columns = (from: number, to: number) =>
      slice(rows, { start: [0, from], end: [count, to] });
    return {
      observations: columns(0, S),
      pairs: columns(0, S + A),
      rewards: reshape(columns(S + A, S + A + 1), [count]),
      terminated: reshape(columns(S + A + 1, S + A + 2), [count]),
      nextObservations: columns(S + A + 2, 2 * S + A + 2),
    };
  }

  /** For a checkpoint: what is held, and how many were written. */
  async state(): Promise<{ readonly rows: HostTensor; readonly written: number }> {
    const shape = [this.size, this.#rows.shape[1]!];
    using held = this.#rows.alias(shape, this.#rows.strides, 0);
    return { rows: { dtype: 'f32', shape, data: await held.data() }, written: this.#written };
  }

  /** Goes on where the saved one was. @throws CheckpointError when it is of other sizes. */
  restore({ rows, written }: { readonly rows: HostTensor; readonly written: number }): void {
    const [capacity, width] = this.#rows.shape as [number, number];
    const expected = [Math.min(written, capacity), width];
    if (rows.dtype !== 'f32' || rows.shape.join() !== expected.join())
      throw new CheckpointError(
        `ReplayBuffer: the saved rows are [${rows.shape}], expected [${expected}]`,
      );
    using held = this.#rows.alias(expected, this.#rows.strides, 0);
    if (held.size > 0) held.write(rows.data as Float32Array);
    this.#filled.write([expected[0]!]);
    this.#written = written;
  }

  dispose(): void {
    this.#rows.dispose();
    this.#filled.dispose();
  }
}
