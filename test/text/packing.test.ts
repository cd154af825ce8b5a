// Documents in rows: where each begins and ends, and that packing loses none and fills its rows.

import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { IGNORED_TARGET } from '../../src/text/loader.ts';
import { documentBounds, packDocuments } from '../../src/text/packing.ts';

const pairs = (bounds: Int32Array) =>
  Array.from({ length: bounds.length / 2 }, (_, i) => [bounds[2 * i], bounds[2 * i + 1]]);

describe('documentBounds', () => {
  it('begins a document at each row, and at each separator', () => {
    const tokens = Int32Array.of(5, 6, 0, 7, 0, 0, /* second row */ 0, 5, 6, 7, 8, 0);
    const { bounds, positions } = documentBounds(tokens, { context: 6, separator: 0 });
    const first = [
      [0, 2],
      [0, 2],
      [2, 4],
      [2, 4],
      [4, 5],
      [5, 6],
    ];
    const second = [
      [0, 5],
      [0, 5],
      [0, 5],
      [0, 5],
      [0, 5],
      [5, 6],
    ];
    expect(pairs(bounds)).toEqual([...first, ...second]);
    expect([...positions]).toEqual([0, 1, 0, 1, 0, 0, 0, 1, 2, 3, 4, 0]);
  });
});

describe('packDocuments', () => {
  const random = randomStream(3, 0);
  const documents = Array.from({ length: 120 }, (_, n) =>
    Int32Array.from({ length: 2 + random.integer(16) }, (_, i) => 100 * n + i),
  );
  const context = 16;
  const packed = packDocuments(documents, { context, padding: -1 });

  it('holds each document once: inputs all but its last token, targets all but its first', () => {
    const found = new Map<number, [inputs: number[], targets: number[]]>();
    for (let at = 0; at < packed.inputs.length; at++) {
      if (packed.inputs[at] === -1) {
        expect(packed.targets[at]).toBe(IGNORED_TARGET);
        continue;
      }
      const document = Math.floor(packed.inputs[at]! / 100);
      const [inputs, targets] = found.get(document) ?? [[], []];
      found.set(document, [
        [...inputs, packed.inputs[at]!],
        [...targets, packed.targets[at]!],
      ]);
    }
    expect(found.size).toBe(documents.length);
    for (const [n, [inputs, targets]] of found) {
      expect(inputs).toEqual([...documents[n]!.subarray(0, -1)]);
      expect(targets).toEqual([...documents[n]!.subarray(1)]);
    }
  });

  it('bounds each document, and lets padding see nothing; both bounds only rise', () => {
    const bounds = pairs(packed.bounds);
    for (let row = 0; row < packed.rows; row++) {
      for (let t = 0; t < context; t++) {
        const at = row * context + t;
        const [begin, end] = bounds[at]!;
        const isPadding = packed.inputs[at] === -1;
        expect([begin, end]).toEqual(isPadding ? [t, t] : [t - packed.positions[at]!, end]);
        if (isPadding) continue;
        expect(packed.positions[at]).toBe(packed.inputs[at]! % 100);
        const document = documents[Math.floor(packed.inputs[at]! / 100)]!;
        expect(end! - begin!).toBe(document.length - 1);
        if (t > 0) expect(begin).toBeGreaterThanOrEqual(bounds[at - 1]![0]!);
        if (t > 0) expect(end).toBeGreaterThanOrEqual(bounds[at - 1]![1]!);
      }
    }
  });

  it('wastes little: the rows are at most one in twenty more than the tokens need', () => {
    const needed = documents.reduce((sum, { length }) => sum + length - 1, 0) / context;
    expect(packed.rows).toBeLessThanOrEqual(Math.ceil(1.05 * needed));
  });

  it('takes a document that fills its row, and none', () => {
    const whole = Int32Array.from({ length: context + 1 }, (_, i) => i);
    expect([...packDocuments([whole], { context, padding: -1 }).targets]).toEqual([
      ...whole.slice(1),
    ]);
    expect(packDocuments([], { context, padding: 0 }).rows).toBe(0);
  });

  it.each([1, 18])('refuses a document of %i tokens', (length) => {
    const act = () => packDocuments([new Int32Array(length)], { context, padding: 0 });
    expect(act).toThrow(DataError);
    expect(act).toThrow(`document 0 has ${length} tokens; expected 2 to 17`);
  });
});
