// shadegrad train, killed at any moment: what is on disk is always a run that can go on.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/tensor/philox.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { shadegrad, start } from './command.ts';
import { jsonLines, metricsOf, settings, TINY } from './tiny_run.ts';

// A process takes seconds to start where the CPU compiles the kernels.
const TIMEOUT = 400_000;

describe('killed with -9 at 20 random moments and resumed each time', () => {
  test(
    'it always loads, and the losses are those of the straight run, bit for bit',
    async () => {
      const folder = await temporaryFolder();
      const [straight, killed] = [join(folder, 'straight'), join(folder, 'killed')];
      const long = settings({
        ...{ steps: 200, evaluateEvery: 50, checkpointEvery: 1, samples: 0 },
        positions: 'learned', // a kernel less to compile in each process
      });
      const { stdout } = await shadegrad(['train', '--json', '--out', straight, ...long]);
      const stepTime = medianStepTime(jsonLines(stdout));

      const random = randomStream(20, 0);
      const steps: number[] = [];
      let duringSave = 0;
      for (let kill = 0; kill < 20; kill++) {
        const resume = kill === 0 ? long : ['--resume'];
        const { child, finished, printed } = start(['train', '--json', '--out', killed, ...resume]);
        // The first is killed after its first checkpoint; one before it would simply be started again.
        await printed(kill === 0 ? /"step":2/ : /"step"|"bestValLoss"/);
        await delay(8 * random.uniform() * stepTime); // up to 8 steps, and the saves among them
        child.kill('SIGKILL');
        const { stdout, stderr } = await finished;
        expect(stderr).toBe('');
        steps.push(Number([...stdout.matchAll(/"step":(\d+)/g)].at(-1)![1]));
        if (readdirSync(join(killed, 'checkpoints')).some((name) => name.endsWith('.tmp')))
          duringSave++;
      }
      const { code, stderr } = await shadegrad(['train', '--json', '--resume', '--out', killed]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(await metricsOf(killed)).toEqual(await metricsOf(straight));
      expect(new Set(steps).size).toBeGreaterThan(10); // the kills hit different moments,
      expect(duringSave).toBeGreaterThan(0); // saves among them
    },
    TIMEOUT,
  );
});

/** Milliseconds, without the start: there a CPU compiles kernels for as long as dozens of steps take. */
function medianStepTime(lines: { tokensPerSecond?: number; step?: number }[]): number {
  const speeds = lines.flatMap(({ step, tokensPerSecond }) =>
    step !== undefined && tokensPerSecond !== undefined ? [tokensPerSecond] : [],
  );
  const median = speeds.sort((a, b) => a - b)[speeds.length >> 1]!;
  return (1000 * TINY.batch * TINY.context) / median;
}
