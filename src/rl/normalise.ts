// Running statistics that bring observations and rewards to unit scale; part of a model, and saved with it.

import { Module } from '../nn/module.ts';
import { mul, sub } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { clamp } from '../ops/unary.ts';
import type { Tensor } from '../tensor/tensor.ts';

const CLIP = 10; // deviations; as Stable-Baselines3 and CleanRL
const EPSILON = 1e-8;

/** Mean and variance of numbers that come in parts (Chan et al. 1979), in float64. */
export class RunningMoments {
  count = 0;
  readonly mean: Float64Array;
  /** Sums of squared deviations. */
  readonly squares: Float64Array;

  constructor(size: number) {
    this.mean = new Float64Array(size);
    this.squares = new Float64Array(size);
  }

  /** @param rows row-major, of `size` numbers each */
  add(rows: ArrayLike<number>): void {
    const size = this.mean.length;
    for (let start = 0; start < rows.length; start += size) {
      this.count++;
      for (let i = 0; i < size; i++) {
        const delta = rows[start + i]! - this.mean[i]!;
        this.mean[i]! += delta / this.count;
        this.squares[i]! += delta * (rows[start + i]! - this.mean[i]!);
      }
    }
  }

  /** 1 until there are two. */
  deviation(i: number): number {
    return this.count < 2 ? 1 : Math.sqrt(this.squares[i]! / this.count + EPSILON);
  }

  snapshot() {
    return { count: this.count, mean: [...this.mean], squares: [...this.squares] };
  }

  restore({ count, mean, squares }: ReturnType<RunningMoments['snapshot']>): void {
    this.count = count;
    this.mean.set(mean);
    this.squares.set(squares);
  }
}

/** (x - mean) / deviation, at most 10 in size; statistics change only by `update`, between rollouts. */
export class ObservationNorm extends Module {
  /** [features], not trained. */
  readonly mean: Tensor;
  /** [features]: 1 / deviation. */
  readonly scale: Tensor;
  readonly #moments: RunningMoments;

  constructor(device: Device, features: number) {
    super();
    this.mean = Object.assign(device.zeros([features]), { kept: true });
    this.scale = Object.assign(device.ones([features]), { kept: true });
    this.#moments = new RunningMoments(features);
  }

  /** [B, features] */
  forward(x: Tensor): Tensor {
    return clamp(mul(sub(x, this.mean), this.scale), { min: -CLIP, max: CLIP });
  }

  /** @param observations rows of features */
  update(observations: ArrayLike<number>): void {
    this.#moments.add(observations);
    this.#write();
  }

  snapshot() {
    return this.#moments.snapshot();
  }

  restore(saved: ReturnType<RunningMoments['snapshot']>): void {
    this.#moments.restore(saved);
    this.#write();
  }

  #write(): void {
    const { mean } = this.#moments;
    this.mean.write(Float32Array.from(mean));
    this.scale.write(Float32Array.from(mean, (_, i) => 1 / this.#moments.deviation(i)));
  }
}

/**
 * Divides rewards by the running deviation of the discounted return of each copy (Engstrom et al. 2020), at most 10 in
 * size.
 */
export class RewardScale {
  readonly #moments = new RunningMoments(1);
  readonly #returns: Float64Array;

  constructor(
    copies: number,
    private readonly gamma: number,
  ) {
    this.#returns = new Float64Array(copies);
  }

  /**
   * Scales the rewards of a rollout in place, with the statistics that it brings.
   * @param rewards [T, N], @param over [T, N] nonzero where an episode ended
   */
  apply(rewards: Float32Array, over: ArrayLike<number>): void {
    const copies = this.#returns.length;
    const discounted = new Float64Array(rewards.length);
    for (let i = 0; i < rewards.length; i++) {
      const copy = i % copies;
      this.#returns[copy] = this.gamma * this.#returns[copy]! + rewards[i]!;
      discounted[i] = this.#returns[copy]!;
      if (over[i]) this.#returns[copy] = 0;
    }
    this.#moments.add(discounted);
    const scale = 1 / this.#moments.deviation(0);
    for (let i = 0; i < rewards.length; i++)
      rewards[i] = Math.max(-CLIP, Math.min(CLIP, rewards[i]! * scale));
  }

  snapshot() {
    return { moments: this.#moments.snapshot(), returns: [...this.#returns] };
  }

  restore({ moments, returns }: ReturnType<RewardScale['snapshot']>): void {
    this.#moments.restore(moments);
    this.#returns.set(returns);
  }
}
