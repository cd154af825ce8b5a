// Bodies of training loops with and without bugs, like the lecture's, and what is wrong with them. The lecture asks for the bug in
//
//   loss += 0.5 * (critic(state) - target)**2
//   optim.step()
//   loss.backward()
// and there are two: the step comes before the gradients that it is to take, and no gradients are ever cleared.

import { DataError } from '../errors.ts';

export const LECTURE_LOOP = [
  'loss += 0.5 * (critic(state) - target)**2',
  'optim.step()',
  'loss.backward()',
];

/** What can be wrong, by its letter in a multiple choice. */
export const LOOP_BUGS = {
  A: 'no zero_grad',
  B: 'step before backward',
  C: 'zero_grad between backward and step',
  D: 'no backward',
  E: 'no step',
  F: 'none',
} as const;

export type LoopBug = keyof typeof LOOP_BUGS;

/** What a line does. */
export type LoopLine = 'loss' | 'zero' | 'backward' | 'step';

const PATTERNS: Readonly<Record<LoopLine, RegExp>> = {
  loss: /^loss \+?= /,
  zero: /\.zero_grad\(\)$/,
  backward: /\.backward\(\)$/,
  step: /\.step\(\)$/,
};

/** @throws DataError for a line that is no part of such a loop. */
export function loopLine(text: string): LoopLine {
  const kinds = Object.keys(PATTERNS) as LoopLine[];
  const kind = kinds.find((each) => PATTERNS[each].test(text.trim()));
  if (kind) return kind;
  throw new DataError(`training loop: ${JSON.stringify(text)} is no line of it`);
}

/** The bugs of a loop whose loss comes first, or `['F']`. */
export function loopBugs(lines: readonly LoopLine[]): LoopBug[] {
  const [zero, backward, step] = (['zero', 'backward', 'step'] as const).map((line) =>
    lines.indexOf(line),
  ) as [number, number, number];
  const bugs: LoopBug[] = [];
  if (zero < 0) bugs.push('A');
  if (backward >= 0 && step >= 0 && step < backward) bugs.push('B');
  if (backward >= 0 && backward < zero && zero < step) bugs.push('C');
  if (backward < 0) bugs.push('D');
  if (step < 0) bugs.push('E');
  return bugs.length > 0 ? bugs : ['F'];
}

/** Whether every step takes the gradients of its own iteration and no other: told by going through three of them. */
export function loopLearns(lines: readonly LoopLine[]): boolean {
  let gradients: number[] = [];
  for (let iteration = 0; iteration < 3; iteration++) {
    let taken: readonly number[] | null = null;
    for (const line of lines) {
      if (line === 'zero') gradients = [];
      if (line === 'backward') gradients.push(iteration);
      if (line === 'step') taken = [...gradients];
    }
    if (taken?.length !== 1 || taken[0] !== iteration) return false;
  }
  return true;
}
