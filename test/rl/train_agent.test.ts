// An agent's run: what its folder holds, how it goes on, and what is refused before it begins.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFolder } from '#folder';
import { type TrainAgentOptions, trainAgent } from '../../src/rl/train_agent.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';

const newFolder = async () => openFolder(join(await temporaryFolder(), 'run'));
const SETTINGS = {
  copies: 4,
  rolloutSteps: 8,
  hidden: [8],
  steps: 32 * 6,
  evaluationEpisodes: 4,
  checkpointEvery: 64,
  seed: 3,
};
const plotLibrary = { script: '/* plots */', style: '' };

const train = (options: Partial<TrainAgentOptions> = {}) =>
  trainAgent(device, { environment: 'CartPole-v1', settings: SETTINGS, ...options });

describe('a run folder', () => {
  test('holds settings, a line per iteration, checkpoints and a page; stopped and resumed it is the straight one', async () => {
    const straight = await newFolder();
    const whole = await train({ folder: straight, plotLibrary, clock: () => 0 });
    expect(whole).toMatchObject({ steps: 192, stopped: false, algorithm: 'ppo' });
    expect(whole.evaluation?.returns).toHaveLength(4);
    expect(existsSync(join(straight.location, 'report.html'))).toBe(true);

    const folder = await newFolder();
    const stop = new AbortController();
    const part = await train({
      folder,
      clock: () => 0,
      signal: stop.signal,
      onProgress: ({ step }) => {
        if (step === 96) stop.abort();
      },
    });
    expect(part).toMatchObject({ steps: 96, stopped: true, evaluation: null });
    const rest = await train({ folder, resume: true, clock: () => 0 });
    expect(rest.evaluation).toEqual(whole.evaluation);
    const metrics = ({ location }: { location: string }) =>
      readFileSync(join(location, 'metrics.jsonl'), 'utf8');
    expect(metrics(folder)).toBe(metrics(straight));
    expect(metrics(folder).trim().split('\n')).toHaveLength(6);
  });

  test('C13 its log has what one watches: the return, exploration, the size of updates, the critic, the budget spent', async () => {
    const folder = await newFolder();
    await train({ folder, settings: { ...SETTINGS, steps: 320 } });
    const last = readFileSync(join(folder.location, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .at(-1)!;
    const {
      step,
      return: mean,
      entropy,
      approxKl,
      clipFraction,
      valueLoss,
      gradNorm,
      stepsPerSecond,
    } = JSON.parse(last);
    expect(step).toBe(320);
    expect(mean).toBeGreaterThanOrEqual(8); // no pole falls faster
    expect(entropy).toBeGreaterThan(0.5);
    expect(entropy).toBeLessThanOrEqual(Math.LN2 + 1e-6);
    expect(approxKl).toBeGreaterThan(-1e-6);
    expect(clipFraction).toBeGreaterThanOrEqual(0);
    for (const size of [valueLoss, gradNorm, stepsPerSecond]) expect(size).toBeGreaterThan(0);
  });

  test('with another run in it is left alone; of other settings it is not resumed', async () => {
    const folder = await newFolder();
    await train({ folder });
    await expect(train({ folder })).rejects.toThrow('holds a run already');
    const other = { ...SETTINGS, gamma: 0.5 };
    await expect(train({ folder, resume: true, settings: other })).rejects.toThrow(/gamma/);
    await expect(train({ folder: await newFolder(), resume: true })).rejects.toThrow(
      'holds no checkpoint to resume from',
    );
  });
});

describe('refused before anything is trained', () => {
  const refused = async (own: object, message: string | RegExp) => {
    const folder = await newFolder();
    await expect(train({ folder, settings: { ...SETTINGS, ...own } })).rejects.toThrow(message);
    expect(existsSync(join(folder.location, 'metrics.jsonl'))).toBe(false);
  };

  test.each([
    [{ gamma: 1.2 }, 'gamma is 1.2; expected a number from 0 to 1'],
    [{ lambda: -0.1 }, 'lambda is -0.1; expected a number from 0 to 1'],
    [{ learningRate: 0 }, 'learningRate is 0; expected a number above 0'],
    [{ copies: 0 }, 'copies is 0; expected a whole number of at least 1'],
    [{ minibatches: 5 }, 'which it does not divide'],
    [{ steps: Number.NaN }, 'steps is "NaN"; expected a finite number'],
    [{ seed: -1 }, 'seed is -1'],
    [{ lerningRate: 1 }, 'unknown setting "lerningRate" (did you mean "learningRate"?)'],
  ])('%o', (own, message) => refused(own, message));

  test('an unknown algorithm or environment lists those that there are', async () => {
    await expect(train({ algorithm: 'pop' })).rejects.toThrow(
      /unknown algorithm "pop".*there are a2c, ppo/,
    );
    await expect(train({ environment: 'Cartpole-v1' })).rejects.toThrow(
      /unknown environment "Cartpole-v1" \(did you mean "CartPole-v1"\?\); there are/,
    );
  });
});
