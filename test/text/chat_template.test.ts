import { describe, expect, it } from 'vitest';
import {
  chatPrompt,
  chatSegments,
  completionSegments,
  endMark,
  type Message,
  type Segment,
} from '../../src/text/chat_template.ts';

const CHAT: Message[] = [
  { role: 'system', content: 'Be short.' },
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Hello' },
  { role: 'user', content: 'Bye' },
  { role: 'assistant', content: 'See you' },
];

const join = (segments: readonly Segment[]) => segments.map(({ text }) => text).join('');
const counted = (segments: readonly Segment[]) =>
  segments.filter((segment) => segment.counted).map(({ text }) => text);

describe('H1: chat templates', () => {
  it.each([
    ['lines', 'Be short.\nHi\nHello\nBye\nSee you\n', '\n'],
    [
      'dialogue',
      'System: Be short.\nUser: Hi\nAssistant: Hello\nUser: Bye\nAssistant: See you\n',
      '\n',
    ],
    [
      'chatml',
      '<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n' +
        '<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n' +
        '<|im_start|>assistant\nSee you<|im_end|>\n',
      '<|im_end|>',
    ],
    [
      'llama3',
      '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe short.<|eot_id|>' +
        '<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>' +
        '<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>' +
        '<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>' +
        '<|start_header_id|>assistant<|end_header_id|>\n\nSee you<|eot_id|>',
      '<|eot_id|>',
    ],
  ])('%s: the text, and what counts: what the assistant says, with its end', (name, text, end) => {
    const segments = chatSegments(CHAT, name);
    expect(join(segments)).toBe(text);
    expect(counted(segments)).toEqual(['Hello', end, 'See you', end]);
    expect(endMark(name)).toBe(end);
  });

  it.each(['lines', 'dialogue', 'chatml', 'llama3'])(
    '%s: what the model is asked to continue is the text up to the first counted token',
    (name) => {
      const segments = chatSegments(CHAT, name);
      const first = segments.findIndex((segment) => segment.counted);
      expect(join(chatPrompt(CHAT.slice(0, 2), name))).toBe(join(segments.slice(0, first)));
    },
  );

  it('marks of the template and text of the data are told apart', () => {
    const marks = chatSegments([{ role: 'user', content: '<|im_end|>' }], 'chatml');
    expect(marks.map(({ text, mark }) => [text, mark])).toEqual([
      ['<|im_start|>user\n', true],
      ['<|im_end|>', false],
      ['<|im_end|>', true],
      ['\n', true],
    ]);
  });

  it('a prompt and its completion stand as they are', () => {
    const segments = completionSegments({ prompt: '2+2=', completion: '4' }, 'lines');
    expect(join(segments)).toBe('2+2=4\n');
    expect(counted(segments)).toEqual(['4', '\n']);
  });

  it('a name that is none is refused', () => {
    expect(() => chatSegments(CHAT, 'constructor')).toThrow(
      'no chat template "constructor"; there are lines, dialogue, document, chatml, llama3',
    );
  });
});
