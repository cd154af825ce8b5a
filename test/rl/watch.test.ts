// Watching a policy: what it says of the actions is what they are drawn from, and looking on changes nothing.

import { describe, expect, test } from 'vitest';
import {
  MlpActorCritic,
  makeEnvironment,
  PPO_DEFAULTS,
  trainAgent,
  type WatchedFrame,
  watchEpisodes,
} from '../../src/rl/index.ts';
import { device } from '../device.ts';

async function watched(id: string, count: number, seed = 5): Promise<WatchedFrame[]> {
  const environment = makeEnvironment(id);
  const model = new MlpActorCritic(device, environment, { seed: 1, hidden: [8] });
  const frames: WatchedFrame[] = [];
  for await (const frame of watchEpisodes(device, model, environment, { seed })) {
    frames.push(frame);
    if (frames.length === count) break;
  }
  model.dispose();
  return frames;
}

describe('frames', () => {
  test('of discrete actions have probabilities, and episodes follow each other', async () => {
    const frames = await watched('CartPole-v1', 80);
    expect(frames[0]).toMatchObject({ episode: 1, step: 0, action: null, outlook: null });
    expect(frames.at(-1)!.episode).toBeGreaterThan(1);
    for (const { action, outlook } of frames) {
      if (outlook?.kind !== 'discrete') continue;
      const [left, right] = outlook.probabilities as [number, number];
      expect(left + right).toBeCloseTo(1, 6);
      expect(action === 0 || action === 1).toBe(true);
    }
    // The policy begins near uniform: of 75 draws each action has its share.
    const pushed = frames.filter(({ action }) => action === 1).length;
    expect(pushed).toBeGreaterThan(20);
    expect(pushed).toBeLessThan(60);
  });

  test('of continuous actions have mean and deviation', async () => {
    const frames = await watched('Pendulum-v1', 40);
    const drawn = frames.slice(1).map(({ action, outlook }) => {
      if (outlook?.kind !== 'continuous') throw new Error('expected a continuous outlook');
      expect(outlook.deviation).toEqual([1]);
      const [u] = action as Float64Array;
      return (u! - outlook.mean[0]!) / outlook.deviation[0]!;
    });
    const spread = Math.sqrt(drawn.reduce((sum, z) => sum + z * z, 0) / drawn.length);
    expect(spread).toBeGreaterThan(0.6);
    expect(spread).toBeLessThan(1.4);
  });

  test('are the same for the same seed, and others for another', async () => {
    const actions = async (seed: number) =>
      (await watched('CartPole-v1', 30, seed)).map(({ action }) => action);
    expect(await actions(5)).toEqual(await actions(5));
    expect(await actions(5)).not.toEqual(await actions(6));
  });
});

test('a run that is watched is, bit for bit, the run that is not', async () => {
  const settings = { ...PPO_DEFAULTS, rolloutSteps: 16, hidden: [8], steps: 192, seed: 3 };
  const train = async (looks: boolean) => {
    const losses: number[] = [];
    let frames = null as AsyncGenerator<WatchedFrame> | null;
    await trainAgent(device, {
      environment: 'CartPole-v1',
      settings: { ...settings, evaluationEpisodes: 0 },
      onStart({ learner }) {
        if (looks)
          frames = watchEpisodes(device, learner.model, makeEnvironment('CartPole-v1'), {
            seed: 9,
          });
      },
      async onProgress({ metrics }) {
        losses.push(metrics.loss!);
        for (let i = 0; i < 5; i++) await frames?.next();
      },
    });
    await frames?.return(undefined);
    return losses;
  };
  const [alone, seen] = [await train(false), await train(true)];
  expect(alone).toHaveLength(3);
  expect(seen).toEqual(alone);
});
