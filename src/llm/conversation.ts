// A conversation with a model: what was said, put into text by a chat template, and the reply that the model writes next.
// The messages are all there is to remember. Keys and values stay on the device from turn to turn, for speed alone: a reply is
// that of a model that reads the whole conversation at once.

import { DataError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { chatPrompt, endMark, type Message } from '../text/chat_template.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type GeneratedText, type GenerateTextOptions, generateText } from './generate_text.ts';
import type { OpenedModel } from './open_model.ts';
import { PrefixCache } from './prefix_cache.ts';
import { encodeSegment } from './supervised.ts';

export interface ConversationOptions {
  /** A chat template's name. */
  readonly template: string;
  /** The system message: said before all else, and never dropped. Default: none. */
  readonly system?: string | undefined;
}

export interface ReplyOptions extends Omit<GenerateTextOptions, 'onText' | 'prefix'> {
  /** Of the first reply; reply n draws with seed + n. Default 0. */
  readonly seed?: number;
  /** Told, before the first text, how many of the oldest messages are dropped. */
  readonly onDrop?: (messages: number) => void;
  /** More of the reply, as soon as it is certain. */
  readonly onText?: (text: string) => void;
}

export interface Reply extends Pick<GeneratedText, 'newIds' | 'text' | 'finishReason'> {
  /** All that the model saw and wrote. */
  readonly ids: number[];
  /** The oldest messages that were dropped for it. */
  readonly dropped: number;
}

export type ReplyEnd = Required<Pick<GenerateTextOptions, 'ends' | 'stopTexts'>>;

/** What ends a reply: the template's mark, as the one token that it was learned as, or as text. */
export function replyEnd(tokenizer: Tokenizer, template: string): ReplyEnd {
  const text = endMark(template);
  const place = `template ${template}`;
  const ids = encodeSegment(tokenizer, { text, counted: true, mark: true }, { place });
  // Other tokens may hold the mark too: of plain text the text itself counts.
  const special = tokenizer.specials.has(text);
  return { ends: ids.length === 1 ? [...ids] : [], stopTexts: special ? [] : [text] };
}

/**
 * The tokens that the assistant's next message follows. Who speaks cannot be forged: the text of a special token in a message
 * is text.
 * @throws DataError for what the tokenizer cannot write.
 */
export function promptIds(
  tokenizer: Tokenizer,
  messages: readonly Message[],
  template: string,
): number[] {
  return chatPrompt(messages, template).flatMap((segment) => {
    const place = segment.mark ? `template ${template}` : 'the message';
    return [...encodeSegment(tokenizer, segment, { place, specials: 'text' })];
  });
}

export class Conversation implements Disposable {
  /** What was said and not dropped, by turns: a user's message and its reply. */
  private turns: readonly Message[] = [];
  private replies = 0;
  private readonly prefix: PrefixCache;
  private readonly opening: readonly Message[];
  private readonly end: ReplyEnd;

  /** @throws ConfigError for a template that there is not, DataError for one that the tokenizer has no tokens for. */
  constructor(
    private readonly device: Device,
    private readonly opened: Pick<OpenedModel, 'model' | 'tokenizer' | 'ends'>,
    private readonly options: ConversationOptions,
  ) {
    const { template, system } = options;
    this.opening = system ? [{ role: 'system', content: system }] : [];
    this.end = replyEnd(opened.tokenizer, template);
    this.promptOf([]); // whatever the tokenizer cannot write is told now
    this.prefix = new PrefixCache(device, opened.model);
  }

  /** What the model sees of the conversation now. */
  get messages(): readonly Message[] {
    return [...this.opening, ...this.turns];
  }

  /** Tokens of prompts that were computed so far. */
  get computed(): number {
    return this.prefix.computed;
  }

  /**
   * What the model says to a message. Where the context has no room for `maxNewTokens` more, the oldest messages are dropped,
   * each with its reply; where the message alone leaves less room, the reply is that much shorter.
   * @throws DataError, with nothing said, for a message that does not fit the context or that the tokenizer cannot write.
   */
  async reply(content: string, options: ReplyOptions): Promise<Reply> {
    const { maxNewTokens, ends = [], stopTexts = [], seed = 0, onText, onDrop, ...rest } = options;
    const { turns, prompt, dropped, room } = this.fitted(content, maxNewTokens);
    if (dropped > 0) onDrop?.(dropped);
    const [row] = await generateText(this.device, this.opened, [prompt], {
      ...rest,
      maxNewTokens: Math.min(maxNewTokens, room),
      ends: [...new Set([...this.end.ends, ...this.opened.ends, ...ends])],
      stopTexts: [...this.end.stopTexts, ...stopTexts],
      seed: seed + this.replies,
      prefix: this.prefix,
      onText: (_, text) => onText?.(text),
    });
    const { newIds, text, finishReason } = row!;
    this.turns = [...turns, { role: 'assistant', content: text }];
    this.replies++;
    return { ids: [...prompt, ...newIds], newIds, text, finishReason, dropped };
  }

  /** Forgets all but the system message. */
  reset(): void {
    this.turns = [];
    this.replies = 0;
  }

  /** The turns with a new message, without as many of the oldest as it takes to leave room for a reply. */
  private fitted(content: string, maxNewTokens: number) {
    const { context } = this.opened.model.config;
    const all: Message[] = [...this.turns, { role: 'user', content }];
    for (let dropped = 0; ; dropped += 2) {
      const turns = all.slice(dropped);
      const prompt = this.promptOf(turns);
      const room = context + 1 - prompt.length;
      const last = turns.length === 1;
      if (room >= maxNewTokens || (last && room > 0)) return { turns, prompt, dropped, room };
      if (last) {
        throw new DataError(
          `the message makes ${prompt.length} tokens with its template${this.opening.length > 0 ? ' and the system message' : ''}, and the model's context is ${context}; shorten it`,
        );
      }
    }
  }

  private promptOf(turns: readonly Message[]): number[] {
    const { tokenizer } = this.opened;
    return promptIds(tokenizer, [...this.opening, ...turns], this.options.template);
  }

  [Symbol.dispose](): void {
    this.prefix[Symbol.dispose]();
  }
}
