// A run small enough to repeat many times: 30 steps take about a second on a software adapter.

import type { Folder } from '../../src/io/folder.ts';
import type { TrainSettings } from '../../src/llm/settings.ts';
import { type TrainOptions, type TrainResult, trainLanguageModel } from '../../src/llm/train.ts';
import type { Device } from '../../src/ops/device.ts';

// The intervals have no common divisor: reports, evaluations and checkpoints fall on different steps.
export const TINY: Partial<TrainSettings> = {
  layers: 1,
  heads: 2,
  width: 16,
  context: 16,
  batch: 3,
  dropout: 0.1,
  steps: 30,
  warmupSteps: 5,
  evaluateEvery: 11,
  evaluationTokens: 128,
  checkpointEvery: 7,
  logEvery: 4,
  samples: 1,
  sampleCharacters: 12,
  corpusCharacters: 3000,
};

/** What a run leaves that another must repeat bit for bit. */
export interface Trace {
  readonly losses: number[];
  readonly evaluations: TrainResult['evaluations'];
  readonly samples: readonly string[];
  readonly parameters: Record<string, ArrayLike<number>>;
}

/** Trains, and collects the losses that the run reports. */
export async function trainTraced(
  device: Device,
  { settings, onProgress, ...options }: TrainOptions = {},
): Promise<{ trace: Trace; result: TrainResult }> {
  const losses: number[] = [];
  const result = await trainLanguageModel(device, {
    ...options,
    settings: { ...TINY, ...settings },
    onProgress: async (progress, state) => {
      losses.push(...progress.losses);
      await onProgress?.(progress, state);
    },
  });
  const { model, evaluations, samples } = result;
  const named = [...model.namedTensors()].map(async ([name, x]) => [name, await x.data()] as const);
  const parameters = Object.fromEntries(await Promise.all(named));
  model.dispose();
  return { trace: { losses, evaluations, samples, parameters }, result };
}

/** Trains until `step` is done: by a clock that lets every step be reported, so that any step can be the last. */
export async function trainUntil(device: Device, step: number, options: TrainOptions) {
  const controller = new AbortController();
  if (step === 0) controller.abort();
  let time = 0;
  return trainTraced(device, {
    ...options,
    clock: () => (time += 1000),
    signal: controller.signal,
    onProgress: (progress) => {
      if (progress.step === step) controller.abort();
    },
  });
}

/** The folder, with something done before each write. */
export function beforeWrites(folder: Folder, act: (path: string) => void): Folder {
  return {
    ...folder,
    async write(path, bytes) {
      act(path);
      await folder.write(path, bytes);
    },
  };
}
