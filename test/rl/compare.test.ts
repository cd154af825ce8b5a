// Runs beside each other: which belong together, and what their curve is.

import { expect, test } from 'vitest';
import { type ComparedRun, compareRuns } from '../../src/rl/compare.ts';
import { agentSettings } from '../../src/rl/train_agent.ts';

const run = (own: object, curve: ComparedRun['curve'], algorithm = 'ppo'): ComparedRun => ({
  algorithm,
  environment: 'CartPole-v1',
  settings: agentSettings(algorithm, own),
  curve,
});
const line = (slope: number) => ({
  x: [100, 300, 400],
  y: [slope * 100, slope * 300, slope * 400],
});

test('runs that differ in the seed alone are one group; others are told by what differs', () => {
  const { groups } = compareRuns([
    run({ seed: 1 }, line(1)),
    run({ seed: 2, checkpointEvery: 7 }, line(3)),
    run({ seed: 1, learningRate: 0.1 }, line(1)),
    run({ seed: 1 }, line(1), 'a2c'),
  ]);
  expect(groups.map(({ label, seeds }) => [label, seeds])).toEqual([
    ['ppo learningRate=0.00025', [1, 2]],
    ['ppo learningRate=0.1', [1]],
    ['a2c', [1]],
  ]);
});

test('the curve is the mean over the seeds between their points, with t of 95 %', () => {
  const [group] = compareRuns([
    run({ seed: 1 }, line(1)),
    run({ seed: 2 }, { x: [100, 150, 400], y: [300, 450, 1200] }),
  ]).groups;
  const { steps, returns, final } = group!;
  for (const [i, step] of steps.entries()) expect(returns[i]!.mean).toBeCloseTo(2 * step, 6);
  expect(final.mean).toBeCloseTo(800, 6);
  // two values 400 and 1200: s / sqrt(2) = 400, t of one degree of freedom is 12.706
  expect(final.margin).toBeCloseTo(12.706 * 400, 0);
});

test('no runs, and runs in several environments, are refused', () => {
  expect(() => compareRuns([])).toThrow('expected runs in one environment, got none');
  const other = { ...run({}, line(1)), environment: 'Acrobot-v1' };
  expect(() => compareRuns([run({}, line(1)), other])).toThrow('got CartPole-v1, Acrobot-v1');
});
