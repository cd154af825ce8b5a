// What the bench measures: one call of one op at one shape, with inputs that follow from its name, the work that it
// stands for, and a float64 reference that says whether what was timed is right. The peers run the same items.

import type { Device } from '../src/ops/device.ts';
import type { Tensor } from '../src/tensor/tensor.ts';

/** An input: row-major values. The peers upload the same ones. */
export interface HostArray {
  readonly shape: readonly number[];
  readonly dtype: 'f32' | 'i32';
  readonly data: Float32Array | Int32Array;
}

export type HostArrays = Readonly<Record<string, HostArray>>;
export type Tensors = Readonly<Record<string, Tensor>>;

/** What was read back: values in row-major order. */
export type Results = Readonly<Record<string, ArrayLike<number>>>;

/** An item on a device, ready to be called any number of times. */
export interface Work {
  /** One call: records its dispatches, and frees what it makes but for its results, by name; reads nothing back. */
  run(): Tensors;
  /** Results that `run` does not give as tensors; they are read after the last call. */
  read?(): Promise<Results>;
  /** Frees what was made besides the inputs. */
  dispose?(): void;
}

export interface Verdict {
  readonly correct: boolean;
  /** How many values were compared. */
  readonly compared: number;
  /** The one that uses most of its tolerance; for single ops. */
  readonly worst?: Worst;
  /** The first thing that is wrong. */
  readonly problem?: string;
}

/** A value of an output, what float64 says, and the difference that is allowed. */
export interface Worst {
  readonly output: string;
  readonly at: number;
  readonly got: number;
  readonly want: number;
  readonly allowed: number;
}

/** Refuses the shape of an array that the device cannot hold, by throwing. */
export type Fits = (shape: readonly number[]) => void;

export type Direction = 'forward' | 'forward+backward' | 'step';

export interface Item {
  /** Unique, and what the table shows: 'matmul NT 1024x1024x1024'. */
  readonly name: string;
  readonly family: string;
  /** The public function. */
  readonly op: string;
  /** Sizes by the letters of the op's documentation. */
  readonly shape: Readonly<Record<string, number>>;
  /** Of the operands, or of a weight. */
  readonly dtype: 'f32' | 'f16' | 'bf16' | 'int8';
  readonly direction: Direction;
  /** The public function's options. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Floating-point operations of one call, by the formula that the op's file in bench/items gives. */
  readonly flops: number;
  /** Bytes that one call must move if each array that it reads or writes passes memory once. */
  readonly bytes: number;
  /** Tokens that one call reads or makes; for models. */
  readonly tokens?: number;
  /** Timed on the wall even where there are timestamps: what the host does meanwhile counts. */
  readonly clock?: 'wall';
  /** Small enough for `--quick`. */
  readonly quick: boolean;
  /** What the adapter must have; software adapters would take minutes for items that want hardware. */
  readonly requires?: 'hardware' | 'shader-f16';
  /** The same at other sizes, in the order of `shape`; absent where only some go together. */
  readonly sized?: (...sizes: number[]) => Item;
  /** The same values at each call of the function. @param fits asked before a large array is made */
  inputs(fits?: Fits): HostArrays;
  /** Uploads were made; makes what calls share. A gradient's name is that of its input after a 'd'. */
  start(device: Device, tensors: Tensors): Work;
  /** Compares the results of the last of `calls` calls with float64, on a sample where all would take too long. */
  check(inputs: HostArrays, results: Results, calls: number): Verdict;
}
