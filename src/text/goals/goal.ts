// What a model is fine-tuned for, as conversations whose truth is known: each goal draws some, and can tell what is wrong with
// a reply. Contents are single lines of plain ASCII, so that any template and a small alphabet will do.

import type { RandomStream } from '../../tensor/philox.ts';
import type { Message } from '../chat_template.ts';

export interface Goal {
  /** What the conversations show, in a line. */
  readonly about: string;
  /** One conversation, with all of its replies. */
  draw(random: RandomStream): Message[];
  /** What is wrong with a reply to the messages before it; null: nothing. It reads no more than these messages. */
  fault(before: readonly Message[], reply: string): string | null;
}

export const user = (content: string): Message => ({ role: 'user', content });
export const assistant = (content: string): Message => ({ role: 'assistant', content });

/** One of a list, each as likely as the others. */
export function oneOf<T>(random: RandomStream, list: readonly T[]): T {
  return list[random.integer(list.length)]!;
}

/** What was said last. */
export function lastOf(messages: readonly Message[]): Message {
  return messages.at(-1) ?? user('');
}

/** The fault of a reply where only one is right. */
export function unless(reply: string, expected: string): string | null {
  return reply === expected ? null : `expected ${JSON.stringify(expected)}`;
}

export const NOT_A_QUESTION = 'the question is none of this goal';
