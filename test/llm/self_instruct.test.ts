// The experiments on synthetic data, at a size of seconds; the full ones are in bench/results.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { imitationExperiment } from '../../src/llm/imitation.ts';
import { summariseImitation } from '../../src/llm/imitation_report.ts';
import { selfInstructExperiment } from '../../src/llm/self_instruct.ts';
import { summariseSelfInstruct } from '../../src/llm/self_instruct_report.ts';
import { Device } from '../../src/ops/device.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

const SMALL = { layers: 1, heads: 2, batch: 32, examples: 1000, seeds: [1] };

test('H4 a model learns from what it makes up: new tasks only, and right ones where answers are checked', async () => {
  const { result } = await runExperiment(device, selfInstructExperiment, {
    settings: {
      ...SMALL,
      ...{ width: 16, baseSteps: 100, seedTasks: 20, heldOut: 40, rounds: 2, drawn: 128 },
      tuningSteps: 20,
    },
  });
  const [seedsOnly, fresh, right] = summariseSelfInstruct(result!);
  expect(seedsOnly!.rounds.map(({ pool }) => pool)).toEqual([20, 20, 20]);
  for (const { rounds } of [fresh!, right!]) {
    const pools = rounds.map(({ pool }) => pool);
    expect(pools[0]).toBe(20);
    expect(pools[1]).toBeGreaterThan(20);
    expect(pools[2]).toBeGreaterThan(pools[1]!);
  }
  expect(fresh!.rounds[2]!.pool).toBeGreaterThan(fresh!.rounds[2]!.right);
  expect(right!.rounds[2]!.pool).toBe(right!.rounds[2]!.right);
});

test('H4 imitation of a teacher: the imitated family gains, the others lose', async () => {
  const settings = {
    ...SMALL,
    ...{ heldOut: 40, widths: [16], baseSteps: 60, teacherWidth: 32, teacherSteps: 150 },
    ...{ family: 'S' as const, amounts: [256], tuningSteps: 60, learningRate: 0.015 },
  };
  const outcome = await runExperiment(device, imitationExperiment, { settings });
  const summaries = summariseImitation(outcome.result!, outcome.settings);
  const [teacher, base, tuned] = summaries;
  expect(summaries.map(({ examples }) => examples)).toEqual([null, 0, 256]);
  expect(teacher!.imitated).toBeGreaterThan(base!.imitated);
  expect(tuned!.imitated).toBeGreaterThan(base!.imitated);
  expect(tuned!.others).toBeLessThanOrEqual(base!.others);
});
