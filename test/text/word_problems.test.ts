import { expect, test } from 'vitest';
import { extractAnswer, reasonedAnswer } from '../../src/text/prompts.ts';
import { wordProblems } from '../../src/text/word_problems.ts';

const options = { seed: 3, count: 500, minSteps: 1, maxSteps: 5 };

test('J8 word problems: the story, its steps and its answer agree', () => {
  const problems = wordProblems(options);
  expect(new Set(problems.map(({ question }) => question)).size).toBe(500);
  for (const { question, rationale, answer, steps } of problems) {
    const [start, ...changes] = question.match(/\d+/g)!.map(Number);
    expect(changes).toHaveLength(steps);
    const signs = [...question.matchAll(/(bought|found|won|lost|sold|used) \d+/g)].map(
      ([, verb]) => (['bought', 'found', 'won'].includes(verb!) ? 1 : -1),
    );
    const totals = [start!];
    for (const [i, change] of changes.entries()) totals.push(totals[i]! + signs[i]! * change);
    expect(answer).toBe(totals.at(-1));
    const equations = changes.map((change, i) => {
      return `${totals[i]} ${signs[i]! > 0 ? '+' : '-'} ${change} = ${totals[i + 1]}.`;
    });
    expect(rationale).toBe(equations.join(' '));
    for (const total of totals) expect(total >= 0 && total <= 10).toBe(true);
    expect(extractAnswer(reasonedAnswer({ question, rationale, answer }))).toEqual({
      value: answer,
      stated: true,
    });
  }
});

test('word problems: as many of each number of steps, the same from the same seed, none that is held out', () => {
  const problems = wordProblems(options);
  for (let steps = 1; steps <= 5; steps++)
    expect(problems.filter((problem) => problem.steps === steps)).toHaveLength(100);
  expect(wordProblems(options)).toEqual(problems);
  const heldOut = new Set(problems.map(({ question }) => question));
  const others = wordProblems({ ...options, set: 1, count: 2000, without: heldOut });
  expect(others.some(({ question }) => heldOut.has(question))).toBe(false);
});

test('word problems that cannot be are refused', () => {
  expect(() => wordProblems({ ...options, minSteps: 0 })).toThrow('expected at least 1 step');
  expect(() => wordProblems({ ...options, maxSteps: 1, count: 9000 })).toThrow('ask for fewer');
});

test('word problems without words are sums, with the same steps', () => {
  const sums = wordProblems({ ...options, minSteps: 2, told: 'sum' });
  expect(sums.some(({ question }) => question.includes('-') && question.includes('+'))).toBe(true);
  for (const { question, rationale, answer, steps } of sums) {
    const [first, ...terms] = question.match(/(^|[-+] )\d+/g)!.map((term) => term.replace(' ', ''));
    expect(terms).toHaveLength(steps);
    expect(question).toBe(`${[first, ...terms].join(' ').replace(/([-+])/g, '$1 ')} = ?`);
    expect(answer).toBe([first, ...terms].map(Number).reduce((a, b) => a + b, 0));
    expect(rationale.endsWith(`= ${answer}.`)).toBe(true);
    expect(rationale.startsWith(`${first} `)).toBe(true);
  }
});
