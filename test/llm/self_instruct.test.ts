// The experiments on synthetic data, at a size of seconds; the full ones are in bench/results.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { imitationExperiment } from '../../src/llm/imitation.ts';
import { summariseImitation } from '../../src/llm/imitation_report.ts';
import { selfInstructExperiment } from '../../src/llm/self_instruct.ts';
import { summariseSelfInstruct } from '../../src/llm/self_instruct_report.ts';
import { device } from '../device.ts';

const SMALL = { layers: 1, heads: 2, batch: 32, examples: 1000, seeds: [1] };

test('H4 a model learns from what it makes up: new tasks only, and right ones where answers are checked', async () => {
  const { result } = await runExperiment(device, selfInstructExperiment, {
    settings: {
      ...SMALL,
      ...{ width: 16, baseSteps: 150, seedTasks: 20, heldOut: 40, rounds: 1, drawn: 512 },
      ...{ tuningSteps: 10, learningRate: 0.02 },
    },
  });
  const [seedsOnly, fresh, right] = summariseSelfInstruct(result!);
  const pools = [seedsOnly!, fresh!, right!].map(({ rounds }) => rounds.map(({ pool }) => pool));
  expect(pools.map(([before]) => before)).toEqual([20, 20, 20]);
  expect(pools[0]![1]).toBe(20);
  // The same base draws the same lines, of which few are right.
  expect(pools[1]![1]).toBeGreaterThan(pools[2]![1]!);
  expect(pools[2]![1]).toBeGreaterThan(20);
  expect(fresh!.rounds[1]!.pool).toBeGreaterThan(fresh!.rounds[1]!.right);
  expect(right!.rounds[1]!.pool).toBe(right!.rounds[1]!.right);
});

test('H4 imitation of a teacher: the imitated family gains', async () => {
  const settings = {
    ...SMALL,
    ...{ heldOut: 40, widths: [16], baseSteps: 30, teacherWidth: 32, teacherSteps: 150 },
    ...{ family: 'S' as const, amounts: [256], tuningSteps: 60, tuningRate: 0.01 },
  };
  const outcome = await runExperiment(device, imitationExperiment, { settings });
  const summaries = summariseImitation(outcome.result!, outcome.settings);
  const [teacher, base, tuned] = summaries;
  expect(summaries.map(({ examples }) => examples)).toEqual([null, 0, 256]);
  expect(teacher!.imitated).toBeGreaterThan(base!.imitated);
  expect(tuned!.imitated).toBeGreaterThan(base!.imitated);
  expect(tuned!.others).toBeLessThan(0.2);
});

test('H4 the kept run: a model gains from what it makes up where its answers are checked, and loses without', () => {
  const kept = JSON.parse(readFileSync('bench/results/self-instruct.json', 'utf8'));
  for (const { filter, rounds } of summariseSelfInstruct(kept)) {
    const gain = rounds.at(-1)!.solved - rounds[0]!.solved;
    if (filter === 'newAndRight') expect(gain).toBeGreaterThan(0);
    else expect(gain).toBeLessThan(0);
  }
});

test('H4 the kept run: imitation gains where it imitates and loses elsewhere, a larger base less', () => {
  const kept = JSON.parse(readFileSync('bench/results/imitation.json', 'utf8'));
  const summaries = summariseImitation(kept, kept.settings);
  const [small, large] = [16, 32].map((width) => {
    const own = summaries.filter((each) => each.width === width && each.examples !== null);
    const [base, most] = [own[0]!, own.at(-1)!];
    expect(most.imitated).toBeGreaterThan(base.imitated);
    expect(most.others).toBeLessThan(base.others);
    return most;
  });
  expect(large!.others).toBeGreaterThan(small!.others);
  expect(large!.imitated).toBeGreaterThan(small!.imitated - 0.02);
});
