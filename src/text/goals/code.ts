// Code examples, debugging sessions, explaining code -> coding agent: programs of a stack machine. A reply is right where it runs
// and computes what was asked, whatever it looks like.

import type { RandomStream } from '../../tensor/philox.ts';
import { assistant, type Goal, lastOf, NOT_A_QUESTION, oneOf, user } from './goal.ts';
import {
  differ,
  type Formula,
  programOf,
  type Read,
  readFormula,
  runProgram,
  type Sign,
  textOf,
} from './stack_programs.ts';

const SIGNS: readonly Sign[] = ['+', '-', '*'];

const QUESTIONS = {
  write: (formula: string) => `Write a stack program for ${formula}.`,
  debug: (program: string, formula: string) => `${program} should compute ${formula}. Fix it.`,
  explain: (program: string) => `What does ${program} compute?`,
};

function drawFormula(random: RandomStream, depth: number): Formula {
  if (depth === 0) return random.integer(2) === 0 ? 'x' : 1 + random.integer(9);
  const sign = oneOf(random, SIGNS);
  const left = drawFormula(random, depth - 1);
  return [sign, left, drawFormula(random, random.integer(depth))];
}

/** The program with one word changed, so that it computes something else. */
function broken(random: RandomStream, formula: Formula): string {
  for (;;) {
    const words = programOf(formula).split(' ');
    const at = random.integer(words.length);
    const sign = (SIGNS as readonly string[]).includes(words[at]!);
    words[at] = sign ? oneOf(random, SIGNS) : String(1 + random.integer(9));
    const program = words.join(' ');
    const found = runProgram(program);
    if ('formula' in found && differ(found.formula, formula)) return program;
  }
}

/** What the reply must compute, and how it is read: as a program or as a formula. */
function asked(question: string): { wanted: Read; read: (reply: string) => Read } | null {
  const explained = /^What does (.*) compute\?$/.exec(question)?.[1];
  if (explained !== undefined) return { wanted: runProgram(explained), read: readFormula };
  const text =
    /^Write a stack program for (.*)\.$/.exec(question)?.[1] ??
    /^.* should compute (.*)\. Fix it\.$/.exec(question)?.[1];
  return text === undefined ? null : { wanted: readFormula(text), read: runProgram };
}

export const code: Goal = {
  about: 'programs of a stack machine, written, debugged and explained',
  draw(random) {
    const formula = drawFormula(random, 1 + random.integer(2));
    const [program, text] = [programOf(formula), textOf(formula)];
    const kind = random.integer(3);
    if (kind === 0) return [user(QUESTIONS.write(text)), assistant(program)];
    if (kind === 1) return [user(QUESTIONS.explain(program)), assistant(text)];
    return [user(QUESTIONS.debug(broken(random, formula), text)), assistant(program)];
  },
  fault(before, reply) {
    const question = asked(lastOf(before).content);
    if (!question || 'fault' in question.wanted) return NOT_A_QUESTION;
    const found = question.read(reply);
    if ('fault' in found) return found.fault;
    const difference = differ(found.formula, question.wanted.formula);
    return difference && `gives ${difference.a} for x = ${difference.x}, not ${difference.b}`;
  },
};
