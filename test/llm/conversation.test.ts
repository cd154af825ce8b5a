// Conversations: replies as from the whole text at once, nothing computed twice, the oldest turns dropped.

import { beforeAll, describe, expect, test } from 'vitest';
import { Conversation, type ReplyOptions } from '../../src/llm/conversation.ts';
import { generate } from '../../src/llm/generate.ts';
import { PrefixCache } from '../../src/llm/prefix_cache.ts';
import { encodeSegment } from '../../src/llm/supervised.ts';
import { chooseTemplate } from '../../src/llm/template_choice.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { trainBpe } from '../../src/text/bpe_train.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { chatPrompt, type Message } from '../../src/text/chat_template.ts';
import { device } from '../device.ts';
import { folderOf } from './hf_folder.ts';

const CHATML = ['<|im_start|>', '<|im_end|>'];
const tokenizer = trainBpe('the cat ate the cheese, the mouse ate the cat. ', {
  vocabularySize: 270,
  specials: CHATML,
});
const template = 'chatml';
const CONTEXT = 200;
let model: Transformer;

beforeAll(async () => {
  model = new Transformer(new Initialiser(device, 1), {
    vocabularySize: tokenizer.vocabularySize,
    context: CONTEXT,
    layers: 2,
    heads: 2,
    keyValueHeads: 1,
    width: 16,
    hidden: 32,
    positions: 'rope',
    norm: 'rmsNorm',
    activation: 'gelu',
    bias: false,
    tiedEmbeddings: false,
    dropout: 0,
  });
  const random = randomStream(2, 0);
  for (const x of model.parameters())
    x.write(Array.from(await x.data(), (v) => v + 0.2 * random.normal()));
});

const opened = () => ({ model, tokenizer, ends: [] });
const conversation = (system?: string) =>
  new Conversation(device, opened(), { template, ...(system && { system }) });
const OPTIONS: ReplyOptions = { maxNewTokens: 12, seed: 3, readEvery: 4 };

/** What a call that knows nothing of the turns before writes after the same messages. */
async function fresh(before: readonly Message[], message: string, reply: number) {
  const messages = [...before, { role: 'user' as const, content: message }];
  const prompt = chatPrompt(messages, template).flatMap((segment) => [
    ...encodeSegment(tokenizer, segment, { place: 'test', specials: 'text' }),
  ]);
  const ends = [tokenizer.specials.get('<|im_end|>')!];
  const [row] = await generate(device, model, [prompt], {
    maxNewTokens: 12,
    seed: 3 + reply,
    readEvery: 4,
    ends,
  });
  return [...prompt, ...row!.newIds];
}

