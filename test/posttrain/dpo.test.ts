// DPO: its optimum, its gradient in parts, its reference, and a run that goes on.

import { describe, expect, test } from 'vitest';
import { type DpoSettings, dpo } from '../../src/posttrain/dpo.ts';
import {
  answerProbabilities,
  enumerable,
  objective,
  optimum,
  uniformModel,
} from '../../src/posttrain/enumerable.ts';
import type { PreferenceTokens } from '../../src/posttrain/preferences.ts';
import { device } from '../device.ts';
import { makeModel, valuesOf } from '../llm/finetune_tiny.ts';
import { expectClose } from '../reference/close.ts';

/** Every pair of answers once, labelled as Bradley-Terry says. */
function exactPairs(): PreferenceTokens[] {
  const { answers, rewards } = enumerable();
  return answers.flatMap((chosen, i) =>
    answers.slice(i + 1).map((rejected, j) => {
      const gap = rewards[i]! - rewards[i + 1 + j]!;
      return { promptIds: [0], chosen, rejected, weight: 1 / (1 + Math.exp(-gap)) };
    }),
  );
}

describe('on the enumerable model, with exact labels', () => {
  const space = enumerable();
  const train = exactPairs();

  test.each([1, 0.5])(
    'I5: DPO comes to the policy proportional to ref exp(r / beta), beta %d',
    async (beta) => {
      const model = uniformModel(device);
      const settings: Partial<DpoSettings> = {
        ...{
          method: 'full',
          beta,
          batch: train.length,
          steps: 120,
          learningRate: 0.01,
          warmup: 0.05,
        },
        evaluateEvery: 120,
      };
      const { evaluations } = await dpo(device, model, { train, heldOut: train }, { settings });
      expect(evaluations[0]!.loss).toBeCloseTo(Math.LN2, 6);
      expect(evaluations[0]!.metrics).toMatchObject({ 'rewards/margin': 0, 'rewards/accuracy': 0 });
      const { policy, JStar } = optimum(space, beta);
      const found = await answerProbabilities(device, { model, adapter: null }, space);
      expectClose(found, Float64Array.from(policy), { rtol: 0, atol: 0.01 }, 'policy');
      expect(objective(space, found, beta).J / JStar).toBeGreaterThan(0.99);
      model.dispose();
    },
  );
});

/** Pairs of unequal lengths, with an end token each: to go on with the letter, or with the one before. */
function letterPairs(count: number): PreferenceTokens[] {
  return Array.from({ length: count }, (_, i) => {
    const letter = i % 8;
    const length = 1 + (i % 3);
    const answer = (by: number, end: number) => [
      ...Array.from({ length: end }, (_, t) => (letter + by * (t + 1) + 8) % 8),
      9,
    ];
    const promptIds = [letter, ...(i % 2 ? [8] : [])];
    return { promptIds, chosen: answer(1, length), rejected: answer(7, 4 - length), weight: 1 };
  });
}

describe('of pairs that differ in length', () => {
  const data = { train: letterPairs(24), heldOut: letterPairs(8) };
  const settings: Partial<DpoSettings> = {
    batch: 8,
    steps: 9,
    learningRate: 0.01,
    evaluateEvery: 3,
  };

  async function trained(changes: Partial<DpoSettings>) {
    const model = makeModel(device);
    const before = await valuesOf(model);
    const result = await dpo(device, model, data, { settings: { ...settings, ...changes } });
    return { model, before, ...result };
  }

  test('accumulated gradients are those of the whole batch', async () => {
    const [whole, parts] = [
      await trained({ method: 'full' }),
      await trained({ method: 'full', accumulate: 4 }),
    ];
    for (const [i, { loss }] of parts.evaluations.entries())
      expect(loss).toBeCloseTo(whole.evaluations[i]!.loss, 4);
    const values = await valuesOf(whole.model);
    for (const [name, found] of await valuesOf(parts.model)) {
      const expected = Float64Array.from(values.get(name)!);
      expectClose(found, expected, { rtol: 0, atol: 1e-3 }, name); // Adam divides by the gradient's size
    }
    for (const { model } of [whole, parts]) model.dispose();
  });

  test('an adapter learns, and the reference beneath it keeps its bits', async () => {
    const { model, before, evaluations } = await trained({
      method: 'lora',
      targets: ['*'],
      steps: 30,
      learningRate: 0.03,
    });
    const after = await valuesOf(model);
    for (const [name, values] of before) expect(after.get(name), name).toEqual(values);
    const [first, last] = [evaluations[0]!, evaluations.at(-1)!];
    expect(first.loss).toBeCloseTo(Math.LN2, 6);
    expect(last.loss).toBeLessThan(0.6);
    const { 'rewards/chosen': chosen, 'rewards/rejected': rejected } = last.metrics!;
    expect(last.metrics!['rewards/margin']).toBeCloseTo(chosen! - rejected!, 6);
    expect(last.metrics!['rewards/accuracy']).toBeGreaterThan(0.7);
    model.dispose();
  });

  test('the end token counts: where nothing else differs, it is what is learned', async () => {
    const pair = (a: number) => ({ promptIds: [a], chosen: [a, 9], rejected: [a, a], weight: 1 });
    const train = Array.from({ length: 8 }, (_, letter) => pair(letter));
    const model = makeModel(device);
    const { evaluations } = await dpo(
      device,
      model,
      { train, heldOut: train },
      { settings: { ...settings, method: 'full' } },
    );
    expect(evaluations.at(-1)!.metrics).toMatchObject({ 'rewards/accuracy': 1 });
    model.dispose();
  });
});
