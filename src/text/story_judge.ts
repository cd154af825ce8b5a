// What a story is worth, by rule: the truth behind labels, reward models and the figures that compare them.
//
//   score = kindness - 4 · (the share of the story that no story of the grammar could have)
// Kindness counts each word once, so that to repeat a pleasant one earns nothing; a story that falls apart loses more than
// kindness can win. A model that learns from comparisons sees neither rule.

import { surprisalsWhilePossible } from './grammar.ts';

/** What words add, however often they occur. */
const WORDS: Readonly<Record<string, number>> = {
  gave: 1,
  shared: 1,
  Yes: 0.5,
  glad: 1,
  nice: 0.5,
  soft: 0.5,
  new: 0.5,
  No: -0.5,
  kept: -1,
  sad: -1,
  mad: -0.5,
  wet: -0.5,
  gray: -0.5,
  old: -0.5,
};

/** Of a story that is nowhere possible. */
const INCOHERENT = 4;

/** @param story from its beginning to its end, with or without the end of its line */
export function storyScore(story: string): number {
  return kindness(story) - INCOHERENT * (1 - possibleShare(story));
}

/** The sum over the lexicon's words that occur. */
export function kindness(story: string): number {
  const words = new Set(story.match(/[A-Za-z]+/g));
  return Object.entries(WORDS).reduce(
    (sum, [word, worth]) => sum + (words.has(word) ? worth : 0),
    0,
  );
}

/** How much of the story the grammar could have written before it first goes wrong; a story that does not end is possible. */
export function possibleShare(story: string): number {
  if (story === '') return 0;
  const line = `${story.trimEnd()}\n`;
  return surprisalsWhilePossible(line).length / line.length;
}
