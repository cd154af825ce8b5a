// Training in a random subspace (Li et al. 2018, "Measuring the intrinsic dimension of objective landscapes"):
//
//   θ = θ0 + P z        θ [D], all parameters of a model in a row        z [d], all that is trained
//
// P is the first D rows and d columns of an orthogonal matrix of n = 2^k >= D rows, made of signs alone:
//
//   P = √(n/D) H S2 H S1        H [n, n] = Hadamard's / √n        S1, S2 diagonal, signs drawn from the seed
//
// so that a column has length 1 on average, as in the paper. P is nowhere stored: with z in a table Z [a, b] of a b = n
// places, H z is H_a Z H_b, two small products.

import { ConfigError } from '../errors.ts';
import { add, mul } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { matmul } from '../ops/matmul.ts';
import { pad } from '../ops/shape_ops.ts';
import { reshape, slice } from '../ops/view.ts';
import { fillUniform } from '../tensor/philox.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module, substituted } from './module.ts';

export interface SubspaceOptions {
  /** d, from 1 to D. */
  readonly dimension: number;
  /** Which subspace. */
  readonly seed: number | bigint;
}

/** A model that moves in a random subspace around where it is. Its own parameters are frozen from then on. */
export class Subspace extends Module {
  /** [d], 0 at first: the only tensor that is trained. */
  readonly z: Tensor;
  /** D. */
  readonly size: number;
  readonly #model: Module;
  readonly #start: ReadonlyMap<string, Tensor>;
  /** S2, and S1 times all factors of P: [a, b]. */
  readonly #signs: readonly [Tensor, Tensor];
  /** Without factors: [a, a] and [b, b]. */
  readonly #hadamard: readonly [Tensor, Tensor];

  /** @throws ConfigError for a dimension that is not from 1 to D. */
  constructor(device: Device, model: Module, { dimension, seed }: SubspaceOptions) {
    super();
    this.#model = model;
    this.#start = model.namedParameters();
    const D = [...this.#start.values()].reduce((total, { size }) => total + size, 0);
    if (!(Number.isInteger(dimension) && dimension >= 1 && dimension <= D)) {
      throw new ConfigError(
        `Subspace: dimension is ${dimension}, expected 1 to ${D}, the model's parameters`,
      );
    }
    for (const x of this.#start.values()) x.requireGrad(false);
    this.size = D;
    this.z = device.zeros([dimension]).requireGrad();
    const bits = Math.ceil(Math.log2(D));
    const n = 2 ** bits;
    const [a, b] = [2 ** Math.floor(bits / 2), 2 ** Math.ceil(bits / 2)];
    const constant = (values: Float32Array, shape: [number, number]) =>
      Object.assign(device.tensor(values, { shape }), { kept: true });
    const signs = (stream: number, size: number) =>
      constant(
        randomSigns(seed, stream, n).map((sign) => sign * size),
        [a, b],
      );
    this.#signs = [signs(0, 1), signs(1, Math.sqrt(n / D) / n)];
    this.#hadamard = [constant(hadamard(a), [a, a]), constant(hadamard(b), [b, b])];
  }

  /** Runs `fn` with the model at θ0 + P z; gradients go to z. */
  run<T>(fn: () => T): T {
    const flat = reshape(this.step(), [-1]);
    let end = 0;
    const moved = [...this.#start].map(([name, start]) => {
      end += start.size;
      const part = slice(flat, { start: [end - start.size], end: [end] });
      return [name, add(start, reshape(part, start.shape))] as const;
    });
    return substituted(this.#model, new Map(moved), fn);
  }

  /** P z, and what is left of n below it: [a, b]. */
  private step(): Tensor {
    const [S2, S1] = this.#signs;
    const [Ha, Hb] = this.#hadamard;
    const H = (Z: Tensor) => matmul(matmul(Ha, Z), Hb);
    const padded = pad(this.z, { before: [0], after: [S1.size - this.z.size] });
    return H(mul(S2, H(mul(S1, reshape(padded, S1.shape)))));
  }

  /** Frees what belongs to the subspace; the model stays where it was. */
  override dispose(): void {
    for (const x of [...this.#signs, ...this.#hadamard]) x.dispose();
    super.dispose();
  }
}

/** Hadamard's matrix in Sylvester's order [size, size]: -1 to the number of ones that row and column share as binaries. */
function hadamard(size: number): Float32Array {
  return Float32Array.from({ length: size * size }, (_, at) => {
    let sign = 1;
    for (let both = Math.floor(at / size) & (at % size); both > 0; both &= both - 1) sign = -sign;
    return sign;
  });
}

function randomSigns(seed: number | bigint, stream: number, size: number): Float32Array {
  const values = new Float32Array(size);
  fillUniform(values, { seed, stream });
  return values.map((u) => (u < 0.5 ? -1 : 1));
}
