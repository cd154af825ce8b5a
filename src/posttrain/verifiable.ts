// Rewards that are computed from an answer and what is right: 1 or 0.

import { parseExpression } from '../text/expression_parser.ts';
import type { Names } from '../text/expressions.ts';
import { agree, type Expression } from '../text/expressions.ts';
import { extractAnswer } from '../text/prompts.ts';
import { type Reward, rewardOf, type Task } from './rewards.ts';

interface Weighted {
  /** In the sum of rewards. Default 1. */
  readonly weight?: number;
}

/** Whatever says whether an answer is right. */
export function correctness<T extends Task>(
  name: string,
  right: (text: string, task: T) => boolean,
  options: Weighted = {},
): Reward<T> {
  return rewardOf(name, ({ text, task }) => Number(right(text, task)), options);
}

/** The answer to the letter, white space at its ends aside. */
export function exactAnswer<T extends Task & { readonly answer: string }>(
  options: Weighted = {},
): Reward<T> {
  return correctness('exact', (text, { answer }) => text.trim() === answer, options);
}

/** The number that the text gives as its answer, within the tolerance, relative to the right one where that is above 1. */
export function numericAnswer<T extends Task & { readonly answer: number }>({
  tolerance = 0,
  ...options
}: Weighted & { readonly tolerance?: number } = {}): Reward<T> {
  return correctness('number', (text, { answer }) => isNumber(text, answer, tolerance), options);
}

export function isNumber(text: string, answer: number, tolerance = 0): boolean {
  const found = extractAnswer(text);
  return (
    found !== null && Math.abs(found.value - answer) <= tolerance * Math.max(1, Math.abs(answer))
  );
}

export interface DerivativeTask extends Task {
  /** Its derivative, in any form, is what is asked for. */
  readonly of: Expression;
  readonly derivative: Expression;
  readonly names: Names;
}

/** A text that is the derivative in any algebraic form; see `agree`. */
export function derivativeAnswer<T extends DerivativeTask>(options: Weighted = {}): Reward<T> {
  return correctness('derivative', isDerivative, options);
}

export function isDerivative(text: string, { of, derivative, names }: DerivativeTask): boolean {
  const answer = expressionIn(text, names);
  return answer !== null && agree(derivative, answer, { names, domain: of });
}

/** Null for a text that is no expression. */
export function expressionIn(text: string, names: Names): Expression | null {
  try {
    return parseExpression(text, names);
  } catch {
    return null;
  }
}

/** Letters of a multiple choice, in any order; all of them, and no other. */
export function choiceAnswer<T extends Task & { readonly answer: string }>(
  options: Weighted = {},
): Reward<T> {
  return correctness('choice', (text, { answer }) => isChoice(text, answer), options);
}

export function isChoice(text: string, answer: string): boolean {
  return lettersIn(text) === lettersIn(answer);
}

/** `B, A.` is AB; null for anything else. */
export function lettersIn(text: string): string | null {
  const letters = text.trim().replace(/[\s,.]/g, '');
  return /^[A-Z]+$/.test(letters) ? [...new Set(letters)].sort().join('') : null;
}
