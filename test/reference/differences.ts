// Central differences of a reference's forward, in float64: d/dε Σ dout * forward(x + ε direction).

import type { Ref } from './array.ts';
import type { OpCase, Outputs } from './case.ts';
import { randomFor } from './random.ts';

const STEP = 1e-6;

/** Σ out * dout over the outputs that carry a gradient, with one input replaced. */
function loss(each: OpCase, name: string, data: Float64Array): number {
  const inputs = { ...each.inputs, [name]: { ...each.inputs[name]!, data } };
  return inner(each.reference.forward(inputs, each.attrs), each.dout!);
}

/** Σ a * b over the arrays of b */
function inner(a: Outputs, b: Outputs): number {
  let total = 0;
  for (const [name, { data }] of Object.entries(b)) {
    for (let i = 0; i < data.length; i++) total += a[name]!.data[i]! * data[i]!;
  }
  return total;
}

/** The slope along `direction` of one input. */
function slopeAlong(each: OpCase, name: string, direction: Float64Array): number {
  const x = each.inputs[name]!.data;
  const moved = (step: number) => x.map((v, i) => v + step * direction[i]!);
  return (loss(each, name, moved(STEP)) - loss(each, name, moved(-STEP))) / (2 * STEP);
}

function unit(length: number, at: number): Float64Array {
  return new Float64Array(length).fill(1, at, at + 1);
}

const ALL_ELEMENTS_UP_TO = 64;
const DIRECTIONS = 4;

/** Every element of a small array; otherwise random directions, with elements in [-1, 1). */
function directionsFor(each: OpCase, name: string): Float64Array[] {
  const { length } = each.inputs[name]!.data;
  if (length <= ALL_ELEMENTS_UP_TO) return Array.from({ length }, (_, i) => unit(length, i));
  const random = randomFor(`differences of ${each.op} ${each.name} by ${name}`);
  return Array.from({ length: DIRECTIONS }, () => random.uniform([length], -1, 1).data);
}

/** The slopes of one input by differences and by its gradient, along the same directions. */
export function slopes(each: OpCase, name: string, gradient: Ref) {
  const directions = directionsFor(each, name);
  return {
    differences: Float64Array.from(directions, (direction) => slopeAlong(each, name, direction)),
    gradient: Float64Array.from(directions, (direction) =>
      direction.reduce((total, d, i) => total + d * gradient.data[i]!, 0),
    ),
  };
}
