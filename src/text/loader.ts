// Windows of tokens for language modelling: inputs [B, T], and as targets [B, T] the tokens one position later.

import { randomStream } from '../tensor/philox.ts';
import { requireContext, requireCount } from './corpus.ts';

export interface Windows {
  /** [B, T], row-major. */
  readonly inputs: Int32Array;
  /** [B, T], row-major. */
  readonly targets: Int32Array;
}

export interface BatchOptions {
  /** Windows, B. */
  readonly batch: number;
  /** Positions per window, T. */
  readonly context: number;
  readonly seed: number | bigint;
  /** The training step; the same (seed, step) gives the same batch, so that a resumed run sees the same data. */
  readonly step: number;
}

const STREAM = 0x62617463; // 'batc': the draws of a seed that belong to batches

/** Crops at random positions, each start equally likely, drawn with replacement (as nanoGPT). */
export function batch(tokens: Int32Array, { batch, context, seed, step }: BatchOptions): Windows {
  requireContext(tokens.length, context, 'the text');
  requireCount(batch, 'batch');
  return crops(new Array<Int32Array>(batch).fill(tokens), { context, seed, step });
}

/** A crop of each of `rows` at a random position, each start equally likely. They all hold a context. */
export function crops(
  rows: readonly Int32Array[],
  { context, seed, step }: Omit<BatchOptions, 'batch'>,
): Windows {
  const random = randomStream(seed, STREAM, { step });
  const starts = rows.map((tokens) => random.integer(tokens.length - context));
  return windowsOf(rows, starts, context);
}

/** The target that cross-entropy leaves out: its default `ignoreIndex`. */
export const IGNORED_TARGET = -100;

export interface EvaluationWindows extends Windows {
  /** Where in `tokens` each window begins, [B]. */
  readonly starts: readonly number[];
}

/**
 * The windows to evaluate on, always the same. They lie side by side and cover every target exactly once: the last
 * one ends with the tokens, and what it shares with the one before is ignored (target -100). With more than
 * `maximum` windows (default: no bound), that many are spread evenly from the first to the last.
 */
export function evaluationWindows(
  tokens: Int32Array,
  { context, maximum = Number.MAX_SAFE_INTEGER }: { context: number; maximum?: number },
): EvaluationWindows {
  requireContext(tokens.length, context, 'the text');
  requireCount(maximum, 'maximum');
  const last = tokens.length - 1 - context;
  const needed = Math.ceil((tokens.length - 1) / context);
  if (maximum < needed) {
    const spacing = maximum > 1 ? last / (maximum - 1) : 0;
    const starts = Array.from({ length: maximum }, (_, i) => Math.floor(i * spacing));
    return { ...windowsAt(tokens, starts, context), starts };
  }
  const starts = Array.from({ length: needed }, (_, i) => Math.min(i * context, last));
  const windows = windowsAt(tokens, starts, context);
  const shared = needed * context - (tokens.length - 1);
  windows.targets.fill(IGNORED_TARGET, (needed - 1) * context, (needed - 1) * context + shared);
  return { ...windows, starts };
}

function windowsAt(tokens: Int32Array, starts: readonly number[], context: number): Windows {
  return windowsOf(new Array<Int32Array>(starts.length).fill(tokens), starts, context);
}

/** The window of each row's tokens that begins at its start. */
function windowsOf(
  rows: readonly Int32Array[],
  starts: readonly number[],
  context: number,
): Windows {
  const inputs = new Int32Array(starts.length * context);
  const targets = new Int32Array(starts.length * context);
  starts.forEach((start, row) => {
    const tokens = rows[row]!;
    inputs.set(tokens.subarray(start, start + context), row * context);
    targets.set(tokens.subarray(start + 1, start + 1 + context), row * context);
  });
  return { inputs, targets };
}
