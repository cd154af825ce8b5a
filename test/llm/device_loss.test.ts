// The GPU goes away in the middle of training: an error within a second, and a run that can be resumed.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DeviceLostError } from '../../src/errors.ts';
import type { Folder } from '../../src/io/folder.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import type { TrainOptions } from '../../src/llm/train.ts';
import { Device } from '../../src/ops/device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { beforeWrites, type Trace, trainTraced } from './tiny.ts';

const open = () => Device.open({ announce: null });
const settings = { steps: 16, dropout: 0, samples: 0 }; // a new device compiles every kernel that a run needs
let another: Device;
let straight: Trace;

beforeAll(async () => {
  another = await open();
  straight = (await trainTraced(another, { settings })).trace;
});
afterAll(() => another.destroy());

/** Trains on a device that `arrange` destroys at some point, then resumes on another. */
async function expectLossAndResume(
  arrange: (destroy: () => void, device: Device, folder: Folder) => TrainOptions,
): Promise<void> {
  const folder = await openFolder(await temporaryFolder());
  const lost = await open();
  let at = 0;
  const destroy = () => {
    at ||= performance.now();
    lost.destroy();
  };
  const options = { folder, settings, ...arrange(destroy, lost, folder) };
  await expect(trainTraced(lost, options)).rejects.toBeInstanceOf(DeviceLostError);
  expect(at).toBeGreaterThan(0);
  expect(performance.now() - at).toBeLessThan(1000);

  const { trace } = await trainTraced(another, { folder, settings, resume: true });
  const done = straight.losses.length - trace.losses.length;
  expect(done).toBeGreaterThanOrEqual(7);
  expect(trace).toEqual({ ...straight, losses: straight.losses.slice(done) });
}

describe('a lost device ends in DeviceLostError within a second, and the run resumes on another', () => {
  test('destroyed by the progress callback', () =>
    expectLossAndResume((destroy) => ({
      onProgress: ({ step }) => {
        if (step >= 9) destroy();
      },
    })));

  test('destroyed between the dispatches of a step', () =>
    expectLossAndResume((destroy, device) => {
      const dispatch = device.gpu.dispatch.bind(device.gpu);
      let sinceStep9 = 0;
      let step = 0;
      vi.spyOn(device.gpu, 'dispatch').mockImplementation((each) => {
        if (step >= 9 && ++sinceStep9 === 20) destroy();
        dispatch(each);
      });
      return {
        onProgress: (progress) => {
          step = progress.step;
        },
      };
    }));

  test.each([
    ['the evaluation after step 11', 5],
    ['the parameters for the checkpoint after step 11', 8],
  ])('destroyed during the read-back of %s', (_, number) =>
    expectLossAndResume((destroy, device) => {
      const read = device.gpu.read.bind(device.gpu);
      let sinceStep7 = 0;
      let step = 0;
      vi.spyOn(device.gpu, 'read').mockImplementation((...range) => {
        const reading = read(...range);
        if (step >= 7 && ++sinceStep7 === number) destroy();
        return reading;
      });
      let time = 0;
      return {
        clock: () => (time += 1000), // each step is reported
        onProgress: (progress) => {
          step = progress.step;
        },
      };
    }),
  );

  test('destroyed while a checkpoint is written', () =>
    expectLossAndResume((destroy, _, folder) => ({
      folder: beforeWrites(folder, (path) => {
        if (path.includes('step-000014')) destroy();
      }),
    })));
});
