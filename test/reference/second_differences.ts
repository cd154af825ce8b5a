// Second derivatives by central differences, in float64. With h(x, dout) = Σ p * backward(x, dout), a random projection
// of the gradients, the slopes of h by x and by dout are what differentiating twice has to give.

import type { Ref } from './array.ts';
import type { Inputs, OpCase, Outputs } from './case.ts';
import { randomFor } from './random.ts';

const STEP = 1e-6;

/** Inputs with a gradient, and upstream gradients: what h is differentiated by. */
export interface Point {
  readonly inputs: Outputs;
  readonly dout: Outputs;
}

/** Random weights for the gradients of a case, in [-1, 1). */
export function projection({ op, name, grads }: OpCase): Outputs {
  const random = randomFor(`second derivatives of ${op} ${name}`);
  return Object.fromEntries(
    Object.entries(grads!).map(([input, { shape }]) => [input, random.uniform(shape, -1, 1)]),
  );
}

function projected(each: OpCase, point: Point, weights: Outputs): number {
  const inputs: Inputs = { ...each.inputs, ...point.inputs };
  const grads = each.reference.backward!(inputs, each.attrs, point.dout) as Outputs;
  return inner(grads, weights);
}

/** Σ a * b over the arrays of b */
function inner(a: Outputs, b: Outputs): number {
  let total = 0;
  for (const [name, { data }] of Object.entries(b)) {
    for (let i = 0; i < data.length; i++) total += a[name]!.data[i]! * data[i]!;
  }
  return total;
}

const ALL_ELEMENTS_UP_TO = 16;
const DIRECTIONS = 3;

/** Every element of a small array; otherwise random directions, with elements in [-1, 1). */
function directionsFor(label: string, { shape, data: { length } }: Ref): Ref[] {
  if (length <= ALL_ELEMENTS_UP_TO) {
    return Array.from({ length }, (_, i) => ({
      shape,
      data: new Float64Array(length).fill(1, i, i + 1),
    }));
  }
  const random = randomFor(label);
  return Array.from({ length: DIRECTIONS }, () => random.uniform(shape, -1, 1));
}

const moved = ({ shape, data }: Ref, direction: Ref, step: number): Ref => ({
  shape,
  data: data.map((value, i) => value + step * direction.data[i]!),
});

/** The slopes of h by one array of the point, by differences and by `second`, along the same directions. */
export function secondSlopes(
  each: OpCase,
  weights: Outputs,
  at: keyof Point,
  name: string,
  second: ArrayLike<number>,
) {
  const point: Point = {
    inputs: Object.fromEntries(Object.keys(each.grads!).map((key) => [key, each.inputs[key]!])),
    dout: each.dout!,
  };
  const x = point[at][name]!;
  const h = (direction: Ref, step: number) =>
    projected(
      each,
      { ...point, [at]: { ...point[at], [name]: moved(x, direction, step) } },
      weights,
    );
  const directions = directionsFor(`second derivative of ${each.op} ${each.name} by ${name}`, x);
  return {
    differences: Float64Array.from(
      directions,
      (direction) => (h(direction, STEP) - h(direction, -STEP)) / (2 * STEP),
    ),
    second: Float64Array.from(directions, ({ data }) =>
      data.reduce((total, d, i) => total + d * second[i]!, 0),
    ),
  };
}
