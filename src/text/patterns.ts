// Patterns: a task put into the words of a language model, as text with a hole for the input and one for the label.

import { ConfigError } from '../errors.ts';

export interface Pattern {
  /** What the model is asked to go on from: all before the label, without white space at its end. */
  prompt(input: string): string;
  /** What stands before the label after that: a space, which belongs to the label's first token. */
  readonly gap: string;
  /** The whole text of an example. */
  filled(input: string, label: string): string;
}

/** @throws ConfigError unless the text has `[input]` once, and after it `[label]` once. */
export function pattern(text: string): Pattern {
  const [before, middle, ...more] = text.split('[input]');
  const [between, after, ...others] = (middle ?? '').split('[label]');
  if (after === undefined || more.length > 0 || others.length > 0) {
    throw new ConfigError(
      `pattern ${JSON.stringify(text)}: expected [input] once, and after it [label] once`,
    );
  }
  const asked = between!.trimEnd();
  const gap = between!.slice(asked.length);
  const prompt = (input: string) => `${before}${input}${asked}`;
  return { prompt, gap, filled: (input, label) => `${prompt(input)}${gap}${label}${after}` };
}

/** A film's review is good or bad. */
export const SENTIMENT = pattern('[input] This movie is [label].');
export const SENTIMENT_WORDS = { positive: 'great', negative: 'awful' };

/** What GPT-2 was made to summarise with (Radford et al. 2019). */
export const SUMMARY = pattern('[input] TL;DR: [label]');

/** A product, with a descriptive prompt. */
export const GIFT = pattern('[input]; will it be a good gift for a kid? [label]');
/** A product, in short. */
export const PRODUCT = pattern('[input]? [label]');
export const YES_NO = { yes: 'Yes', no: 'No' };

/** A row of a table in natural language. */
export function textify({ colour, height }: { colour: string; height: number }): string {
  return `the product is ${colour} and ${height} cm tall`;
}

/** An input and the text of its label. */
export interface Shot {
  readonly input: string;
  readonly label: string;
}

/**
 * The prompt of in-context learning (Brown et al. 2020): the examples, and last the input whose label is asked for.
 * @param separator between examples. Default a line's end
 */
export function fewShotPrompt(
  { prompt, filled }: Pattern,
  shots: readonly Shot[],
  input: string,
  separator = '\n',
): string {
  return [...shots.map(({ input, label }) => filled(input, label)), prompt(input)].join(separator);
}
