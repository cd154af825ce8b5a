// What goes wrong in other implementations of post-training, each shown not to.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { trainable } from '../../src/llm/trainable.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { mul } from '../../src/ops/binary.ts';
import { Device } from '../../src/ops/device.ts';
import { groupAdvantages } from '../../src/posttrain/advantages.ts';
import { uniformModel } from '../../src/posttrain/enumerable.ts';
import { type GroupLoss, groupLoss } from '../../src/posttrain/group_losses.ts';
import { GRPO_DEFAULTS, type GrpoSettings, grpo } from '../../src/posttrain/grpo.ts';
import { type Reward, rewardOf } from '../../src/posttrain/rewards.ts';
import { RLHF_DEFAULTS, type RlhfSettings, rlhf, rlhfLoss } from '../../src/posttrain/rlhf.ts';
import type { Speaker } from '../../src/posttrain/speaker.ts';
import { TextCollector } from '../../src/posttrain/text_collector.ts';
import { TextPolicy } from '../../src/posttrain/text_policy.ts';
import { backward } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

const END = 3;
const V = 4;
/** Tokens of an answer at most; of a prompt 2, or 1. */
const T = 3;
const PROMPTS = ['0', '12'];

const codec = {
  encode: (text: string) => Array.from(text, Number),
  decode: (ids: ArrayLike<number>) => Array.from(ids).join(''),
};

/** Ends early, with few zeros: answers differ in length and in score. */
const zeros = rewardOf('zeros', ({ text }) => text.split('0').length - 1);

const COMMON = {
  seed: 5,
  answers: 16,
  maxNewTokens: T,
  missingEnd: null,
  beta: 0.1,
  learningRate: 1e-2,
};

/** A model with an adapter, and what it is without. */
function speakers(seed = 0): { policy: Speaker; reference: Speaker } {
  const model = uniformModel(device, { vocabulary: V, length: T + 2 }, seed);
  model.head!.weight.write(noise(model.head!.weight.size));
  trainable(
    model,
    new Initialiser(device, 1),
    { kind: 'lora', rank: 2, alpha: 4, targets: ['attention.*', 'mlp.*'] },
    'policy',
  );
  return { policy: { model, adapter: 'policy' }, reference: { model, adapter: null } };
}

const noise = (size: number) =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(12.9898 * i) / 4);

function problemOf(
  of = speakers(),
  reward: Reward = zeros,
  groupSize = 4,
  onWarning?: (line: string) => void,
) {
  const tasks = Array.from({ length: COMMON.answers }, (_, i) => ({
    prompt: PROMPTS[Math.floor(i / groupSize) % 2]!,
  }));
  return {
    ...{ codec, tasks: () => tasks, rewards: [reward], ...of, promptTokens: 2, ends: [END] },
    ...(onWarning && { onWarning }),
  };
}

const ppoLearner = (settings: Partial<RlhfSettings> = {}, problem = problemOf()) =>
  rlhf(device, problem, { ...RLHF_DEFAULTS, ...COMMON, epochs: 2, minibatches: 2, ...settings });

const grpoLearner = (settings: Partial<GrpoSettings> = {}, problem = problemOf()) =>
  grpo(device, problem, { ...GRPO_DEFAULTS, ...COMMON, groupSize: 4, ...settings });

const METHODS = [
  ['PPO', ppoLearner],
  ['GRPO', grpoLearner],
] as const;

const bits = async (tensors: Iterable<Tensor>) => {
  const found: number[] = [];
  for (const x of tensors) found.push(...new Uint32Array((await x.data()).slice().buffer));
  return found;
};

// The first: what other tests leave to the garbage collector would go while it counts.
test('memory stands still over 300 iterations of PPO', async () => {
  const { learner } = ppoLearner({ epochs: 1, minibatches: 1 });
  const reports = [];
  for (let i = 0; i < 300; i++) {
    await learner.iterate(i, 300);
    if (i > 3) reports.push(JSON.stringify(device.memory()));
  }
  expect(new Set(reports).size).toBe(1);
  learner.dispose();
});

