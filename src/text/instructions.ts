// Instructions: existing tasks put into words, and what people ask for, from the lectures.

import { randomStream } from '../tensor/philox.ts';
import { generateCorpus } from './grammar.ts';
import type { Problem } from './problems.ts';

/** Does the hypothesis follow from the premise? */
export function inferenceInstruction(premise: string, hypothesis: string): string {
  return `Suppose "${premise}". Can we infer that "${hypothesis}"?`;
}

/** `question` begins in the middle of a sentence: what team did … */
export function questionInstruction(article: string, question: string): string {
  return `Given the article "${article}", ${question}`;
}

export function ratingInstruction(review: string): string {
  return `What's the rating of this review on a scale of 1 to 5: ${review}`;
}

const LONGEST_STORY = 400; // characters; most have 200

/** The first sentences of `count` stories, such as `One day Mia ran to the park.`: what a tiny model learns in seconds. */
export function storyOpenings(seed: number, count: number): string[] {
  const stories = generateCorpus({ seed, characters: count * LONGEST_STORY }).split('\n');
  return stories.slice(0, count).map((story) => story.slice(0, story.indexOf('.') + 1));
}

/** `One day Mia ran to the park. Where? ` asks for `At the park.` */
export function whereQuestions(seed: number, count: number): Problem[] {
  return storyOpenings(seed, count).map((opening) => ({
    prompt: `${opening} Where? `,
    completion: `At the ${/(\w+)\.$/.exec(opening)![1]}.`,
  }));
}

/** Use cases of an early instruction interface in percent (Ouyang et al. 2022, table 1); rounded, they add up to 99.9. */
export const INSTRUCTION_MIX = {
  generation: 45.6,
  openQA: 12.4,
  brainstorming: 11.2,
  chat: 8.4,
  rewrite: 6.6,
  summarization: 4.2,
  classification: 3.5,
  other: 3.5,
  closedQA: 2.6,
  extract: 1.9,
} as const;

export type UseCase = keyof typeof INSTRUCTION_MIX;

const STREAM = 0x6d697874; // 'mixt': the draws of a seed that belong to mixtures

/** `count` independent draws of a use case, for data that is made; each with its percentage over their sum. */
export function drawUseCases(count: number, seed: number): UseCase[] {
  const cases = Object.entries(INSTRUCTION_MIX) as [UseCase, number][];
  const total = cases.reduce((sum, [, percent]) => sum + percent, 0);
  const random = randomStream(seed, STREAM);
  return Array.from({ length: count }, () => {
    let left = random.uniform() * total;
    const found = cases.find(([, percent]) => (left -= percent) < 0);
    return (found ?? cases.at(-1)!)[0];
  });
}
