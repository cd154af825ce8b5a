// Supervised data: conversations, and prompts with completions, as ids and targets in which completions alone count.
// A target of -100 is left out of the loss, and its token gets no gradient.

import { ConfigError, DataError } from '../errors.ts';
import type { ParsedJson, ParsedObject } from '../io/json.ts';
import { randomStream } from '../tensor/philox.ts';
import {
  chatSegments,
  completionSegments,
  type Message,
  ROLES,
  type Role,
  type Segment,
} from '../text/chat_template.ts';
import { jsonLines } from '../text/jsonl.ts';
import { IGNORED_TARGET } from '../text/loader.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Batch } from './batch.ts';

/** A line of the data, in tokens. */
export interface Example {
  /** Where it stands: `data.jsonl:3`. */
  readonly place: string;
  /** All tokens. */
  readonly ids: Int32Array;
  /** Which of them count in the loss; never the first, which nothing precedes. */
  readonly counted: readonly boolean[];
}

export interface ExampleOptions {
  readonly tokenizer: Tokenizer;
  /** A chat template's name. */
  readonly template: string;
  /** Most positions of the model. */
  readonly context: number;
}

/**
 * Reads lines with `prompt` and `completion`, or with `messages` of `role` and `content`; other keys are passed over.
 * @param what names the file in errors
 * @throws DataError, with the line's number, for a line that is broken, a part that is missing or empty, text that the
 *   tokenizer cannot write, and a prompt, or one with its completion, that is longer than the context.
 */
export function readExamples(text: string, what: string, options: ExampleOptions): Example[] {
  return Array.from(jsonLines(text, what), ({ line, value }) =>
    encodeExample(
      segmentsOf(value, `${what}:${line}`, options.template),
      `${what}:${line}`,
      options,
    ),
  );
}

/**
 * Reads lines with `messages`, as they are.
 * @throws DataError, with the line's number, for a line that is broken or has none.
 */
export function readMessages(
  text: string,
  what: string,
): { readonly place: string; readonly messages: Message[] }[] {
  return Array.from(jsonLines(text, what), ({ line, value }) => {
    const place = `${what}:${line}`;
    return { place, messages: messagesOf(value.get('messages') ?? null, place) };
  });
}

/** The example that the segments make, each encoded by itself: a token is of the prompt or of the completion. */
export function encodeExample(
  segments: readonly Segment[],
  place: string,
  { tokenizer, context }: ExampleOptions,
): Example {
  const parts = segments.map((segment) => ({
    ids: encodeSegment(tokenizer, segment, { place }),
    counted: segment.counted,
  }));
  const ids = Int32Array.from(parts.flatMap(({ ids }) => [...ids]));
  const counted = parts.flatMap(({ ids, counted }) => Array<boolean>(ids.length).fill(counted));
  const prompt = counted.indexOf(true);
  if (prompt < 0)
    throw new DataError(`${place}: nothing for the model to learn: no assistant's message`);
  if (prompt === 0)
    throw new DataError(`${place}: the prompt is empty; nothing precedes the completion`);
  // The last token is a target alone.
  if (prompt > context) {
    throw new DataError(
      `${place}: the prompt has ${prompt} tokens, the model's context is ${context}; shorten it`,
    );
  }
  if (ids.length > context + 1) {
    throw new DataError(
      `${place}: prompt and completion have ${ids.length} tokens, and ${context + 1} fit the model's context of ${context}; shorten them`,
    );
  }
  return { place, ids, counted };
}

/**
 * A segment's tokens. Marks become special tokens; what data that holds the text of one is, `specials` says: by default refused.
 * @throws DataError, with the place, for a mark that the tokenizer has no token for, and text that it cannot write.
 */
export function encodeSegment(
  tokenizer: Tokenizer,
  { text, mark }: Segment,
  { place, specials = 'refuse' }: { readonly place: string; readonly specials?: 'refuse' | 'text' },
): Int32Array {
  const special = mark ? (text.match(/<\|[^|]+\|>/g) ?? []) : [];
  const missing = special.find((each) => !tokenizer.specials.has(each));
  if (missing)
    throw new DataError(
      `${place}: the template needs the token ${missing}, and the tokenizer has none`,
    );
  try {
    return tokenizer.encode(text, { specials: mark ? 'allow' : specials });
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    throw new DataError(`${place}: ${cause.message}`, { cause });
  }
}

