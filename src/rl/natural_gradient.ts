// The natural gradient (Amari 1998; Kakade 2001), and the step of given size along it (Schulman et al. 2015).
//
//   F = E_s,a [∇log π ∇log πᵀ], the Hessian of KL(π_old ‖ π) at π_old      KL(π_θ ‖ π_θ+Δ) = ½ Δᵀ F Δ + O(Δ³)
//   x ≈ F⁻¹ g by conjugate gradients, which need only products F v = ∇(∇KL · v)
//   Δ = √(2δ / xᵀ F x) x, the longest step along x whose ½ Δᵀ F Δ is δ
//
// A vector is flat, [n]: all parameters' elements in their order. Nothing is read back, so that a step can be captured.

import { add, div, maximum, mul, sub } from '../ops/binary.ts';
import { copyInto, full } from '../ops/copy.ts';
import { sum } from '../ops/reduce.ts';
import { concat, stack } from '../ops/shape_ops.ts';
import { sqrt } from '../ops/unary.ts';
import { reshape, slice } from '../ops/view.ts';
import { scope } from '../tensor/scope.ts';
import { type Shape, sizeOf } from '../tensor/shape.ts';
import { grad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Keeps a quotient finite where all of it has vanished. */
const TINY = 1e-30;

/** v [n] -> A v [n]. */
export type Product = (v: Tensor) => Tensor;

/** The elements of all tensors, [n]. */
export const flatten = (tensors: readonly Tensor[]): Tensor =>
  concat(tensors.map((x) => reshape(x, [x.size])));

/** The parts of a flat vector, in their shapes. */
export function unflatten(flat: Tensor, shapes: readonly Shape[]): Tensor[] {
  let end = 0;
  return shapes.map((shape) => {
    const start = end;
    end += sizeOf(shape);
    return reshape(slice(flat, { start: [start], end: [end] }), shape);
  });
}

/** Parameters become the parts of a flat vector, in place and outside the tape. */
export function assign(parameters: readonly Tensor[], flat: Tensor): void {
  const parts = unflatten(
    flat,
    parameters.map(({ shape }) => shape),
  );
  for (const [i, part] of parts.entries()) copyInto(parameters[i]!, part);
}

/** dy/dθ, flat; zeros for parameters that y does not depend on. */
export function flatGradient(
  y: Tensor,
  parameters: readonly Tensor[],
  options: { readonly createGraph?: boolean; readonly dy?: Tensor } = {},
): Tensor {
  const gradients = grad(y, parameters, options);
  return flatten(gradients.map((g, i) => g ?? full(y.runtime, parameters[i]!.shape, 0, 'f32')));
}

/**
 * v -> (F + damping I) v, where F is the Hessian of `kl`.
 * @param kl the mean of KL(π_old ‖ π) over states, a scalar, recorded with π = π_old and no gradient through π_old.
 * @param damping λ: keeps the product positive where the policy does not feel a parameter.
 */
export function fisherVectorProduct(
  kl: Tensor,
  parameters: readonly Tensor[],
  { damping }: { readonly damping: number },
): Product {
  const slope = flatGradient(kl, parameters, { createGraph: true });
  return (v) => {
    const Fv = scope(() => flatGradient(slope, parameters, { createGraph: true, dy: v }));
    return damping === 0 ? Fv : add(Fv, mul(v, damping));
  };
}

export interface Solution {
  /** [n]. */
  readonly x: Tensor;
  /** [iterations + 1]: ‖b - A x‖ before each iteration and after the last. */
  readonly residuals: Tensor;
}

/**
 * x ≈ A⁻¹ b by conjugate gradients from x = 0 (Hestenes & Stiefel 1952), for a symmetric, positive A.
 * @param iterations all of them are done: the steps of a solved system are 0.
 */
export function conjugateGradient(
  product: Product,
  b: Tensor,
  { iterations }: { readonly iterations: number },
): Solution {
  let x = full(b.runtime, b.shape, 0, 'f32');
  let r = b; // b - A x
  let p = b;
  let rr = dot(r, r);
  const squares = [rr];
  for (let i = 0; i < iterations; i++) {
    const Ap = product(p);
    const alpha = div(rr, maximum(dot(p, Ap), TINY));
    x = add(x, mul(p, alpha));
    r = sub(r, mul(Ap, alpha));
    const next = dot(r, r);
    p = add(r, mul(p, div(next, maximum(rr, TINY))));
    rr = next;
    squares.push(rr);
  }
  return { x, residuals: sqrt(stack(squares)) };
}

export interface NaturalStep {
  /** [n]: Δ. */
  readonly step: Tensor;
  /** A scalar: what the objective gains to first order, gᵀΔ. */
  readonly gain: Tensor;
  readonly residuals: Tensor;
}

/**
 * Δ = √(2δ / xᵀFx) x with x = F⁻¹g: of the steps with ½ΔᵀFΔ = δ the one that raises the objective most, to first order.
 * The lecture's KL = ΔᵀFΔ lacks the ½; without it the step would use half of its bound.
 * @param g [n]: the objective's gradient, which the step climbs.
 * @param delta the bound δ on KL(π_old ‖ π).
 */
export function naturalStep(
  product: Product,
  g: Tensor,
  { delta, iterations }: { readonly delta: number; readonly iterations: number },
): NaturalStep {
  const { x, residuals } = conjugateGradient(product, g, { iterations });
  const step = mul(x, sqrt(div(2 * delta, maximum(dot(x, product(x)), TINY))));
  return { step, gain: dot(g, step), residuals };
}

/** Δ = √ε g / ‖g‖: of the steps with ‖Δ‖² = ε the one that raises the objective most, to first order. */
export const normalisedStep = (g: Tensor, epsilon: number): Tensor =>
  mul(g, sqrt(div(epsilon, maximum(dot(g, g), TINY))));

const dot = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b));
