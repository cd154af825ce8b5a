// PyTorch's values in test/golden/*.json as cases, so that one runner serves both.
// They were computed in float64 from float32 inputs and are printed with 9 significant digits: enough to give the
// inputs back exactly, and outputs to a relative 5e-9. The optimisers' trajectories are no ops and are not among them.

import { readdirSync, readFileSync } from 'node:fs';
import { type Input, type Ref, scalar } from './array.ts';
import { type Attrs, completeCase, type OpCase, type Outputs } from './case.ts';
import type { Tolerance } from './close.ts';
import { references } from './index.ts';

interface GoldenTensor {
  shape: number[];
  dtype: 'f32' | 'i32';
  data: number[];
}

interface GoldenCase {
  op: string;
  name: string;
  attrs: Attrs;
  inputs: Record<string, GoldenTensor>;
  dout?: GoldenTensor;
  outputs: Record<string, GoldenTensor>;
  grads: Record<string, GoldenTensor>;
}

const folder = new URL('../golden/', import.meta.url);
const OPTIMISERS = ['adamw', 'sgd'];

function mapValues<A, B>(
  record: Readonly<Record<string, A>>,
  f: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]));
}

const asInput = ({ shape, dtype, data }: GoldenTensor): Input => ({
  shape,
  dtype,
  data: dtype === 'f32' ? Float64Array.from(data, Math.fround) : Float64Array.from(data),
});

const asRef = ({ shape, data }: GoldenTensor): Ref => ({ shape, data: Float64Array.from(data) });

/** Where a file has no `dout`, the gradients are those of the loss itself. */
function upstream({ dout, outputs }: GoldenCase): Outputs {
  if (dout) return { out: asInput(dout) };
  return outputs.loss ? { loss: scalar(1) } : { out: scalar(1) };
}

function toCase(golden: GoldenCase): OpCase {
  const tanhGelu = golden.op === 'geluTanh';
  const op = tanhGelu ? 'gelu' : golden.op;
  const attrs = tanhGelu ? { approximate: 'tanh' } : golden.attrs;
  const reference = references.get(op);
  if (!reference) throw new Error(`golden: no reference for ${op}`);
  const made = completeCase(
    reference,
    `PyTorch: ${golden.name}`,
    mapValues(golden.inputs, asInput),
    attrs,
    mapValues(golden.outputs, asRef),
    upstream(golden),
  );
  return {
    ...made,
    tolerance: printed(made.tolerance),
    gradTolerances: mapValues(made.gradTolerances, printed),
    ...(reference.backward && { grads: mapValues(golden.grads, asRef) }),
  };
}

/** A copy is exact, but its printed value is not. */
function printed({ rtol, atol }: Tolerance): Tolerance {
  return { rtol: Math.max(rtol, 6e-9), atol };
}

/** One case per op in the golden files, with PyTorch's outputs and gradients. */
export function goldenCases(): OpCase[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files
    .flatMap((name) => {
      const file: { cases: GoldenCase[] } = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
      return file.cases;
    })
    .filter(({ op }) => !OPTIMISERS.includes(op))
    .map(toCase);
}