describe('the end token', () => {
  test('counts, and has its gradient; what stands after it has none', async () => {
    const { learner, collector } = grpoLearner();
    await collector.collect();
    const { rollout, answers } = collector;
    const [N, L] = rollout.mask.shape as [number, number];
    const leaf = device.tensor(await rollout.logProbs.data(), { shape: [N, L] }).requireGrad();
    const { loss } = groupLoss({ logProbs: leaf, entropy: mul(rollout.mask, 1) }, rollout, null, {
      ...GRPO_DEFAULTS,
      maxNewTokens: T,
    });
    backward(loss);
    const [slopes, mask, advantages] = await Promise.all(
      [leaf.grad!, rollout.mask, rollout.advantages].map((x) => x.data()),
    );
    const early = answers.filter(({ finished, ids }) => finished && ids.length < T);
    expect(early.length).toBeGreaterThan(2);
    for (const [row, { promptIds, ids }] of answers.entries()) {
      const end = row * L + promptIds.length - 1 + ids.length - 1;
      expect(mask![end]).toBe(1);
      expect(slopes![end] !== 0).toBe(advantages![end] !== 0);
      for (let at = end + 1; at < (row + 1) * L; at++)
        expect(Math.abs(mask![at]!) + Math.abs(slopes![at]!)).toBe(0);
    }
    expect([...advantages!].some((x) => x !== 0)).toBe(true);
    learner.dispose();
  });
});

test('PPO of a batch in which no token counts is 0, and not NaN', async () => {
  const { learner, collector } = ppoLearner();
  await collector.collect();
  collector.rollout.mask.write(new Float32Array(collector.rollout.mask.size));
  const { loss, ...others } = rlhfLoss(learner.model, collector.rollout, RLHF_DEFAULTS);
  backward(loss);
  for (const x of [loss, ...Object.values(others)]) expect(await x.item()).toBe(0);
  for (const x of learner.model.parameters())
    expect((await x.grad!.data()).every((slope) => slope === 0)).toBe(true);
  learner.dispose();
});

describe('groups whose scores are all equal', () => {
  const constant = rewardOf('constant', () => 0.7);

  test('are counted, and where beta is 0 they change nothing', async () => {
    const { learner, collector } = grpoLearner({ beta: 0 }, problemOf(speakers(), constant));
    const before = await bits(learner.model.parameters());
    await learner.iterate(0, 1);
    expect(collector.metrics.equalGroups).toBe(COMMON.answers / 4);
    expect(await bits(learner.model.parameters())).toEqual(before);
    learner.dispose();
  });

  test('are still held to the reference elsewhere: without them KL would weigh less', async () => {
    const { learner, collector } = grpoLearner({}, problemOf(speakers(), constant));
    await learner.iterate(0, 1);
    expect(collector.metrics.equalGroups).toBe(COMMON.answers / 4);
    const drawn = collector.answers.reduce((sum, { ids }) => sum + ids.length, 0);
    const mask = [...(await collector.rollout.mask.data())];
    expect(mask.reduce((a, b) => a + b, 0)).toBe(drawn);
    learner.dispose();
  });
});

test('truncated answers are left out of the loss where that is asked for, not out of their groups', async () => {
  const { learner, collector } = grpoLearner({ maskTruncated: true });
  await collector.collect();
  const mask = await collector.rollout.mask.data();
  const L = mask.length / COMMON.answers;
  const counted = collector.answers.map((_, i) =>
    mask.subarray(i * L, (i + 1) * L).some((x) => x > 0),
  );
  expect(counted).toEqual(collector.answers.map(({ finished }) => finished));
  expect(new Set(counted).size).toBe(2);
  learner.dispose();
});

