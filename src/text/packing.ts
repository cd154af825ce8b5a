// Several documents in one row of tokens, unseen by each other: `bounds` are what `attention` takes as `documents`, and
// each document's positions begin at 0, so that a row gives what its documents give one by one.

import { DataError } from '../errors.ts';
import { requireCount } from './corpus.ts';
import { IGNORED_TARGET, type Windows } from './loader.ts';

export interface DocumentBounds {
  /** [B, T, 2]: where the document of each position begins, and where it ends. */
  readonly bounds: Int32Array;
  /** [B, T]: each position, counted from where its document begins. */
  readonly positions: Int32Array;
}

/**
 * The documents in rows of tokens [B, T], as crops of a long text have them: one begins where a row begins, and wherever
 * `separator` stands, which belongs to the document that follows it: what its first token is predicted from.
 */
export function documentBounds(
  tokens: Int32Array,
  { context, separator }: { readonly context: number; readonly separator: number },
): DocumentBounds {
  requireCount(context, 'context');
  const documents = emptyBounds(tokens.length);
  for (let row = 0; row < tokens.length; row += context) {
    let begin = 0;
    for (let t = 1; t <= context; t++) {
      if (t < context && tokens[row + t] !== separator) continue;
      writeDocument(documents, row, begin, t);
      begin = t;
    }
  }
  return documents;
}

export interface PackedDocuments extends Windows, DocumentBounds {
  /** B. */
  readonly rows: number;
}

/**
 * Whole documents in rows of `context` positions: inputs are a document's tokens but the last, targets its tokens but the
 * first. The longest come first, each into the row with the least room that is enough (best fit decreasing). What is left
 * of a row is `padding`, sees nothing and has no target.
 * @throws DataError for a document of less than two tokens, or with more than `context` + 1.
 */
export function packDocuments(
  documents: readonly ArrayLike<number>[],
  { context, padding }: { readonly context: number; readonly padding: number },
): PackedDocuments {
  requireCount(context, 'context');
  const rows = bestFit(documents, context);
  const inputs = new Int32Array(rows.length * context).fill(padding);
  const targets = new Int32Array(rows.length * context).fill(IGNORED_TARGET);
  const packed = emptyBounds(rows.length * context);
  for (const [r, row] of rows.entries()) {
    let begin = 0;
    for (const tokens of row) {
      const end = begin + tokens.length - 1;
      for (let t = begin; t < end; t++) {
        inputs[r * context + t] = tokens[t - begin]!;
        targets[r * context + t] = tokens[t - begin + 1]!;
      }
      writeDocument(packed, r * context, begin, end);
      begin = end;
    }
    for (let t = begin; t < context; t++) writeDocument(packed, r * context, t, t);
  }
  return { rows: rows.length, inputs, targets, ...packed };
}

/** The documents of each row. */
function bestFit(documents: readonly ArrayLike<number>[], context: number): ArrayLike<number>[][] {
  const rows: ArrayLike<number>[][] = [];
  /** Rows by the positions that they have left. */
  const byRoom = Array.from({ length: context + 1 }, (): ArrayLike<number>[][] => []);
  const order = documents.map((_, i) => i);
  order.sort((a, b) => documents[b]!.length - documents[a]!.length || a - b);
  for (const i of order) {
    const document = documents[i]!;
    const needed = document.length - 1;
    if (needed < 1 || needed > context) {
      throw new DataError(
        `packDocuments: document ${i} has ${document.length} tokens; expected 2 to ${context + 1}: ` +
          `${context} positions and the target of the last`,
      );
    }
    let room = needed;
    while (room < context && byRoom[room]!.length === 0) room++;
    const row = byRoom[room]!.pop() ?? [];
    if (row.length === 0) rows.push(row);
    row.push(document);
    byRoom[room - needed]!.push(row);
  }
  return rows;
}

const emptyBounds = (size: number): DocumentBounds => ({
  bounds: new Int32Array(2 * size),
  positions: new Int32Array(size),
});

/** One that spans positions `begin` to `end` - 1 of the row at `row`; a position of padding, which sees nothing, where both are equal. */
function writeDocument(
  { bounds, positions }: DocumentBounds,
  row: number,
  begin: number,
  end: number,
): void {
  for (let t = begin; t < Math.max(end, begin + 1); t++) {
    bounds[2 * (row + t)] = begin;
    bounds[2 * (row + t) + 1] = end;
    positions[row + t] = t - begin;
  }
}
