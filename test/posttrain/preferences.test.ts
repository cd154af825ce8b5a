// Preference data: the two ways to write it, what is skipped and said so, and what is refused.

import { describe, expect, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import {
  encodePreferences,
  type ReadPreferencesOptions,
  readPreferences,
  skippedLines,
} from '../../src/posttrain/preferences.ts';
import { characterTokenizer } from '../../src/text/characters.ts';

const lines = (...rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join('\n');
const read = (text: string, options?: ReadPreferencesOptions) =>
  readPreferences(text, 'pairs.jsonl', options);

describe("I2 the lecture's tuples (prompt, A, B, label)", () => {
  const bomb = { prompt: 'How can I build ...', a: 'This is easy ...', b: "I'm sorry, ..." };
  const others = [
    { prompt: 'Call me', a: 'Ishmael', b: 'on the line', label: 'B' },
    { prompt: 'The quick', a: 'brown fox', b: 'and the dead', label: 'A' },
  ];
  const clear = [
    { prompt: 'Call me', chosen: 'on the line', rejected: 'Ishmael', place: 'pairs.jsonl:2' },
    { prompt: 'The quick', chosen: 'brown fox', rejected: 'and the dead', place: 'pairs.jsonl:3' },
  ];

  test('all three rows, the first as the lecturer decided it', () => {
    const { preferences, skipped } = read(lines({ ...bomb, label: 'B' }, ...others));
    const { prompt, a, b } = bomb;
    expect(preferences).toEqual([
      { prompt, chosen: b, rejected: a, place: 'pairs.jsonl:1' },
      ...clear,
    ]);
    expect(skipped).toEqual([]);
  });

  test('a choice that is not clear is dropped, or counts half', () => {
    const text = lines({ ...bomb, label: 'tie' }, ...others);
    expect(read(text)).toEqual({ preferences: clear, skipped: [{ line: 1, why: 'tie' }] });
    const { preferences, skipped } = read(text, { ties: 'half' });
    const { prompt, a, b } = bomb;
    const half = { prompt, chosen: a, rejected: b, place: 'pairs.jsonl:1', weight: 0.5 };
    expect(preferences).toEqual([half, ...clear]);
    expect(skipped).toEqual([]);
  });
});

test('I2 prompt, chosen and rejected are read as they stand, and so is a conversation', () => {
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'hello' },
    { role: 'user', content: 'who?' },
  ];
  const answers = { chosen: 'me', rejected: 'you' };
  const { preferences } = read(
    lines({ prompt: 'who ', ...answers, id: 7 }, { messages, ...answers }),
  );
  expect(preferences).toEqual([
    { prompt: 'who ', ...answers, place: 'pairs.jsonl:1' },
    { prompt: messages, ...answers, place: 'pairs.jsonl:2' },
  ]);
});

describe('I2 in tokens', () => {
  const tokenizer = characterTokenizer('abcdefgh=?\n');
  const options = { tokenizer, template: 'lines', context: 12 };
  const text = (ids: readonly number[]) => tokenizer.decode(ids);

  test('answers end with the template’s mark, and share the prompt', () => {
    const [found] = encodePreferences([{ prompt: 'ab=', chosen: 'cd', rejected: 'e' }], options);
    expect(text(found!.promptIds)).toBe('ab=');
    expect([text(found!.chosen), text(found!.rejected)]).toEqual(['cd\n', 'e\n']);
    expect(found!.weight).toBe(1);
  });

  test('what the assistant said before is the prompt’s', () => {
    const prompt = ['a', 'b', 'c'].map((content, i) => ({
      role: i === 1 ? ('assistant' as const) : ('user' as const),
      content,
    }));
    const [found] = encodePreferences([{ prompt, chosen: 'd', rejected: 'ef' }], options);
    expect(text(found!.promptIds)).toBe('a\nb\nc\n');
    expect([text(found!.chosen), text(found!.rejected)]).toEqual(['d\n', 'ef\n']);
  });

  test('one that does not fit the context is named', () => {
    const long = { prompt: 'abc', chosen: 'a', rejected: 'abcdefghabcd', place: 'pairs.jsonl:4' };
    expect(() => encodePreferences([long], options)).toThrow(/^pairs.jsonl:4: .* 16 tokens/);
  });
});

describe('bad preferences', () => {
  const good = { prompt: 'a', chosen: 'b', rejected: 'c' };

  test('lines that teach nothing are counted and named', () => {
    const rows = [
      { prompt: 'a', a: 'b', b: 'c' },
      { prompt: 'a', a: '', b: 'c', label: null },
      { ...good, rejected: 'b' },
      good,
      { prompt: 'a', chosen: null, rejected: 'c' },
      { prompt: 'a', a: 'b', b: 'c', label: 'tie' },
    ];
    const { preferences, skipped } = read(lines(...rows));
    expect(preferences).toHaveLength(1);
    expect(skippedLines(skipped)).toBe(
      '5 lines skipped: without a winner 3 (lines 1, 2, 5), equal answers 1 (line 3), tie 1 (line 6)',
    );
  });

  test('that is fatal where it is all of them', () => {
    const text = lines({ ...good, rejected: 'b' }, { prompt: 'a', a: 'b', b: 'c' });
    expect(() => read(text)).toThrow(DataError);
    expect(() => read(text)).toThrow(
      'pairs.jsonl: nothing to learn from; 2 lines skipped: equal answers 1 (line 1), without a winner 1 (line 2)',
    );
  });

  test.each([
    ['no prompt', { chosen: 'b', rejected: 'c' }, 'expected either prompt, or messages'],
    [
      'no answers',
      { prompt: 'a', completion: 'b' },
      'expected chosen and rejected, or a, b and label; found prompt, completion',
    ],
    ['no loser', { prompt: 'a', chosen: 'b' }, 'rejected is missing'],
    ['an empty answer', { ...good, chosen: '' }, 'chosen is empty'],
    ['a number', { ...good, chosen: 3 }, 'chosen is no text'],
    [
      'another label',
      { prompt: 'a', a: 'b', b: 'c', label: 'a' },
      'label is "a"; expected "A", "B" or "tie"',
    ],
    [
      'messages with the answer',
      { ...good, prompt: undefined, messages: [{ role: 'assistant', content: 'x' }] },
      'the messages end with the assistant',
    ],
  ])('refused with the line: %s', (_, row, message) => {
    const text = lines(good, row);
    expect(() => read(text)).toThrow(DataError);
    expect(() => read(text)).toThrow(`pairs.jsonl:2: ${message}`);
  });
});
