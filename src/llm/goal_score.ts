// How many of a model's replies are right, in conversations of which the goal's checker knows the truth.

import type { Device } from '../ops/device.ts';
import type { Message } from '../text/chat_template.ts';
import { faultOf, type GoalName } from '../text/goals/index.ts';
import { promptIds, replyEnd } from './conversation.ts';
import { generateText } from './generate_text.ts';
import type { OpenedModel } from './open_model.ts';

export interface ScoredReply {
  readonly before: readonly Message[];
  readonly reply: string;
  /** Null: right. */
  readonly fault: string | null;
}

export interface ScoreRepliesOptions {
  readonly goals: readonly GoalName[];
  /** A chat template's name. */
  readonly template: string;
  readonly onReply?: (reply: ScoredReply) => void;
  readonly signal?: AbortSignal;
}

/**
 * The likeliest reply of the model in the place of each of the assistant's; what was said before is as it was drawn.
 * @throws DataError for a conversation that the tokenizer cannot write; one that leaves no room in the context counts as wrong.
 */
export async function scoreReplies(
  device: Device,
  opened: Pick<OpenedModel, 'model' | 'tokenizer' | 'ends'>,
  conversations: readonly (readonly Message[])[],
  { goals, template, onReply, signal }: ScoreRepliesOptions,
): Promise<ScoredReply[]> {
  const { model, tokenizer } = opened;
  const end = replyEnd(tokenizer, template);
  const ends = [...new Set([...end.ends, ...opened.ends])];
  const drawing = { ...end, ends, temperature: 0, ...(signal && { signal }) };
  const scored: ScoredReply[] = [];
  for (const messages of conversations) {
    for (const [i, { role }] of messages.entries()) {
      if (role !== 'assistant') continue;
      const before = messages.slice(0, i);
      const prompt = promptIds(tokenizer, before, template);
      const room = Math.max(0, model.config.context + 1 - prompt.length);
      const options = { ...drawing, maxNewTokens: room };
      const [row] = room > 0 ? await generateText(device, opened, [prompt], options) : [];
      if (signal?.aborted) return scored; // the last reply is half of one
      const reply = row?.text ?? '';
      const one = { before, reply, fault: faultOf(goals, before, reply) };
      scored.push(one);
      onReply?.(one);
    }
  }
  return scored;
}
