// What the pipeline's model reads, is asked, and is rewarded for: stories, which a rule can judge, and sums, which can be checked.
//
//   text         One day Mia ran to the park. She found a new kite. …<|endoftext|>4 7 + 2 5 = 2 7<|endoftext|>
//   instruction  Tell of kite, park:⏎One day Mia …
// A sum is written from its lowest digit, as it is computed (Lee et al. 2023).

import { type RandomStream, randomStream } from '../../tensor/philox.ts';
import { generateCorpus } from '../../text/grammar.ts';
import type { Problem } from '../../text/problems.ts';
import { storyScore } from '../../text/story_judge.ts';
import { type Reward, rewardOf, type Task } from '../rewards.ts';
import { STORY_END } from '../story_world.ts';
import { correctness } from '../verifiable.ts';

export interface WorldSettings {
  readonly seed: number;
  /** The share of the sums that are written with a wrong digit, as people do: rewards then find what is right. */
  readonly slips: number;
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
export function pretrainingText({ seed, characters, sums, slips }: WorldSettings): string {
  const written = writtenSums(seed, 'text', slips);
  const texts = Array.from({ length: sums }, (_, i) => {
    const { prompt, completion } = written(i);
    return prompt + completion;
  });
  const documents = [...stories(seed, 'text', { characters }), ...texts];
  const order = Uint32Array.from(documents, (_, i) => i);
  randomStream(seed, ORDER).shuffle(order);
  return Array.from(order, (i) => documents[i]! + STORY_END).join('');
}

const ORDER = 0x6f726472; // 'ordr': the draws of a seed that belong to the order of documents
const SUMS = 0x73756d20; // 'sum '
const SLIPS = 0x736c6970; // 'slip'

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
      // The story begins on a line of its own, with the tokens that stories begin with.
      return { prompt: `Tell of ${thing}, ${place}:\n`, thing, place, story };
    });
}

/** What an instruction asks for, by its words. */
export function askedFor(prompt: string): Pick<StoryInstruction, 'thing' | 'place'> {
  const [, thing = '', place = ''] = /^Tell of (\w+), (\w+):\n$/.exec(prompt) ?? [];
  return { thing, place };
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

/** What a story about something else loses. */
const ASTRAY = 1.5;

/** The truth: labels are drawn from it, and models never see it. */
export const goldStory: Reward<StoryInstruction> = rewardOf(
  'gold',
  ({ text, task }) => storyScore(text.trim()) - (follows(text, task) ? 0 : ASTRAY),
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

/** The i-th sum that somebody writes down, over and over through all that are not held out. */
function writtenSums(seed: number, set: DataSet, slips: number): (i: number) => Problem {
  const known = sumTasks(seed, { begin: HELD_OUT_SUMS, end: ALL_SUMS });
  const random = randomStream(seedOf(seed, set), SLIPS);
  return (i) => {
    const { prompt, answer } = known[i % known.length]!;
    const slipped = random.uniform() < slips;
    return { prompt, completion: slipped ? withSlip(answer, random) : answer };
  };
}

/** One digit is another. */
function withSlip(answer: string, random: RandomStream): string {
  const places = [...answer].flatMap((c, i) => (c === ' ' ? [] : [i]));
  const at = places[random.integer(places.length)]!;
  const wrong = (Number(answer[at]) + 1 + random.integer(9)) % 10;
  return answer.slice(0, at) + wrong + answer.slice(at + 1);
}

export const rightSum: Reward<SumTask> = correctness(
  'right',
  (text, { answer }) => text === answer,
);

/** What a supervised fine-tuning learns to answer: instructions and sums in turns, as many of each. */
export function supervisedProblems(
  { seed, slips }: Pick<WorldSettings, 'seed' | 'slips'>,
  count: number,
): Problem[] {
  const written = writtenSums(seed, 'instructions', slips);
  const told = storyInstructions(seed, 'instructions', Math.ceil(count / 2));
  const problems = told.flatMap(({ prompt, story }, i) => [
    { prompt, completion: story },
    written(i),
  ]);
  return problems.slice(0, count);
}
