// What the pipeline's model reads, is asked, and is rewarded for: stories, which a rule can judge, and sums, which can be checked.
//
//   text         One day Mia ran to the park. She found a new kite. …<|endoftext|>4 7 + 2 5 = 2 7<|endoftext|>
//   instruction  Tell of a kite at the park: One day Mia …
// A sum is written from its lowest digit, as it is computed (Lee et al. 2023).

import { randomStream } from '../../tensor/philox.ts';
import { generateCorpus } from '../../text/grammar.ts';
import type { Problem } from '../../text/problems.ts';
import { storyScore } from '../../text/story_judge.ts';
import { type Reward, rewardOf, type Task } from '../rewards.ts';
import { STORY_END } from '../story_world.ts';
import { correctness } from '../verifiable.ts';

export interface WorldSettings {
  readonly seed: number;
  /** Of stories. */
  readonly characters: number;
  /** Documents with a sum each. */
  readonly sums: number;
}

/** Data of one seed that must not share a draw. */
const SETS = { text: 0, instructions: 1, preferences: 2, heldOut: 3 } as const;
export type DataSet = keyof typeof SETS;

const seedOf = (seed: number, set: DataSet) => 8 * seed + SETS[set];

/** Stories and sums in random order, each with its end. */
export function pretrainingText({ seed, characters, sums }: WorldSettings): string {
  const documents = [...stories(seed, 'text', { characters }), ...sumDocuments(seed, sums)];
  const order = Uint32Array.from(documents, (_, i) => i);
  randomStream(seed, ORDER).shuffle(order);
  return Array.from(order, (i) => documents[i]! + STORY_END).join('');
}

const ORDER = 0x6f726472; // 'ordr': the draws of a seed that belong to the order of documents
const SUMS = 0x73756d20; // 'sum '

function stories(
  seed: number,
  set: DataSet,
  { characters }: { readonly characters: number },
): string[] {
  return generateCorpus({ seed: seedOf(seed, set), characters })
    .trimEnd()
    .split('\n');
}

export interface StoryInstruction extends Task {
  readonly thing: string;
  readonly place: string;
  /** A story that follows it. */
  readonly story: string;
}

const STORY_CHARACTERS = 200; // more than most stories have

/** Each with a story of its own. */
export function storyInstructions(seed: number, set: DataSet, count: number): StoryInstruction[] {
  return stories(seed, set, { characters: count * STORY_CHARACTERS })
    .slice(0, count)
    .map((story) => {
      const { thing, place } = aboutStory(story)!;
      return { prompt: `Tell of ${thing}, ${place}:`, thing, place, story: ` ${story}` };
    });
}

/** What is found, and where; null for what is no beginning of a story. */
export function aboutStory(story: string): { thing: string; place: string } | null {
  const found = /^[^.]* (\w+)\. \w+ \w+ an? \w+ (\w+)\./.exec(story.trim());
  return found && { place: found[1]!, thing: found[2]! };
}

/** Whether the story is about what it was asked for. */
export function follows(text: string, { thing, place }: StoryInstruction): boolean {
  const about = aboutStory(text);
  return about !== null && about.thing === thing && about.place === place;
}

/** The truth: labels are drawn from it, and models never see it. */
export const goldStory: Reward<StoryInstruction> = rewardOf('gold', ({ text }) =>
  storyScore(text.trim()),
);

export const instructionFollowed: Reward<StoryInstruction> = rewardOf(
  'followed',
  ({ text, task }) => Number(follows(text, task)),
);

export interface SumTask extends Task {
  /** As it is written, from the lowest digit. */
  readonly answer: string;
}

/** Summands are 10 to 49: few enough pairs for a small model to meet each several times. */
const [LEAST, SUMMANDS] = [10, 40];
/** All sums that there are. */
export const ALL_SUMS = SUMMANDS ** 2;

/** Sums in an order of the seed, all different; those of one range are not those of another. */
export function sumTasks(
  seed: number,
  { begin, end }: { readonly begin: number; readonly end: number },
): SumTask[] {
  const all = Uint32Array.from({ length: ALL_SUMS }, (_, i) => i);
  randomStream(seed, SUMS).shuffle(all);
  return Array.from(all.subarray(begin, end), (i) => {
    const [a, b] = [LEAST + Math.floor(i / SUMMANDS), LEAST + (i % SUMMANDS)];
    return { prompt: `${spaced(a)} + ${spaced(b)} =`, answer: ` ${spaced(a + b, true)}` };
  });
}

const spaced = (n: number, reversed = false) => {
  const digits = [...String(n)];
  return (reversed ? digits.reverse() : digits).join(' ');
};

/** Held-out sums come first in their order. */
export const HELD_OUT_SUMS = 256;

function sumDocuments(seed: number, count: number): string[] {
  const known = sumTasks(seed, { begin: HELD_OUT_SUMS, end: ALL_SUMS });
  return Array.from({ length: count }, (_, i) => {
    const { prompt, answer } = known[i % known.length]!;
    return prompt + answer;
  });
}

export const rightSum: Reward<SumTask> = correctness(
  'right',
  (text, { answer }) => text === answer,
);

/** What a supervised fine-tuning learns to answer: instructions and sums in turns, as many of each. */
export function supervisedProblems(seed: number, count: number): Problem[] {
  const half = Math.ceil(count / 2);
  const told = storyInstructions(seed, 'instructions', half);
  const sums = sumTasks(seed, { begin: HELD_OUT_SUMS, end: ALL_SUMS });
  const problems = told.flatMap(({ prompt, story }, i) => {
    const sum = sums[i % sums.length]!;
    return [
      { prompt, completion: story },
      { prompt: sum.prompt, completion: sum.answer },
    ];
  });
  return problems.slice(0, count);
}
