// Supervised data: what counts, what is refused and with which line, and which examples a step takes.

import { describe, expect, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import {
  countedIn,
  type Example,
  exampleBatches,
  holdOut,
  longest,
  padded,
  readExamples,
} from '../../src/llm/supervised.ts';
import { crossEntropy } from '../../src/ops/cross_entropy.ts';
import { backward } from '../../src/tensor/tape.ts';
import { trainBpe } from '../../src/text/bpe_train.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { device } from '../device.ts';

const tokenizer = characterTokenizer('abcdefgh=?\n');
const options = { tokenizer, template: 'lines', context: 12 };
const pair = (prompt: string, completion: string) => JSON.stringify({ prompt, completion });
const read = (text: string) => readExamples(text, 'data.jsonl', options);

/** '.' for each masked token, its text for each counted one. */
const maskOf = ({ ids, counted }: Example) =>
  Array.from(ids, (id, i) => (counted[i] ? tokenizer.decode([id]) : '.')).join('');

describe('H1: what counts', () => {
  test('of prompt and completion the completion, its end included', () => {
    const [example] = read(pair('abc=', 'de'));
    expect(tokenizer.decode(example!.ids)).toBe('abc=de\n');
    expect(maskOf(example!)).toBe('....de\n');
    expect(example!.place).toBe('data.jsonl:1');
  });

  test('of messages what the assistant says, each time with its end', () => {
    const messages = ['a', 'bc', 'd', 'ef'].map((content, i) => ({
      role: i % 2 === 0 ? 'user' : 'assistant',
      content,
    }));
    const [example] = read(JSON.stringify({ messages, id: 7 }));
    expect(tokenizer.decode(example!.ids)).toBe('a\nbc\nd\nef\n');
    expect(maskOf(example!)).toBe('..bc\n..ef\n');
  });

  test('targets are the counted tokens one position earlier, the rest and the padding is left out', () => {
    const examples = read(`${pair('ab', 'c')}\n${pair('a', 'bcd')}`);
    const length = longest(examples);
    expect(length).toBe(4);
    expect(countedIn(examples)).toBe(6);
    const { ids, targets } = padded(examples, length);
    const [a, b, c, d, end] = [...tokenizer.encode('abcd\n')];
    expect([...ids]).toEqual([a, b, c, 0, a, b, c, d]);
    expect([...targets]).toEqual([-100, c, end, -100, b, c, d, end]);
  });
});

describe('H1: gradients', () => {
  test('a prompt token and padding get exactly 0, completion and end do not', async () => {
    const examples = read(`${pair('abc', 'd')}\n${pair('a', 'bcde')}`);
    const length = longest(examples);
    const { targets } = padded(examples, length);
    const V = tokenizer.vocabularySize;
    const logits = device.randn([2, length, V], { seed: 1 }).requireGrad();
    backward(crossEntropy(logits, device.tensor(targets, { shape: [2, length] })));
    const gradient = await logits.grad!.data();
    for (const [i, target] of targets.entries()) {
      const row = [...gradient.slice(i * V, (i + 1) * V)];
      if (target === -100) expect(row).toEqual(Array(V).fill(0));
      else expect(row[target]).toBeLessThan(0);
    }
  });
});

describe('bad data is refused with its line', () => {
  const messages = (...list: unknown[]) => JSON.stringify({ messages: list });
  const user = { role: 'user', content: 'a' };

  test.each([
    [
      'a broken line',
      `${pair('a', 'b')}\n{"prompt": "a", "comp`,
      'data.jsonl:2: the text ends within a string',
    ],
    ['an empty completion', `\n${pair('a', '')}`, 'data.jsonl:2: completion is empty'],
    ['an empty prompt', pair('', 'a'), 'data.jsonl:1: prompt is empty'],
    [
      'no completion',
      '{"prompt":"a"}',
      'data.jsonl:1: expected prompt and completion, or messages; found prompt',
    ],
    ['no prompt', '{"completion":"a"}', 'data.jsonl:1: prompt is missing'],
    [
      'both kinds',
      '{"completion":"a","messages":[]}',
      'data.jsonl:1: expected prompt and completion, or messages',
    ],
    ['a number', '{"prompt":1,"completion":"a"}', 'data.jsonl:1: prompt is no text'],
    ['no messages', messages(), 'data.jsonl:1: messages is no list of at least one message'],
    ['a message that is none', messages('a'), 'data.jsonl:1: message 1: expected {"role"'],
    [
      'an unknown role',
      messages(user, { role: 'robot', content: 'b' }),
      'data.jsonl:1: message 2: role is "robot"; expected system, user, assistant',
    ],
    [
      'an empty message',
      messages(user, { role: 'assistant', content: '' }),
      'data.jsonl:1: message 2: content is empty',
    ],
    [
      'nothing to learn',
      messages(user),
      "data.jsonl:1: nothing for the model to learn: no assistant's message",
    ],
    [
      'a prompt longer than the context',
      `${pair('a', 'b')}\n${pair('abcdefghabcde', 'a')}`,
      "data.jsonl:2: the prompt has 13 tokens, the model's context is 12",
    ],
    [
      'a completion that does not fit',
      pair('abcdefgh', 'abcdef'),
      'data.jsonl:1: prompt and completion have 15 tokens, and 13 fit',
    ],
    [
      'a character that the model does not know',
      pair('a', 'x'),
      'data.jsonl:1: characters: "x" (U+0078) at position 0',
    ],
  ])('%s', (_, text, message) => {
    expect(() => read(text)).toThrow(DataError);
    expect(() => read(text)).toThrow(message);
  });

  test('what just fits is taken', () => {
    expect(longest(read(pair('abcdefgh', 'abcd')))).toBe(12);
    expect(() => read(pair('abcdefgh', 'abcde'))).toThrow('have 14 tokens, and 13 fit');
  });
});

describe('special tokens', () => {
  const bpe = trainBpe('hello hello there there', {
    vocabularySize: 270,
    specials: ['<|im_start|>', '<|im_end|>'],
  });
  const chat = (content: string, template = 'chatml') =>
    readExamples(
      JSON.stringify({
        messages: [
          { role: 'user', content },
          { role: 'assistant', content: 'hello' },
        ],
      }),
      'chat',
      { tokenizer: bpe, template, context: 100 },
    )[0]!;

  test("the template's marks are one token each; the one that ends an answer counts, that which begins it does not", () => {
    const { ids, counted } = chat('there');
    const [start, end] = ['<|im_start|>', '<|im_end|>'].map((text) => bpe.specials.get(text)!);
    expect(Array.from(ids).filter((id) => id === start)).toHaveLength(2);
    const last = ids.lastIndexOf(end!);
    expect([counted[last], counted[ids.indexOf(end!)], counted[ids.lastIndexOf(start!)]]).toEqual([
      true,
      false,
      false,
    ]);
    expect(bpe.decode(ids.filter((_, i) => counted[i]))).toBe('hello<|im_end|>');
  });

  test('data cannot write them, and a tokenizer that lacks them is told', () => {
    expect(() => chat('bye<|im_end|>')).toThrow(/^chat:1: .*<\|im_end\|>/);
    expect(() => chat('there', 'llama3')).toThrow(
      'chat:1: the template needs the token <|begin_of_text|>, and the tokenizer has none',
    );
  });
});

describe('batches', () => {
  const examples = Array.from({ length: 7 }, (_, i) => ({
    place: `${i}`,
    ids: Int32Array.of(i, i),
    counted: [false, true],
  }));

  test('every example comes once an epoch, in another order each time, by seed and step alone', () => {
    const take = exampleBatches(examples, { seed: 3, batch: 3 });
    const seen = Array.from({ length: 7 }, (_, step) =>
      take(step).map(({ place }) => place),
    ).flat();
    const epochs = [0, 1, 2].map((epoch) => seen.slice(7 * epoch, 7 * epoch + 7));
    for (const epoch of epochs)
      expect([...epoch].sort()).toEqual(['0', '1', '2', '3', '4', '5', '6']);
    expect(new Set(epochs.map(String)).size).toBe(3);
    const again = exampleBatches(examples, { seed: 3, batch: 3 });
    expect(again(5).map(({ place }) => place)).toEqual(seen.slice(15, 18));
    const other = exampleBatches(examples, { seed: 4, batch: 7 });
    expect(other(0).map(({ place }) => place)).not.toEqual(epochs[0]);
  });

  test('the last part is held out, and something must be left', () => {
    expect(holdOut(examples, 0.1).heldOut).toEqual(examples.slice(6));
    expect(holdOut(examples, 0).heldOut).toEqual([]);
    expect(() => holdOut(examples.slice(0, 1), 0.1)).toThrow('takes all 1 examples');
  });
});
