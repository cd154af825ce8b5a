// What the page and its worker say to each other besides what every page's do.

import type { CeilingForms } from '../../bench/ceilings.ts';
import type { Item } from '../../bench/item.ts';
import type { Sampled } from '../../bench/measure.ts';
import type { BenchResult } from '../../bench/run.ts';
import type { BenchAdapter } from '../../bench/suite.ts';
import type { TunedClass } from '../../bench/tune.ts';

/** An item of the bench, as far as the page must know it. */
export interface Choice extends Pick<Item, 'name' | 'family' | 'shape'> {
  /** Whether it may have other sizes. */
  readonly sizable: boolean;
}

/** A visitor's text in place of a file of kernels/, whose name is without `.wgsl`. */
export interface Edited {
  readonly file: string;
  readonly text: string;
}

export type Command =
  | {
      type: 'measure';
      item: string;
      /** In the order of the item's shape; null for its own. */
      sizes: readonly number[] | null;
      /** Whether the other built-in variants take their turns, too. */
      variants: boolean;
      rounds: number;
      /** Seconds after which a GPU that does not answer is given up. */
      patience: number;
      kernel: Edited | null;
      /** As an earlier run found them; null: they are looked for first. */
      ceilings: CeilingForms | null;
    }
  /** Measures which variants are fastest, and keeps that in the browser; null for all shapes that the tuner knows. */
  | { type: 'tune'; item: string | null; sizes: readonly number[] | null };

export interface CompileError {
  /** From 1; 0 where it is not in the visitor's text. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export type Report =
  /** Before the adapter's. */
  | { type: 'items'; items: readonly Choice[] }
  | { type: 'ceilings'; adapter: BenchAdapter }
  | { type: 'sampled'; done: number; rounds: number; sampled: readonly Sampled[] }
  | { type: 'measured'; results: readonly BenchResult[] }
  | { type: 'refused'; errors: readonly CompileError[] }
  | { type: 'tuning'; done: number; total: number; item: string }
  | { type: 'tuned'; classes: readonly TunedClass[] };
