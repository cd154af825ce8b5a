// The pipeline at a size at which nothing is learned: all stages run, and one that was stopped goes on bit for bit.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFolder } from '../../src/io/folder_node.ts';
import { sha256 } from '../../src/io/manifest.ts';
import { runPipeline, STAGES, stagesFor } from '../../src/posttrain/pipeline/pipeline.ts';
import {
  ALL_SUMS,
  aboutStory,
  askedFor,
  follows,
  pretrainingText,
  storyInstructions,
  sumTasks,
  supervisedProblems,
} from '../../src/posttrain/pipeline/world.ts';
import { device } from '../device.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pipeline-'));
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

const TINY = {
  ...{ characters: 100_000, sums: 300, layers: 1, heads: 2, width: 32 },
  ...{
    pretrainSteps: 8,
    pretrainBatch: 4,
    rank: 2,
    examples: 24,
    finetuneSteps: 8,
    finetuneBatch: 4,
  },
  ...{ pairs: 32, heldOutPairs: 16, rewardBatch: 4, rlhfRollouts: 4, rlhfAnswers: 8 },
  ...{ verifiableRollouts: 4, verifiableAnswers: 8, groupSize: 4, evaluated: 4 },
};

/** What was learned, file by file. */
async function learned(folder: string): Promise<string[]> {
  const files = [
    'finetune/adapter_model.safetensors',
    'preferences/pairs.jsonl',
    'reward/reward.safetensors',
    'rlhf/adapter_model.safetensors',
    'verifiable/adapter_model.safetensors',
  ];
  return Promise.all(
    files.map(async (file) => `${file} ${await sha256(await readFile(join(folder, file)))}`),
  );
}

const figuresOf = ({ stages }: Awaited<ReturnType<typeof runPipeline>>) =>
  stages.map(({ name, figures }) => ({ name, figures }));

describe('the pipeline', () => {
  test('I6 runs from a text to a policy, and goes on bit for bit from a stop in any stage', {
    timeout: 120_000,
  }, async () => {
    const [straight, stopped] = [join(root, 'straight'), join(root, 'stopped')];
    const whole = await runPipeline(device, { settings: TINY, folder: await openFolder(straight) });
    expect(whole.stages.map(({ name }) => name)).toEqual(STAGES.map(({ name }) => name));

    const folder = await openFolder(stopped);
    let resume = false;
    for (const { name } of STAGES) {
      const controller = new AbortController();
      const only = { settings: TINY, folder, stages: [name] };
      const first = await runPipeline(device, {
        ...{ ...only, resume, signal: controller.signal },
        onProgress: (stage, done) => {
          if (stage.name === name && done > 0) controller.abort();
        },
      });
      expect(first.stopped).toBe(!['tokenizer', 'preferences'].includes(name)); // these have no checkpoints
      await runPipeline(device, { ...only, resume: true });
      resume = true;
    }
    // Killed after the model was written, and before the stage's result was.
    await folder.remove('finetune/result.json');
    const resumed = await runPipeline(device, { settings: TINY, folder, resume: true });
    expect(await learned(stopped)).toEqual(await learned(straight));
    expect(figuresOf(resumed)).toEqual(figuresOf(whole));
  });

  test('a stage brings what it needs; an unknown one, another setting and a folder in use are refused', async () => {
    expect(stagesFor(['reward']).map(({ name }) => name)).toEqual([
      ...['tokenizer', 'pretrain', 'finetune', 'preferences', 'reward'],
    ]);
    expect(() => stagesFor(['rewards'])).toThrow(
      'unknown stage "rewards" (did you mean "reward"?)',
    );
    const folder = await openFolder(join(root, 'straight'));
    const again = (options: object) => runPipeline(device, { settings: TINY, folder, ...options });
    await expect(again({})).rejects.toThrow('holds a run already');
    await expect(again({ resume: true, settings: { ...TINY, beta: 0.3 } })).rejects.toThrow(
      'holds a pipeline with another beta',
    );
    const settings = { ...TINY, groupSize: 3 };
    const fresh = await openFolder(join(root, 'fresh'));
    await expect(runPipeline(device, { settings, folder: fresh })).rejects.toThrow(
      'verifiableAnswers is 8; expected whole groups of groupSize 3',
    );
  });
});

describe('its world', () => {
  test('instructions tell what their stories are about, and sums are right from the lowest digit', () => {
    for (const task of storyInstructions(3, 'heldOut', 50)) {
      expect(follows(task.story, task)).toBe(true);
      expect(askedFor(task.prompt)).toEqual({ thing: task.thing, place: task.place });
    }
    expect(aboutStory('Mia ran. No.')).toBeNull();
    for (const { prompt, answer } of sumTasks(1, { begin: 0, end: 40 })) {
      const [a, b] = prompt
        .slice(0, -2)
        .split(' + ')
        .map((x) => Number(x.replace(' ', '')));
      expect(Number([...answer.replaceAll(' ', '')].reverse().join(''))).toBe(a! + b!);
    }
  });

  test('so many of the written sums have one wrong digit', () => {
    const right = new Set(sumTasks(1, { begin: 0, end: ALL_SUMS }).map((t) => t.prompt + t.answer));
    const written = supervisedProblems({ seed: 1, slips: 0.25 }, 2000).flatMap((p, i) =>
      i % 2 === 1 ? [p.prompt + p.completion] : [],
    );
    const share = written.filter((sum) => !right.has(sum)).length / written.length;
    expect(Math.abs(share - 0.25)).toBeLessThan(0.05); // 3.6 standard errors
  });

  test('no held-out sum is read or asked in training', () => {
    const heldOut = sumTasks(1, { begin: 0, end: 256 }).map(({ prompt }) => prompt);
    const text = pretrainingText({ seed: 1, characters: 5000, sums: 9000, slips: 0.5 });
    const asked = supervisedProblems({ seed: 1, slips: 0.5 }, 4000).map(({ prompt }) => prompt);
    for (const prompt of heldOut) {
      expect(text).not.toContain(prompt);
      expect(asked).not.toContain(prompt);
    }
  });
});
