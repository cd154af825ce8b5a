// The goals of fine-tuning (lecture row H9), and data sets of them.

import { randomStream } from '../../tensor/philox.ts';
import type { Message } from '../chat_template.ts';
import { chat } from './chat.ts';
import { code } from './code.ts';
import { type Goal, NOT_A_QUESTION } from './goal.ts';
import { reasoning } from './reasoning.ts';
import { refusals } from './refusals.ts';
import { tools } from './tools.ts';

export const GOALS = { chat, refusals, reasoning, code, tools } satisfies Record<string, Goal>;
export type GoalName = keyof typeof GOALS;

const STREAM = 0x676f616c; // 'goal': the draws of a seed that belong to conversations

/**
 * `count` conversations, of several goals in turns. Conversation i is a function of (goals, seed, i): a larger data set begins
 * with the smaller one.
 */
export function drawConversations(
  goals: readonly GoalName[],
  { count, seed }: { readonly count: number; readonly seed: number },
): Message[][] {
  return Array.from({ length: count }, (_, i) =>
    GOALS[goals[i % goals.length]!].draw(randomStream(seed, STREAM, { step: i })),
  );
}

/** What is wrong with a reply to the messages before it, as an answer to a question of one of the goals; null: nothing. */
export function faultOf(
  goals: readonly GoalName[],
  before: readonly Message[],
  reply: string,
): string | null {
  const faults = goals.map((goal) => GOALS[goal].fault(before, reply));
  if (faults.includes(null)) return null;
  return faults.find((fault) => fault !== NOT_A_QUESTION) ?? NOT_A_QUESTION;
}

/** The conversations as JSON Lines, as `shadegrad finetune --data` takes them. */
export function conversationLines(conversations: readonly (readonly Message[])[]): string {
  return conversations.map((messages) => `${JSON.stringify({ messages })}\n`).join('');
}

/** What is wrong with the assistant's replies of a conversation. */
export function faultsOf(goals: readonly GoalName[], messages: readonly Message[]): string[] {
  const replies = [...messages.entries()].filter(([, { role }]) => role === 'assistant');
  if (replies.length === 0) return ['there is no reply of the assistant'];
  return replies.flatMap(([i, { content }]) => faultOf(goals, messages.slice(0, i), content) ?? []);
}