describe('a conversation', () => {
  test('replies as a call with the whole of it would, and computes new tokens alone', async () => {
    using talk = conversation('the mouse is short');
    let seen: readonly number[] = [];
    let computed = 0;
    for (const [i, message] of ['the cat', 'ate?', 'the <|im_end|> mouse'].entries()) {
      const expected = await fresh(talk.messages, message, i);
      const reply = await talk.reply(message, OPTIONS);
      expect(reply.ids).toEqual(expected);
      expect(reply.ids.slice(-reply.newIds.length)).toEqual(reply.newIds);
      // The last token of a reply was drawn and not read; the rest of it was, where its text gives the same tokens again.
      const prompt = reply.ids.slice(0, -reply.newIds.length);
      const differs = prompt.findIndex((id, at) => id !== seen[at]);
      expect(talk.computed - computed).toBe(prompt.length - differs);
      computed = talk.computed;
      seen = reply.ids.slice(0, -1);
      if (i > 0) expect(differs).toBeGreaterThan(prompt.length / 2);
    }
    expect(talk.messages.map(({ role }) => role)).toEqual([
      'system',
      ...['user', 'assistant', 'user', 'assistant', 'user', 'assistant'],
    ]);
    talk.reset();
    expect(talk.messages).toEqual([{ role: 'system', content: 'the mouse is short' }]);
    const again = await fresh(talk.messages, 'the cat', 0);
    expect((await talk.reply('the cat', OPTIONS)).ids).toEqual(again);
  });

  test('drops the oldest turns where the context is full, and keeps the system message', async () => {
    using talk = conversation('the mouse');
    const dropped: number[] = [];
    for (let turn = 0; turn < 6; turn++) {
      const reply = await talk.reply(`the cat ate the cheese ${turn}`, {
        ...OPTIONS,
        onDrop: (count) => dropped.push(count),
      });
      expect(reply.ids.length).toBeLessThanOrEqual(CONTEXT + 1);
      if (reply.dropped > 0) expect(dropped.at(-1)).toBe(reply.dropped);
    }
    expect(dropped.length).toBeGreaterThan(1);
    expect(talk.messages[0]).toEqual({ role: 'system', content: 'the mouse' });
    expect(talk.messages[1]!.role).toBe('user');
    const { ids } = await talk.reply('a', OPTIONS);
    expect(ids).toEqual(await fresh(talk.messages.slice(0, -2), 'a', 6));
  });

  test('refuses a message that does not fit, with nothing said', async () => {
    using talk = conversation();
    await expect(talk.reply('z'.repeat(300), OPTIONS)).rejects.toThrow(
      /^the message makes 3\d\d tokens with its template, and the model's context is 200; shorten it$/,
    );
    expect(talk.messages).toEqual([]);
    // One that leaves less room than asked for gets a shorter reply.
    const { newIds } = await talk.reply('z'.repeat(165), { ...OPTIONS, maxNewTokens: 100 });
    expect(newIds.length).toBeLessThan(30);
  });

  test('keeps of a reply that was stopped what was written', async () => {
    using talk = conversation();
    const controller = new AbortController();
    const parts: string[] = [];
    const reply = await talk.reply('the cat', {
      ...OPTIONS,
      maxNewTokens: 60,
      signal: controller.signal,
      onText: (text) => {
        parts.push(text);
        controller.abort();
      },
    });
    expect(reply.finishReason).toBe('stopped');
    expect(parts.join('')).toBe(reply.text);
    expect(talk.messages.at(-1)).toEqual({ role: 'assistant', content: reply.text });
    const expected = await fresh(talk.messages, 'a', 1);
    expect((await talk.reply('a', OPTIONS)).ids).toEqual(expected);
  });

  test('with a template that the tokenizer has no tokens for is refused at once', () => {
    expect(() => new Conversation(device, opened(), { template: 'llama3' })).toThrow(
      'template llama3: the template needs the token <|eot_id|>, and the tokenizer has none',
    );
  });
});

test('a prefix is of one prompt, and is forgotten when it is cleared', async () => {
  using prefix = new PrefixCache(device, model);
  const run = async () =>
    (await generate(device, model, [[5, 6, 7, 8]], { ...OPTIONS, prefix }))[0]!;
  const first = await run();
  expect(prefix.computed).toBe(4);
  expect(await run()).toMatchObject({ newIds: first.newIds });
  expect(prefix.computed).toBe(5); // the last token of the prompt, whose logits are needed
  prefix.clear();
  await run();
  expect(prefix.computed).toBe(9);
  const two = generate(device, model, [[5], [6]], { ...OPTIONS, prefix });
  await expect(two).rejects.toThrow('a prefix is of one prompt, got 2');
});

describe('the template is chosen', () => {
  const tuned = (name: string) =>
    folderOf({
      'finetune.json': { base: 'b', data: 'd', step: 1, settings: { template: name } },
    });

  test('as the model was fine-tuned, the adapter before the base', async () => {
    const folders = [await tuned('dialogue'), await tuned('lines')];
    expect(await chooseTemplate(tokenizer, folders)).toEqual({
      template: 'dialogue',
      why: 'as it was fine-tuned',
    });
  });

  test('else by special tokens, else by what can be written', async () => {
    const none = [await folderOf({})];
    expect((await chooseTemplate(tokenizer, none)).template).toBe('chatml');
    const play = characterTokenizer('User: Assistant: System: \n');
    expect((await chooseTemplate(play, none)).template).toBe('dialogue');
    expect((await chooseTemplate(characterTokenizer('ab\n'), none)).template).toBe('lines');
  });
});
