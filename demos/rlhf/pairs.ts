// Stage 2, in the worker: two answers of the writer to one prompt, over and over, and who labels them.

import type { Device } from '../../src/index.ts';
import type { DrawnAnswer } from '../../src/posttrain/answers.ts';
import { drawCandidates } from '../../src/posttrain/best_of_n.ts';
import type { Label } from '../../src/posttrain/labeller.ts';
import { goldReward, type StoryBase, storyTasks } from '../../src/posttrain/story_world.ts';
import type { ShownPair } from './protocol.ts';

export interface Pair {
  readonly a: DrawnAnswer<{ prompt: string }>;
  readonly b: DrawnAnswer<{ prompt: string }>;
  /** What the simulated labeller goes by. */
  readonly gold: readonly [number, number];
}

export interface PairOptions {
  readonly seed: number;
  /** Of the prompts: see `storyTasks`. */
  readonly set: number;
  /** The number of the first prompt: how many have been asked before. */
  readonly first: number;
  /** Prompts that are answered at a time. */
  readonly batch: number;
}

/** Prompts of a set; after the last come the first ones again, with other answers. */
const PROMPTS = 1024;

/** Gives one pair after another; equal and empty answers are passed over. */
export function pairSource(
  device: Device,
  { model, tokenizer, ends, maxNewTokens }: StoryBase,
  { seed, set, first, batch }: PairOptions,
): () => Promise<Pair> {
  const prompts = storyTasks({ seed, set, count: PROMPTS });
  const waiting: Pair[] = [];
  let asked = first;
  const draw = async () => {
    const tasks = Array.from({ length: batch }, (_, i) => prompts[(asked + i) % PROMPTS]!);
    const drawn = await drawCandidates(device, { model, adapter: null }, tokenizer, tasks, {
      ...{ n: 2, seed: (seed * 8 + set) * 2 ** 24 + 2 * asked, maxNewTokens, ends },
    });
    asked += batch;
    const scores = await goldReward.score(drawn.flat());
    for (const [i, [a, b]] of drawn.entries()) {
      const different = a!.text !== b!.text && a!.text !== '' && b!.text !== '';
      if (different) waiting.push({ a: a!, b: b!, gold: [scores[2 * i]!, scores[2 * i + 1]!] });
    }
  };
  return async () => {
    while (waiting.length === 0) await draw();
    return waiting.shift()!;
  };
}

export const shown = ({ a, b }: Pair): ShownPair => ({
  prompt: a.task.prompt,
  a: a.text,
  b: b.text,
});

/** A line as `shadegrad reward` reads it. */
export function preferenceLine({ prompt, a, b }: ShownPair, label: Label): string {
  if (label === 'tie') return JSON.stringify({ prompt, a, b, label });
  const [chosen, rejected] = label === 'A' ? [a, b] : [b, a];
  return JSON.stringify({ prompt, chosen, rejected });
}