test('KL below zero beyond noise warns, and names the cause', async () => {
  const warnings: string[] = [];
  const { policy, reference } = speakers();
  const collect = async (drawing: TextPolicy, held: Speaker) => {
    const collector = new TextCollector(device, drawing, {
      ...problemOf({ policy, reference: held }),
      ...{ answers: COMMON.answers, maxNewTokens: T, seed: 1, beta: 0, klIn: 'reward' },
      ...{ klEstimator: 'k1', adaptiveKl: null, missingEnd: null, groupSize: 4 },
      ...{ whitenRewards: false, whitenAdvantages: false },
      estimate: groupAdvantages({ groupSize: 4, baseline: 'mean', scale: 'none' }),
      onWarning: (line) => warnings.push(line),
    });
    await collector.collect();
    collector.dispose();
  };
  const drawing = new TextPolicy(device, policy, { values: false, temperature: 1 });
  await collect(drawing, reference);
  expect(warnings).toEqual([]);

  // The reference likes the likeliest tokens better than the policy does, and drawing, at temperature 0, takes no others.
  const { model } = speakers().reference;
  model.head!.weight.write((await model.head!.weight.data()).map((x) => 8 * x));
  let reads = 0;
  Object.defineProperty(drawing, 'temperature', { get: () => (reads++ === 0 ? 0 : 1) });
  await collect(drawing, { model, adapter: null });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/below 0 beyond noise: .*another temperature/);
});

describe('minibatches in parts', () => {
  const group = (loss: GroupLoss) => (settings: object) => grpoLearner({ ...settings, loss });
  test.each([
    ['PPO', ppoLearner],
    ...(['grpo', 'dapo', 'dr_grpo', 'gspo'] as const).map((loss) => [loss, group(loss)] as const),
  ] as const)('teach as the whole one: %s', async (_, make) => {
    const run = async (accumulate: number) => {
      const { learner } = make({ accumulate, epochs: 1, minibatches: 1 });
      await learner.iterate(0, 2);
      const { metrics } = await learner.iterate(1, 2);
      const words = Uint32Array.from(await bits(learner.model.parameters()));
      learner.dispose();
      return { metrics, values: new Float32Array(words.buffer) };
    };
    const [whole, parts] = [await run(1), await run(4)];
    expect(parts.metrics.gradNorm! / whole.metrics.gradNorm!).toBeCloseTo(1, 4);
    expect(Math.abs(parts.metrics.loss! - whole.metrics.loss!)).toBeLessThan(1e-5);
    for (const [i, x] of whole.values.entries())
      expect(Math.abs(x - parts.values[i]!)).toBeLessThan(1e-5);
  });
});

describe.each(METHODS)('%s', (_, make) => {
  test('leaves the reference as it was, to the bit', async () => {
    const of = speakers();
    const frozen = () =>
      [...of.policy.model.namedTensors()]
        .filter(([key]) => !key.includes('.adapters.'))
        .map(([, x]) => x);
    const before = await bits(frozen());
    const { learner } = make({}, problemOf(of));
    const own = await bits(learner.model.parameters());
    for (let i = 0; i < 3; i++) await learner.iterate(i, 3);
    expect(await bits(frozen())).toEqual(before);
    expect(await bits(learner.model.parameters())).not.toEqual(own);
    learner.dispose();
  });

  test('gives the same bits from the same seed, and after a stop', async () => {
    const run = async (stopAfter: number | null) => {
      let { learner } = make();
      for (let i = 0; i < 4; i++) {
        await learner.iterate(i, 4);
        if (i !== stopAfter) continue;
        const saved = await learner.save();
        learner.dispose();
        ({ learner } = make());
        learner.load({ tensors: saved.tensors, state: JSON.parse(JSON.stringify(saved.state)) });
      }
      const found = await bits(learner.model.parameters());
      learner.dispose();
      return found;
    };
    const straight = await run(null);
    expect(await run(null)).toEqual(straight);
    expect(await run(1)).toEqual(straight);
  });
});

test('a group of 1 is refused before training', () => {
  expect(() => grpoLearner({ groupSize: 1 })).toThrow(
    'groupSize is 1; expected a whole number of at least 2',
  );
});

test('answers to different prompts are no group', async () => {
  const { learner } = grpoLearner({}, problemOf(speakers(), zeros, 2));
  await expect(learner.iterate(0, 1)).rejects.toThrow(
    'tasks 0 and 2 are of one group of 4 and ask "0" and "12"',
  );
  learner.dispose();
});
