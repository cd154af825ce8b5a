// Reasoning traces (chain of thought) -> problem solver: sums told as stories, solved step by step. Every step is checked: that
// it follows from the story, that it starts where the last one ended, and that it is right.

import { assistant, type Goal, lastOf, NOT_A_QUESTION, oneOf, user } from './goal.ts';

const NAMES = ['Mia', 'Ann', 'Ben', 'Tom'];
const THINGS = ['eggs', 'cups', 'shells', 'books'];
const MOST = 99;

interface Step {
  readonly sign: '+' | '-' | '*';
  readonly by: number;
}

/** The story's sentence of a step, and what reads it. */
const SENTENCES = {
  '+': { tell: (by: number) => `gets ${by} more.`, read: /^gets (\d+) more\.$/ },
  '-': { tell: (by: number) => `gives away ${by}.`, read: /^gives away (\d+)\.$/ },
  '*': { tell: (by: number) => `gets ${by} times as many.`, read: /^gets (\d+) times as many\.$/ },
} as const;

function after(value: number, { sign, by }: Step): number {
  if (sign === '+') return value + by;
  return sign === '-' ? value - by : value * by;
}

function told(name: string, thing: string, first: number, steps: readonly Step[]): string {
  const sentences = steps.map(({ sign, by }) => `${name} ${SENTENCES[sign].tell(by)}`);
  return [`${name} has ${first} ${thing}.`, ...sentences, `How many ${thing} has ${name}?`].join(
    ' ',
  );
}

function solved(first: number, steps: readonly Step[]): string {
  let value = first;
  const lines = steps.map((step) => {
    const before = value;
    value = after(value, step);
    return `${before} ${step.sign} ${step.by} = ${value}.`;
  });
  return [...lines, `Answer: ${value}.`].join(' ');
}

/** The story behind a question; null for another question. */
function storyOf(question: string): { first: number; steps: Step[] } | null {
  const found = /^(\w+) has (\d+) (\w+)\. (.*) How many \3 has \1\?$/.exec(question);
  if (!found) return null;
  const [, name, first, , middle] = found;
  const sentences = middle!.split(new RegExp(`(?:^| )${name} `)).slice(1);
  const steps = sentences.map((sentence): Step | null => {
    for (const [sign, { read }] of Object.entries(SENTENCES)) {
      const by = read.exec(sentence)?.[1];
      if (by !== undefined) return { sign: sign as Step['sign'], by: Number(by) };
    }
    return null;
  });
  return steps.includes(null) ? null : { first: Number(first), steps: steps as Step[] };
}

function drawStep(value: number, integer: (n: number) => number): Step {
  const fits: Step[] = [
    { sign: '+', by: 1 + integer(20) },
    { sign: '-', by: 1 + integer(Math.max(1, value)) },
    { sign: '*', by: 2 + integer(2) },
  ];
  const possible = fits.filter((step) => after(value, step) >= 0 && after(value, step) <= MOST);
  return possible[integer(possible.length)] ?? { sign: '-', by: value };
}

export const reasoning: Goal = {
  about: 'chains of thought: sums told as stories, solved step by step',
  draw(random) {
    const first = 1 + random.integer(30);
    const steps: Step[] = [];
    let value = first;
    for (let count = 2 + random.integer(2); count > 0; count--) {
      const step = drawStep(value, random.integer);
      steps.push(step);
      value = after(value, step);
    }
    const question = told(oneOf(random, NAMES), oneOf(random, THINGS), first, steps);
    return [user(question), assistant(solved(first, steps))];
  },
  fault(before, reply) {
    const story = storyOf(lastOf(before).content);
    if (!story) return NOT_A_QUESTION;
    let value = story.first;
    let rest = reply;
    for (const [i, step] of story.steps.entries()) {
      const found = /^(\d+) ([-+*]) (\d+) = (\d+)\. /.exec(rest);
      if (!found) return `step ${i + 1} is missing`;
      const [line, from, sign, by, result] = found;
      if (Number(from) !== value) return `step ${i + 1} starts from ${from}, not from ${value}`;
      if (sign !== step.sign || Number(by) !== step.by)
        return `step ${i + 1} is ${sign} ${by}, the story says ${step.sign} ${step.by}`;
      value = after(value, step);
      if (Number(result) !== value) return `step ${i + 1} gives ${result}, not ${value}`;
      rest = rest.slice(line.length);
    }
    return rest === `Answer: ${value}.` ? null : `expected "Answer: ${value}." at the end`;
  },
};
