// What a reference is, what a case is, and how the first makes the second.

import { type Input, map, maxAbs, type Ref } from './array.ts';
import type { Tolerance } from './close.ts';
import { type Random, randomFor } from './random.ts';

export type Inputs = Readonly<Record<string, Ref | undefined>>;
export type Outputs = Readonly<Record<string, Ref>>;
export type Attrs = Readonly<Record<string, unknown>>;

/** For the outputs; for the gradients one for all, or one for each input. */
export interface Tolerances<I> {
  forward: Tolerance;
  backward: Tolerance | Partial<Record<keyof I, Tolerance>>;
}

/** The mathematics of one op in float64: I inputs, A options (public names), O outputs. */
export interface OpReference<
  I extends Inputs = Inputs,
  A extends Attrs = Attrs,
  O extends Outputs = Outputs,
> {
  /** The public name. */
  op: string;
  forward(inputs: I, attrs: A): O;
  /** The gradients of Σ out * dout, for the inputs that have one. Absent: the op is not differentiable. */
  backward?(inputs: I, attrs: A, dout: O): Partial<Record<keyof I, Ref>>;
  /** The outputs that carry gradients; by default all. */
  differentiable?: readonly (keyof O & string)[];
  /** The arguments of the public function; by default the inputs in order, then the options if there are any. */
  args?(inputs: Readonly<Record<string, unknown>>, attrs: A): unknown[];
  /** For outputs and for gradients; `dout` is the largest |upstream gradient|. */
  tolerance(inputs: I, attrs: A, dout: number): Tolerances<I>;
}

/** An op's result: a tensor, or a record of tensors under the names of `outputs`. */
export type Result<T> = T | Readonly<Record<string, T>>;

/** The public module as the cases see it; the runner casts its namespace import to this. */
export type Api<T> = Readonly<Record<string, (...args: unknown[]) => Result<T>>>;

/** One call of one op with everything that it should give. A single output is called `out`. */
export interface OpCase {
  readonly op: string;
  /** What is special about this case; unique within the op. */
  readonly name: string;
  /** In the order of the public function's arguments. */
  readonly inputs: Readonly<Record<string, Input>>;
  readonly attrs: Attrs;
  readonly outputs: Outputs;
  /** A random upstream gradient per output that carries one. Absent: not differentiable. */
  readonly dout?: Outputs;
  /** The gradients of Σ out * dout. */
  readonly grads?: Outputs;
  readonly tolerance: Tolerance;
  /** One for each of `grads`. */
  readonly gradTolerances: Readonly<Record<string, Tolerance>>;
  readonly reference: OpReference;
  /** Inputs whose gradient is 0 by right (all is masked, say): there a zero is no sign of an empty test. */
  readonly zeroGrad: readonly string[];
  /** Central differences can check the gradient: no kinks, and values that a step of 1e-6 changes. */
  readonly differences: boolean;
  /** The op of `api`, called with tensors in place of the inputs. */
  call<T>(api: Api<T>, tensors: Readonly<Record<string, T>>): Result<T>;
}

/** A call that has to throw `error`. `tensor` makes a tensor of the shape, of zeros, f32 unless told. */
export interface ErrorCase {
  readonly op: string;
  readonly name: string;
  readonly error: 'ShapeError' | 'DTypeError';
  readonly message: RegExp;
  call<T>(api: Api<T>, tensor: (shape: readonly number[], dtype?: Input['dtype']) => T): unknown;
}

/** Calls a public function by name, saying which one is missing. */
export function invoke<T>(api: Api<T>, op: string, args: unknown[]): Result<T> {
  const f = api[op];
  if (typeof f !== 'function') throw new Error(`the public API has no function ${op}`);
  return f(...args);
}

export function argumentsOf(
  reference: OpReference,
  inputs: Readonly<Record<string, unknown>>,
  attrs: Attrs,
): unknown[] {
  if (reference.args) return reference.args(inputs, attrs);
  return Object.keys(attrs).length === 0
    ? Object.values(inputs)
    : [...Object.values(inputs), attrs];
}

/** An error case for `op`: `args` makes the arguments of the failing call. */
export function errorCase(
  op: string,
  name: string,
  error: ErrorCase['error'],
  message: RegExp,
  args: (tensor: (shape: readonly number[], dtype?: Input['dtype']) => unknown) => unknown[],
): ErrorCase {
  return { op, name, error, message, call: (api, tensor) => invoke(api, op, args(tensor)) };
}

export interface CaseOptions {
  zeroGrad?: readonly string[];
  differences?: boolean;
}

type InputsOf<I> = { [K in keyof I]: Input | Extract<I[K], undefined> };

/** Uniform in [-1, 1), never constant; a single element is neither 1 nor lost beside the tolerance. */
function upstream(random: Random, { shape }: Ref): Ref {
  const dout = random.uniform(shape, -1, 1);
  if (dout.data.length !== 1) return dout;
  return map(dout, (v) => Math.fround((v < 0 ? -0.5 : 0.5) + 0.4 * v));
}

/** Computes a case from its reference, with inputs and upstream gradients that depend on op and name only. */
export function opCase<I extends Inputs, A extends Attrs, O extends Outputs>(
  reference: OpReference<I, A, O>,
  name: string,
  makeInputs: (random: Random) => InputsOf<I>,
  attrs: A,
  options: CaseOptions = {},
): OpCase {
  const random = randomFor(`${reference.op} ${name}`);
  const made: Readonly<Record<string, Input | undefined>> = makeInputs(random);
  const inputs = Object.fromEntries(
    Object.entries(made).filter((entry): entry is [string, Input] => entry[1] !== undefined),
  );
  const general: OpReference = reference;
  const outputs = general.forward(inputs, attrs);
  const names = reference.differentiable ?? Object.keys(outputs);
  const dout = Object.fromEntries(
    names.map((output) => [output, upstream(random, outputs[output]!)]),
  );
  return completeCase(general, name, inputs, attrs, outputs, dout, options);
}

/** A case from given values: adds gradients, tolerances and the call. */
export function completeCase(
  reference: OpReference,
  name: string,
  inputs: Readonly<Record<string, Input>>,
  attrs: Attrs,
  outputs: Outputs,
  dout: Outputs,
  { zeroGrad = [], differences = true }: CaseOptions = {},
): OpCase {
  const upstreamSize = maxAbs(...Object.values(dout));
  const { forward, backward } = reference.tolerance(inputs, attrs, upstreamSize);
  const grads = reference.backward?.(inputs, attrs, dout) as Outputs | undefined;
  return {
    op: reference.op,
    name,
    inputs,
    attrs,
    outputs,
    ...(grads && { dout, grads }),
    tolerance: forward,
    gradTolerances: Object.fromEntries(
      Object.keys(grads ?? {}).map((input) => [input, toleranceFor(backward, input)]),
    ),
    reference,
    zeroGrad,
    differences,
    call: (api, tensors) => invoke(api, reference.op, argumentsOf(reference, tensors, attrs)),
  };
}

function toleranceFor(backward: Tolerances<Inputs>['backward'], input: string): Tolerance {
  if (isTolerance(backward)) return backward;
  const own = backward[input];
  if (!own) throw new Error(`no tolerance for the gradient of ${input}`);
  return own;
}

const isTolerance = (value: object): value is Tolerance => 'rtol' in value;
