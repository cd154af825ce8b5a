// A second set of parameters that follows the first: Polyak's average, the target networks of reinforcement learning.

import { ConfigError } from '../errors.ts';
import { averageStep } from '../ops/average.ts';
import { copyInto } from '../ops/copy.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Optimizer } from './optimizer.ts';
import { kept, type Slabs } from './slabs.ts';

/**
 *   p̄ ← p̄ + τ (p - p̄)        from p̄ = p
 *
 * One dispatch per slab of the optimiser that trains p. To run a module with the averages in the places of its own
 * parameters: `substituted(module, average.tensors, () => module.forward(x))`.
 */
export class MovingAverage {
  /** The averages, under the names that the optimiser was given for their parameters. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly #slabs: Slabs;
  readonly #averages: readonly Tensor[];
  readonly #rate: number;

  /** @param rate τ. @throws ConfigError unless it is in (0, 1] */
  constructor({ slabs }: Optimizer, { rate }: { readonly rate: number }) {
    if (!(rate > 0 && rate <= 1))
      throw new ConfigError(`MovingAverage: rate is ${rate}, expected more than 0 and at most 1`);
    this.#slabs = slabs;
    this.#rate = rate;
    this.#averages = slabs.zerosLike();
    for (const [i, average] of this.#averages.entries())
      copyInto(average, slabs.slabs[i]!.parameters);
    this.tensors = new Map(
      [...slabs.slices(this.#averages)].map(([name, slice]) => [name, kept(slice)]),
    );
  }

  /** Moves the averages by τ of the way to the parameters. */
  update(): void {
    for (const [i, average] of this.#averages.entries())
      averageStep(average, this.#slabs.slabs[i]!.parameters, { rate: this.#rate });
  }

  /** Gives the averages' memory back. */
  dispose(): void {
    for (const x of [...this.tensors.values(), ...this.#averages]) x.dispose();
  }
}
