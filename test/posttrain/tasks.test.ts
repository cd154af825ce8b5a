import { describe, expect, it, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { loopTask } from '../../src/posttrain/tasks/bugs.ts';
import { TASK_FAMILIES, taskFamily } from '../../src/posttrain/tasks/index.ts';
import {
  LECTURE_LOOP,
  LOOP_BUGS,
  type LoopLine,
  loopBugs,
  loopLearns,
  loopLine,
} from '../../src/text/training_loops.ts';

describe.each(Object.values(TASK_FAMILIES))('tasks: $name', (family) => {
  const sets = family.draw({ seed: 1, train: 200, heldOut: 60 });
  const all = [...sets.train, ...sets.heldOut, ...sets.longer];

  it('come as many as wanted, all different, and the same for the same seed', () => {
    expect([sets.train.length, sets.heldOut.length, sets.longer.length]).toEqual([200, 60, 60]);
    expect(new Set(all.map(({ prompt }) => prompt)).size).toBe(all.length);
    expect(family.draw({ seed: 1, train: 200, heldOut: 60 })).toEqual(sets);
    expect(family.draw({ seed: 2, train: 200, heldOut: 60 }).train).not.toEqual(sets.train);
  });

  it('accept their solutions and answers, and nobody else’s', () => {
    for (const [i, task] of all.entries()) {
      const vote = family.vote(task.answer, task);
      for (const text of [task.solution, task.answer]) {
        expect(family.right(text, task), text).toBe(true);
        expect(family.vote(text, task)).toBe(vote);
      }
      const other = all[(i + 7) % all.length]!;
      const same = family.vote(other.answer, task) === vote;
      expect(family.right(other.solution, task), `${other.solution} for ${task.prompt}`).toBe(same);
      for (const nothing of ['', ' ', 'x+', '∞', '('.repeat(5000)]) {
        expect(family.right(nothing, task)).toBe(false);
        expect(family.vote(nothing, task)).toBe(null);
      }
    }
  });
});

test('unknown tasks are refused with the names of those there are', () => {
  expect(() => taskFamily('chess')).toThrow('no tasks "chess"; there are arithmetic, derivatives');
  expect(() => taskFamily('toString')).toThrow(ConfigError);
  expect(() => taskFamily('arithmetic').draw({ seed: 1, train: 9000, heldOut: 10 })).toThrow(
    'ask for fewer',
  );
});

/** All orders of the lines after the loss, any of them missing. */
function orders(lines: readonly LoopLine[]): LoopLine[][] {
  return [
    [],
    ...lines.flatMap((line) =>
      orders(lines.filter((each) => each !== line)).map((rest) => [line, ...rest]),
    ),
  ];
}

describe('training loops', () => {
  it('L18 the lecture’s snippet has two bugs: the step comes before backward, and there is no zero_grad', () => {
    const lines = LECTURE_LOOP.map(loopLine);
    expect(loopBugs(lines).map((bug) => LOOP_BUGS[bug])).toEqual([
      'no zero_grad',
      'step before backward',
    ]);
    // Repairing one of the two does not help.
    expect(loopLearns(lines)).toBe(false);
    expect(loopLearns(['loss', 'backward', 'step'])).toBe(false);
    expect(loopLearns(['zero', 'loss', 'step', 'backward'])).toBe(false);
    expect(loopLearns(['zero', 'loss', 'backward', 'step'])).toBe(true);
    const task = loopTask(LECTURE_LOOP);
    expect(taskFamily('bugs').right(' B and A', task)).toBe(false);
    expect(taskFamily('bugs').right(' B, A', task)).toBe(true);
    expect(taskFamily('bugs').right(' B', task)).toBe(false);
  });

  it('I11 have no bug where three iterations go well, and one where they do not', () => {
    const all = orders(['zero', 'backward', 'step']);
    expect(all).toHaveLength(16);
    for (const lines of all) {
      const found = loopBugs(['loss', ...lines]);
      expect(found[0] === 'F', lines.join(' ')).toBe(loopLearns(['loss', ...lines]));
    }
  });

  it('are made of lines that are known', () => {
    expect(() => loopLine('import os')).toThrow('"import os" is no line of it');
  });
});
