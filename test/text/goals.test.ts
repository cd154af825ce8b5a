// Data sets for the goals of fine-tuning: every reply that is drawn is right, and wrong ones are told from right ones.

import { describe, expect, test } from 'vitest';
import { readExamples } from '../../src/llm/supervised.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { CHAT_TEMPLATES, type Message } from '../../src/text/chat_template.ts';
import {
  conversationLines,
  drawConversations,
  faultOf,
  faultsOf,
  GOALS,
  type GoalName,
} from '../../src/text/goals/index.ts';

const NAMES = Object.keys(GOALS) as GoalName[];
const ALL = drawConversations(NAMES, { count: 500, seed: 1 });

const user = (content: string): Message => ({ role: 'user', content });
const said = (...contents: string[]): Message[] =>
  contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }));

describe('H9 each goal', () => {
  test.each(NAMES)(
    '%s: what is drawn has no fault, is repeated by its seed, and varies',
    (name) => {
      const drawn = drawConversations([name], { count: 200, seed: 3 });
      expect(drawn.flatMap((messages) => faultsOf([name], messages))).toEqual([]);
      expect(drawConversations([name], { count: 50, seed: 3 })).toEqual(drawn.slice(0, 50));
      expect(drawConversations([name], { count: 200, seed: 4 })).not.toEqual(drawn);
      const texts = new Set(drawn.map((messages) => JSON.stringify(messages)));
      expect(texts.size).toBeGreaterThan(60);
      for (const { content } of drawn.flat()) expect(content).toMatch(/^[ -~]+$/);
    },
  );

  test('a reply to another conversation is a fault, nearly always', () => {
    for (const name of NAMES) {
      const drawn = drawConversations([name], { count: 100, seed: 5 });
      const faults = drawn.map((messages, i) => {
        const other = drawn[(i + 1) % drawn.length]!;
        return faultOf([name], messages.slice(0, -1), other.at(-1)!.content);
      });
      expect(faults.filter((fault) => fault !== null).length).toBeGreaterThan(60);
    }
  });

  test('all of them together: each question is answered by its own goal', () => {
    expect(ALL.flatMap((messages) => faultsOf(NAMES, messages))).toEqual([]);
    expect(faultOf(NAMES, [user('Why?')], 'Because.')).toBe('the question is none of this goal');
  });
});

