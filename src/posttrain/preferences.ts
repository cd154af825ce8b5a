// Preferences: of two answers to one prompt, which is better. One JSON object a line,
//
//   {"prompt": "The quick", "chosen": "brown fox", "rejected": "and the dead"}
//   {"prompt": "Call me", "a": "Ishmael", "b": "on the line", "label": "B"}           label: "A", "B" or "tie"
//
// with `messages`, a conversation up to the answer, in the place of `prompt` where there is one.

import { DataError } from '../errors.ts';
import type { ParsedObject } from '../io/json.ts';
import { encodeExample, messagesOf, textOf } from '../llm/supervised.ts';
import { chatSegments, completionSegments, type Message } from '../text/chat_template.ts';
import { jsonLines } from '../text/jsonl.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

export interface Preference {
  /** Text as it stands, or a conversation that the answer follows. */
  readonly prompt: string | readonly Message[];
  readonly chosen: string;
  readonly rejected: string;
  /** The probability that `chosen` is the better one: 1 by default, 0.5 of a tie. */
  readonly weight?: number;
  /** Where it stands, for messages: `pairs.jsonl:3`. */
  readonly place?: string;
}

/** What happens to a tie: it is left out, or each answer counts as the better one with probability 1/2. */
export const TIES = ['drop', 'half'] as const;
export type Ties = (typeof TIES)[number];

export interface ReadPreferences {
  readonly preferences: readonly Preference[];
  /** Lines that teach nothing, and why. */
  readonly skipped: readonly { readonly line: number; readonly why: string }[];
}

export interface ReadPreferencesOptions {
  /** Default 'drop'. */
  readonly ties?: Ties;
}

/**
 * Lines without a winner, with equal answers, and dropped ties are skipped.
 * @param what names the file in errors
 * @throws DataError, with the line's number, for a line that is broken, and where all lines are skipped.
 */
export function readPreferences(
  text: string,
  what: string,
  { ties = 'drop' }: ReadPreferencesOptions = {},
): ReadPreferences {
  const preferences: Preference[] = [];
  const skipped: { line: number; why: string }[] = [];
  for (const { line, value } of jsonLines(text, what)) {
    const read = preferenceOf(value, `${what}:${line}`, ties);
    if (typeof read === 'string') skipped.push({ line, why: read });
    else preferences.push(read);
  }
  if (preferences.length > 0) return { preferences, skipped };
  throw new DataError(`${what}: nothing to learn from; ${skippedLines(skipped)}`);
}

const SHOWN_LINES = 5;

/** `3 lines skipped: without a winner 1 (line 4), equal answers 2 (lines 7, 9)`; empty where none was. */
export function skippedLines(skipped: ReadPreferences['skipped']): string {
  if (skipped.length === 0) return '';
  const reasons = [...new Set(skipped.map(({ why }) => why))].map((why) => {
    const lines = skipped.filter((each) => each.why === why).map(({ line }) => line);
    const more = lines.length > SHOWN_LINES ? ', …' : '';
    const which = `line${lines.length > 1 ? 's' : ''} ${lines.slice(0, SHOWN_LINES).join(', ')}`;
    return `${why} ${lines.length} (${which}${more})`;
  });
  return `${skipped.length} line${skipped.length > 1 ? 's' : ''} skipped: ${reasons.join(', ')}`;
}

/** A preference, or why there is none. */
function preferenceOf(value: ParsedObject, place: string, ties: Ties): Preference | string {
  const prompt = promptOf(value, place);
  const [first, second, winner] = contestants(value, place);
  if (winner === null) return 'without a winner';
  if (first === second) return 'equal answers';
  if (winner === 'tie' && ties === 'drop') return 'tie';
  const [chosen, rejected] = winner === 'B' ? [second, first] : [first, second];
  return { prompt, chosen, rejected, place, ...(winner === 'tie' && { weight: 0.5 }) };
}

function promptOf(value: ParsedObject, place: string): Preference['prompt'] {
  if (value.has('prompt') === value.has('messages'))
    throw new DataError(`${place}: expected either prompt, or messages up to the answer`);
  if (value.has('prompt')) return textOf(value, 'prompt', place);
  const messages = messagesOf(value.get('messages')!, place);
  if (messages.at(-1)!.role !== 'assistant') return messages;
  throw new DataError(
    `${place}: the messages end with the assistant's; they stop before the answer that is judged`,
  );
}

/** The two answers, and which of them is better; null where the line does not say. */
function contestants(
  value: ParsedObject,
  place: string,
): [first: string, second: string, winner: 'A' | 'B' | 'tie' | null] {
  if (value.has('chosen') || value.has('rejected')) {
    const rejected = textOf(value, 'rejected', place);
    if ((value.get('chosen') ?? null) === null) return ['', rejected, null];
    return [textOf(value, 'chosen', place), rejected, 'A'];
  }
  if (!value.has('a') || !value.has('b')) {
    const found = [...value.keys()].slice(0, 5).join(', ');
    throw new DataError(
      `${place}: expected chosen and rejected, or a, b and label; found ${found}`,
    );
  }
  const label = value.get('label') ?? null;
  if (label === null) return ['', '', null];
  if (label !== 'A' && label !== 'B' && label !== 'tie')
    throw new DataError(`${place}: label is ${JSON.stringify(label)}; expected "A", "B" or "tie"`);
  return [textOf(value, 'a', place), textOf(value, 'b', place), label];
}

/** A preference in tokens. */
export interface PreferenceTokens {
  readonly promptIds: readonly number[];
  /** Each with the template's mark at its end. */
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
  /** The probability that `chosen` is the better one. */
  readonly weight: number;
}

export interface EncodePreferencesOptions {
  readonly tokenizer: Tokenizer;
  /** A chat template's name: how conversations are written, and what ends an answer. */
  readonly template: string;
  /** Most positions of the model. */
  readonly context: number;
}

/**
 * @throws DataError, with the preference's place or number, for text that the tokenizer cannot write and for answers that do
 *   not fit the context.
 */
export function encodePreferences(
  preferences: readonly Preference[],
  { template, ...options }: EncodePreferencesOptions,
): PreferenceTokens[] {
  return preferences.map((preference, i) => {
    const { prompt, chosen, rejected, weight = 1, place = `preference ${i + 1}` } = preference;
    const encode = (answer: string) => {
      const segments =
        typeof prompt === 'string'
          ? completionSegments({ prompt, completion: answer }, template)
          : chatSegments([...prompt, { role: 'assistant', content: answer }], template);
      const example = encodeExample(segments, place, { ...options, template });
      return answerOf(example.ids, example.counted);
    };
    const [better, worse] = [encode(chosen), encode(rejected)];
    return { promptIds: better.promptIds, chosen: better.ids, rejected: worse.ids, weight };
  });
}

/** Splits before the last run of counted tokens: earlier ones are the assistant's in the prompt. */
function answerOf(ids: Int32Array, counted: readonly boolean[]) {
  const end = counted.lastIndexOf(true) + 1;
  const begin = counted.lastIndexOf(false, end - 1) + 1;
  return { promptIds: [...ids.subarray(0, begin)], ids: [...ids.subarray(begin, end)] };
}
