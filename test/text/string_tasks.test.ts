import { expect, test } from 'vitest';
import { FAMILIES, judgeLine, stringTask, stringTasks } from '../../src/text/string_tasks.ts';

test('the four rules, and what a line is', () => {
  const lines = FAMILIES.map((family) => stringTask(family, 'bdah'));
  const written = lines.map(({ prompt, completion }) => prompt + completion);
  expect(written).toEqual(['Rbdah=hadb', 'Sbdah=abdh', 'Mbdah=dahb', 'Nbdah=ceba']);
  expect(written.map(judgeLine)).toEqual(['right', 'right', 'right', 'right']);
  expect(judgeLine('Rbdah=hadbb')).toBe('wrong');
  for (const line of ['Xbdah=hadb', 'R=', 'Rbdah', 'Rbdxh=hxdb', '', 'toString=a'])
    expect(judgeLine(line)).toBe('noTask');
});

test('as many tasks of each family, the same from the same seed, none that is left out', () => {
  const options = { seed: 2, count: 800 };
  const tasks = stringTasks(options);
  expect(stringTasks(options)).toEqual(tasks);
  for (const family of FAMILIES)
    expect(tasks.filter(({ prompt }) => prompt.startsWith(family))).toHaveLength(200);
  const prompts = new Set(tasks.map(({ prompt }) => prompt));
  expect(prompts.size).toBe(800);
  const others = stringTasks({ ...options, set: 1, count: 3000, without: prompts });
  expect(others.some(({ prompt }) => prompts.has(prompt))).toBe(false);
  expect(() => stringTasks({ ...options, count: 9000 })).toThrow('more than half of the 16384');
});
