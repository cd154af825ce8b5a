// Reasoning at a size of seconds; the full experiment is in bench/results/reasoning.json.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import {
  type ReasoningResults,
  reasoningExperiment,
} from '../../src/posttrain/reasoning_experiment.ts';
import { reasoningReport, summariseReasoning } from '../../src/posttrain/reasoning_report.ts';
import { device } from '../device.ts';

test('I14 both ways are taught, learn from their rewards, and are asked by budget', async () => {
  const settings = {
    ...{
      layers: 1,
      width: 16,
      steps: 3,
      solvedTasks: 200,
      warmSteps: 60,
      tasks: 100,
      iterations: 2,
    },
    ...{ prompts: 4, groupSize: 4, trainBudget: 12, budgets: [0, 6, 18], heldOut: 8, attempts: 1 },
    seeds: [1],
  };
  const { result, settings: all } = await runExperiment(device, reasoningExperiment, { settings });
  const [direct, buffer] = result!.results;
  expect([direct!.way, buffer!.way]).toEqual(['direct', 'buffer']);
  expect(direct!.after.thought).toBe(0);
  expect(direct!.byBudget).toEqual([]);
  expect(direct!.sample.thought).toBe('');
  expect(buffer!.byBudget.map(({ budget }) => budget)).toEqual([0, 6, 18]);
  for (const { budget, thought } of buffer!.byBudget) expect(thought).toBeLessThanOrEqual(budget);
  expect(buffer!.byBudget[0]!.thought).toBe(0);
  expect(buffer!.sample.thought).not.toBe('');
  expect(buffer!.sample.text).not.toMatch(/think>/);
  const { ways, budgets } = summariseReasoning(result!);
  expect(ways.map(({ way }) => way)).toEqual(['direct', 'buffer']);
  expect(budgets).toHaveLength(3);
  expect(reasoningReport(result!, all).plots[0]!.series).toHaveLength(2);
});

test('I14 the kept run: with the buffer more is right than without, intervals apart; accuracy rises with the budget, then no more', () => {
  const kept: ReasoningResults = JSON.parse(readFileSync('bench/results/reasoning.json', 'utf8'));
  const { ways, budgets } = summariseReasoning(kept);
  const [direct, buffer] = ways;
  expect(buffer!.after.mean - buffer!.after.margin).toBeGreaterThan(
    direct!.after.mean + direct!.after.margin,
  );
  expect(buffer!.after.mean).toBeGreaterThan(buffer!.before.mean);
  const right = budgets.map(({ right }) => right.mean);
  expect(Math.max(...right) - right[0]!).toBeGreaterThan(0.3);
  expect(Math.abs(right.at(-1)! - right.at(-2)!)).toBeLessThan(0.05);
});
