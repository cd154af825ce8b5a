// The policy that looks at images, and PPO with it.

import { describe, expect, test } from 'vitest';
import { reshape } from '../../src/ops/view.ts';
import { ConvActorCritic } from '../../src/rl/conv_policy.ts';
import { box, discrete } from '../../src/rl/environment.ts';
import { evaluateAgent } from '../../src/rl/evaluate.ts';
import { judge } from '../../src/rl/networks.ts';
import { PPO_DEFAULTS, ppo } from '../../src/rl/ppo.ts';
import { type Dynamics, simulate } from '../../src/rl/simulate.ts';
import { VectorEnvironment } from '../../src/rl/vector.ts';
import { device } from '../device.ts';

/** A cross or a plus somewhere in noise; +1 for saying which. Where it is says nothing, so only filters tell. */
const shapes: Dynamics<number[], Float64Array, number> = {
  id: 'Shapes-v0',
  observationSpace: box([1, 6, 6], 0, 1),
  actionSpace: discrete(2),
  begin: (random) => [random.integer(2), random.integer(4), random.integer(4)],
  next: (state, action) => ({ state, reward: Number(action === state[0]), terminated: true }),
  observe([kind, row, column]) {
    const image = new Float64Array(36);
    const places = kind === 1 ? [0, 2, 4, 6, 8] : [1, 3, 4, 5, 7];
    for (const place of places)
      image[(row! + Math.floor(place / 3)) * 6 + column! + (place % 3)] = 1;
    return image;
  },
};
const spaces = { observationSpace: shapes.observationSpace, actionSpace: shapes.actionSpace };

describe('ConvActorCritic', () => {
  test('judges as its policy and its values do alone', async () => {
    const model = new ConvActorCritic(device, spaces, { seed: 1, hidden: [8] });
    const images = device.randn([5, 1, 6, 6], { seed: 2 });
    const actions = device.tensor([0, 1, 1, 0, 1], { dtype: 'i32' });
    const { policy, values } = judge(model, images);
    const { logProb } = policy.evaluate(actions);
    expect(await logProb.data()).toEqual(
      await model.policy(images).evaluate(actions).logProb.data(),
    );
    expect(await values.data()).toEqual(await model.value(images).data());
    expect(await values.data()).toEqual(await model.value(reshape(images, [5, 36])).data()); // as kernels give them
    model.dispose();
  });

  test('refuses what is no image, and continuous actions', () => {
    const { observationSpace, actionSpace } = spaces;
    for (const seen of [box([36]), box([1, 2, 6]), discrete(4)])
      expect(
        () => new ConvActorCritic(device, { observationSpace: seen, actionSpace }, { seed: 1 }),
      ).toThrow('expected images of at least 3 x 3 and discrete actions');
    expect(
      () => new ConvActorCritic(device, { observationSpace, actionSpace: box([1]) }, { seed: 1 }),
    ).toThrow('box [1]');
  });

  test('PPO learns to tell shapes apart, wherever they are', async () => {
    const make = () => simulate(shapes);
    const copies = new VectorEnvironment(make, 32);
    const model = new ConvActorCritic(device, copies, { seed: 3, hidden: [16] });
    const settings = {
      ...PPO_DEFAULTS,
      seed: 3,
      copies: 32,
      rolloutSteps: 8,
      minibatches: 2,
      learningRate: 5e-3,
    };
    const learner = ppo(device, model, copies, settings);
    const score = async () => (await evaluateAgent(device, model, make, { episodes: 64 })).mean;
    expect(await score()).toBeLessThan(0.75);
    for (let i = 0; i < 12; i++) await learner.iterate(i, 12);
    expect(await score()).toBeGreaterThan(0.95);
    learner.dispose();
    model.dispose();
  });
});