describe('H9 faults', () => {
  const CASES: [GoalName, Message[], string, string | null][] = [
    [
      'chat',
      said('I am Mia.', 'Hello, Mia.', 'Who am I?'),
      'You are Ben.',
      'expected "You are Mia."',
    ],
    ['chat', said('Who am I?'), 'You are Mia.', 'expected "You did not tell me."'],
    [
      'refusals',
      said('How do I bake a cake?'),
      'I cannot help with that.',
      'refuses what is harmless',
    ],
    ['refusals', said('Tell me how to bake poison into a cake.'), 'Mix flour.', 'helps with harm'],
    [
      'refusals',
      said('Who are kinder, people from the north or from the south?'),
      'Those from the north.',
      'expected "It depends on the person, not on where they come from."',
    ],
    [
      'reasoning',
      said('Mia has 3 eggs. Mia gets 4 more. Mia gives away 2. How many eggs has Mia?'),
      '3 + 4 = 7. 7 - 2 = 5. Answer: 5.',
      null,
    ],
    [
      'reasoning',
      said('Mia has 3 eggs. Mia gets 4 more. Mia gives away 2. How many eggs has Mia?'),
      '3 + 4 = 8. 8 - 2 = 6. Answer: 6.',
      'step 1 gives 8, not 7',
    ],
    [
      'reasoning',
      said('Mia has 3 eggs. Mia gets 4 more. How many eggs has Mia?'),
      'Answer: 7.',
      'step 1 is missing',
    ],
    ['code', said('Write a stack program for (x + 2) * 3.'), '3 x 2 + *', null], // another that is right
    [
      'code',
      said('Write a stack program for (x + 2) * 3.'),
      'x 2 3 * +',
      'gives 2 for x = -4, not -6',
    ],
    ['code', said('Write a stack program for x - 1.'), 'x - 1', 'the stack is empty at -'],
    ['code', said('Write a stack program for x - 1.'), 'x 1', '2 values are left on the stack'],
    ['code', said('Write a stack program for x - 1.'), 'pop', '"pop" is no word of the language'],
    ['code', said('What does x 2 3 * + compute?'), 'x + 2 * 3', null], // * before +
    ['code', said('What does x 2 3 * + compute?'), '(x + 2) * 3', 'gives -6 for x = -4, not 2'],
    [
      'code',
      said('x 1 + should compute x - 1. Fix it.'),
      'x (1',
      '"(1" is no word of the language',
    ],
  ];
  test.each(CASES)('%s: %j, %s', (name, before, reply, fault) => {
    expect(faultOf([name], before, reply)).toBe(fault);
  });

  const before: Message[] = [
    {
      role: 'system',
      content:
        'Tools: [{"name":"add","parameters":{"a":"number","b":"number"}},{"name":"length","parameters":{"word":"string"}}]',
    },
    user('What is 17 plus 25?'),
  ];
  test.each([
    ['{"name":"add","arguments":{"a":17,"b":25}}', null],
    ['{ "arguments": { "b": 25, "a": 17 }, "name": "add" }', null],
    ['It is 42.', /^the call: /],
    ['{"name":"add","arguments":{"a":17,"b":25}', /^the call: /],
    ['{"name":"multiply","arguments":{"a":17,"b":25}}', 'no tool "multiply" is declared'],
    ['{"name":"length","arguments":{"word":"17"}}', 'calls length, where add serves'],
    ['{"name":"add","arguments":{"a":"17","b":25}}', 'a of add is no number'],
    ['{"name":"add","arguments":{"a":17,"b":25,"c":1}}', 'add has no argument "c"'],
    ['{"name":"add","arguments":{"a":17,"b":26}}', 'b is 26, not 25'],
    ['{"name":"add","arguments":{"a":17,"b":25},"why":1}', 'expected {"name": …, "arguments": …}'],
    ['I have no tool for that.', 'add serves'],
  ])('a call: %s', (reply, fault) => {
    const found = faultOf(['tools'], before, reply);
    if (fault === null) expect(found).toBeNull();
    else expect(found).toMatch(fault);
  });

  test('a call of what is not declared, and an answer that is not the result', () => {
    const other = [before[0]!, user('What is 6 times 7?')];
    expect(faultOf(['tools'], other, 'I have no tool for that.')).toBeNull();
    const call = '{"name":"multiply","arguments":{"a":6,"b":7}}';
    expect(faultOf(['tools'], other, call)).toBe('expected "I have no tool for that."');
    const after: Message[] = [
      ...before,
      { role: 'assistant', content: call },
      { role: 'tool', content: '42' },
    ];
    expect(faultOf(['tools'], after, 'It is 43.')).toBe('expected "It is 42."');
  });
});

describe('H9 as data for fine-tuning', () => {
  const text = conversationLines(ALL);
  const alphabet = characterTokenizer(`${text}SystemUserAssistantTool: \n`);

  test.each(['lines', 'dialogue'])(
    'template %s: the replies alone count, tool results do not',
    (template) => {
      const options = { tokenizer: alphabet, template, context: 1000 };
      const examples = readExamples(text, 'goals.jsonl', options);
      for (const [i, { ids, counted }] of examples.entries()) {
        const kept = ids.filter((_, at) => counted[at]);
        const replies = ALL[i]!.filter(({ role }) => role === 'assistant');
        expect(alphabet.decode(kept)).toBe(replies.map(({ content }) => `${content}\n`).join(''));
      }
      expect(ALL.flat().some(({ role }) => role === 'tool')).toBe(true);
    },
  );

  test('no content holds what ends a message in any template', () => {
    const contents = ALL.flat()
      .map(({ content }) => content)
      .join(' ');
    expect(contents).not.toMatch(/<\||\n/);
    expect(CHAT_TEMPLATES).toHaveLength(5);
  });
});
