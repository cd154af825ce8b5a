// JSON Lines: what is read, and that what is wrong is told with its line.

import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { jsonLines } from '../../src/text/jsonl.ts';

const read = (text: string) => [...jsonLines(text, 'data.jsonl')];

describe('jsonLines', () => {
  it('gives the objects with their line numbers, and passes over empty lines', () => {
    const found = read('{"a":1}\r\n\n  \n{"b":[2]}\n');
    expect(found).toEqual([
      { line: 1, value: new Map([['a', 1]]) },
      { line: 4, value: new Map([['b', [2]]]) },
    ]);
    expect(read('{"a":1}')).toHaveLength(1); // no line break at the end
  });

  it.each([
    ['a broken line', '{"a":1}\n{"a":\n', 'data.jsonl:2: the text ends early in "a"'],
    ['two objects on a line', '{"a":1} {"b":2}', 'data.jsonl:1: text after the end of the value'],
    ['a trailing comma', '{"a":1}\n\n{"a":1,}', 'data.jsonl:3: expected a key in quotes'],
    ['a list', '[1]', 'data.jsonl:1: expected an object'],
    ['a key twice', '{"a":1,"a":2}', 'data.jsonl:1: duplicate key "a"'],
    ['nothing', '\n \n', 'data.jsonl: no lines; expected one JSON object a line'],
    ['an empty text', '', 'data.jsonl: no lines'],
    ['deep nesting', `{"a":${'['.repeat(40)}`, 'data.jsonl:1: nested deeper than 16'],
    ['a very long line', `\n"${'x'.repeat(2 ** 20)}"`, 'data.jsonl:2: 1048578 characters exceed'],
  ])('refuses %s', (_, text, message) => {
    expect(() => read(text)).toThrow(DataError);
    expect(() => read(text)).toThrow(message);
  });
});