function segmentsOf(value: ParsedObject, place: string, template: string): Segment[] {
  const [chat, completes] = [value.has('messages'), value.has('completion')];
  if (chat === completes) {
    const found = [...value.keys()].slice(0, 5).join(', ') || 'nothing';
    throw new DataError(`${place}: expected prompt and completion, or messages; found ${found}`);
  }
  if (chat) return chatSegments(messagesOf(value.get('messages')!, place), template);
  const [prompt, completion] = [textOf(value, 'prompt', place), textOf(value, 'completion', place)];
  return completionSegments({ prompt, completion }, template);
}

/** @throws DataError, beginning with the place, for what is no list of messages. */
export function messagesOf(list: ParsedJson, place: string): Message[] {
  if (!Array.isArray(list) || list.length === 0)
    throw new DataError(`${place}: messages is no list of at least one message`);
  return list.map((item, i) => {
    const at = `${place}: message ${i + 1}`;
    if (!(item instanceof Map)) throw new DataError(`${at}: expected {"role": …, "content": …}`);
    const role = textOf(item, 'role', at);
    if (!(ROLES as readonly string[]).includes(role))
      throw new DataError(`${at}: role is ${JSON.stringify(role)}; expected ${ROLES.join(', ')}`);
    return { role: role as Role, content: textOf(item, 'content', at) };
  });
}

/** @throws DataError, beginning with the place, where it is missing, no text, or empty. */
export function textOf(value: ParsedObject, key: string, place: string): string {
  const text = value.get(key);
  if (typeof text !== 'string') {
    throw new DataError(`${place}: ${key} is ${text === undefined ? 'missing' : 'no text'}`);
  }
  if (text === '') throw new DataError(`${place}: ${key} is empty`);
  return text;
}

/** Positions that the longest example takes. */
export function longest(examples: readonly Example[]): number {
  return examples.reduce((most, { ids }) => Math.max(most, ids.length - 1), 0);
}

/** Tokens that count in the loss. */
export function countedIn(examples: readonly Example[]): number {
  return examples.reduce((sum, { counted }) => sum + counted.filter((each) => each).length, 0);
}

/** Rows of ids and targets [examples, length]: each example from the left, with padding that counts nowhere. */
export function padded(examples: readonly Example[], length: number): Batch<Int32Array> {
  const rows = new Int32Array(examples.length * length);
  const targets = new Int32Array(examples.length * length).fill(IGNORED_TARGET);
  for (const [row, { ids, counted }] of examples.entries()) {
    rows.set(ids.subarray(0, -1), row * length);
    for (let i = 1; i < ids.length; i++) if (counted[i]) targets[row * length + i - 1] = ids[i]!;
  }
  return { ids: rows, targets };
}

const STREAM = 0x73667420; // 'sft ': the draws of a seed that belong to the order of examples

/**
 * The examples of each step: epoch after epoch, each in an order of its own, every example once. What a step takes is a
 * function of (seed, step).
 */
export function exampleBatches<T>(
  examples: readonly T[],
  { seed, batch }: { readonly seed: number; readonly batch: number },
): (step: number) => T[] {
  let shuffled = { epoch: -1, order: new Uint32Array() };
  const orderOf = (epoch: number): Uint32Array => {
    if (shuffled.epoch !== epoch) {
      const order = Uint32Array.from(examples, (_, i) => i);
      shuffled = { epoch, order: randomStream(seed, STREAM, { step: epoch }).shuffle(order) };
    }
    return shuffled.order;
  };
  return (step) =>
    Array.from({ length: batch }, (_, i) => {
      const at = step * batch + i;
      const order = orderOf(Math.floor(at / examples.length));
      return examples[order[at % examples.length]!]!;
    });
}

/** Cuts off the last part for validation; none where that is 0. @throws ConfigError where nothing is left to learn. */
export function holdOut<T>(
  examples: readonly T[],
  validation: number,
): { train: readonly T[]; heldOut: readonly T[] } {
  const count = Math.ceil(examples.length * validation);
  if (count >= examples.length) {
    throw new ConfigError(
      `validation of ${validation} takes all ${examples.length} examples; lower it, or give more`,
    );
  }
  return {
    train: examples.slice(0, examples.length - count),
    heldOut: examples.slice(examples.length - count),
  };
}
