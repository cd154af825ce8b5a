// Chains of thought at a size of seconds; the full experiment is in bench/results/chain-of-thought.json.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { type ChainResult, chainExperiment } from '../../src/llm/chain_of_thought.ts';
import { summariseChains } from '../../src/llm/chain_of_thought_report.ts';
import { device } from '../device.ts';

test('J8 a model writes the steps when it is asked to, and its answers are read from what it wrote', async () => {
  const { result } = await runExperiment(device, chainExperiment, {
    settings: {
      ...{ examples: 400, heldOut: 10, maxSteps: 2, layers: 1, width: 16, steps: 60, batch: 16 },
      seeds: [1],
    },
  });
  const asked = summariseChains(result!).map(({ taught, asked }) => `${taught} ${asked}`);
  expect(asked).toEqual([
    'answers directly',
    'chains stepByStep',
    'both directly',
    'both stepByStep',
    'prompted directly',
    'prompted stepByStep',
    'prompted afterAnswers',
    'prompted afterChains',
  ]);
  const [answers, chains, both, prompted] = result!.results;
  expect(answers!.answers[0]!.sample).toMatch(/now\?\nA: The answer is \d+\.$/);
  expect(chains!.answers[0]!.sample).toMatch(
    /A: Let's think step by step\. .*=.* The answer is \d+\.$/,
  );
  expect(both!.answers.map(({ accuracy }) => accuracy.length)).toEqual([2, 2]);
  const [direct, , afterAnswers, afterChains] = prompted!.answers.map(({ sample }) => sample);
  expect(direct!.match(/Q:/g)).toHaveLength(1);
  const answered = (how: string) => `Q: .*\\nA: ${how}The answer is \\d+\\.`;
  const after = (how: string) => new RegExp(`^(${answered(how)}\n\n){2}Q: .*\nA:`);
  expect(afterAnswers).toMatch(after(''));
  expect(afterChains).toMatch(after('(\\d+ [-+] \\d+ = \\d+\\. )+'));
});

test('J8 the kept run: of three and more steps, chains solve more than answers alone, with every seed', () => {
  const kept = JSON.parse(readFileSync('bench/results/chain-of-thought.json', 'utf8'));
  const results: readonly ChainResult[] = kept.results;
  const accuracies = (taught: string) =>
    results.filter((each) => each.taught === taught).map(({ answers }) => answers[0]!.accuracy);
  const [answers, chains] = [accuracies('answers'), accuracies('chains')];
  expect(chains.length).toBe(kept.settings.seeds.length);
  for (const [seed, accuracy] of chains.entries()) {
    for (let steps = 3; steps <= 5; steps++)
      expect(accuracy[steps - 1]).toBeGreaterThan(answers[seed]![steps - 1]!);
  }
});
