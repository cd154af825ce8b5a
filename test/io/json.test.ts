import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { formatJson, parseJson, toPlain } from '../../src/io/json.ts';

const parse = (text: string) => parseJson(text, { what: 'test' });
const naturals = (text: string) => parseJson(text, { what: 'test', numbers: 'naturals' });

test('a value that is written and parsed is the same value, bit for bit', () => {
  const json = fc.jsonValue({ maxDepth: 5 }).map((value) => value as null);
  fc.assert(
    fc.property(json, (value) => {
      expect(toPlain(parse(formatJson(value, 'value')))).toEqual(value);
    }),
    { numRuns: 1000, seed: 1 },
  );
  for (const x of [-0, 0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 2 ** 53, -1e-7, 1e21]) {
    expect(Object.is(toPlain(parse(formatJson(x, 'x'))), x), String(x)).toBe(true);
  }
});

test('what JSON.parse reads, and only that but for duplicates and halves of pairs, is read alike', () => {
  const character = fc.constantFrom(...'{}[]",:\\0123456789.eE+-truefalsn \n\tudc80é\u0001');
  const mutation = fc.record({
    value: fc.jsonValue({ maxDepth: 3 }),
    at: fc.nat(60),
    remove: fc.nat(2),
    insert: fc.string({ unit: character, maxLength: 3 }),
  });
  fc.assert(
    fc.property(mutation, ({ value, at, remove, insert }) => {
      const whole = JSON.stringify(value);
      const text = whole.slice(0, at) + insert + whole.slice(at + remove);
      let ours: unknown;
      try {
        ours = toPlain(parse(text));
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        if (/duplicate key|surrogate|beyond float64/.test((error as Error).message)) return;
        expect(() => JSON.parse(text), text).toThrow();
        return;
      }
      expect(ours).toEqual(JSON.parse(text));
    }),
    { numRuns: 5000, seed: 2 },
  );
});

test.each([
  ['{"a":1,"a":2}', /duplicate key "a"/],
  ['{"\\u0061":1,"a":2}', /duplicate key "a"/],
  ['{"w":{"x":[1,]}}', /expected a value in "w"\."x"\.\[1\]/],
  ['1e999', /beyond float64/],
  ['01', /after the end/],
  ['"\\ud800"', /surrogate/],
  ['"\\x"', /escape/],
  ['"a', /ends within a string/],
  ['\ufeff{}', /expected a value/],
  ['', /ends early/],
  ['['.repeat(100_000), /nested deeper than 64/],
])('%.30s is refused', (text, reason) => {
  expect(() => parse(text)).toThrow(reason);
});

test('lengths are plain natural numbers', () => {
  expect(naturals('[0,9007199254740991]')).toEqual([0, 9007199254740991]);
  for (const text of ['-0', '-1', '1e3', '16.0', '1.5', '9007199254740992', '9'.repeat(1000)]) {
    expect(() => naturals(text), text).toThrow(DataError);
  }
});

test('__proto__ is a key like any other', () => {
  const parsed = toPlain(parse('{"__proto__":{"polluted":true}}')) as object;
  expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
  expect(Object.keys(parsed)).toEqual(['__proto__']);
  expect('polluted' in {}).toBe(false);
});

test('what JSON cannot hold is refused with its path, instead of becoming null', () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const refused: [unknown, RegExp][] = [
    [{ best: { loss: Number.NaN } }, /state\.best\.loss is NaN/],
    [{ list: [1, Number.POSITIVE_INFINITY] }, /state\.list\[1\] is Infinity/],
    [{ list: [undefined] }, /state\.list\[0\] is of type undefined/],
    [{ x: new Float32Array(2) }, /state\.x is a Float32Array .*tensors/],
    [{ x: new Map() }, /state\.x is a Map/],
    [{ x: 1n }, /state\.x is of type bigint/],
    [{ x: '\ud800' }, /state\.x holds half of a surrogate pair/],
    [cycle, /nested deeper than 64/],
  ];
  for (const [value, reason] of refused) expect(() => formatJson(value, 'state')).toThrow(reason);
});
