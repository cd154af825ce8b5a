// shadegrad train, killed at any moment: what is on disk is always a run that can go on.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/tensor/philox.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { shadegrad, start } from './command.ts';
import { jsonLines, metricsOf, settings } from './tiny_run.ts';

// A process takes seconds to start where the CPU compiles the kernels.
const TIMEOUT = 400_000;

describe('killed with -9 at 20 random moments and resumed each time', () => {
  test(
    'it always loads, and the losses are those of the straight run, bit for bit',
    async () => {
      const folder = await temporaryFolder();
      const [straight, killed] = [join(folder, 'straight'), join(folder, 'killed')];
      const long = settings({ steps: 140, evaluateEvery: 50 });
      const { stdout } = await shadegrad(['train', '--json', '--out', straight, ...long]);
      const { seconds, steps: all } = jsonLines(stdout).at(-1);

      const random = randomStream(20, 0);
      const steps: number[] = [];
      let duringSave = 0;
      for (let kill = 0; kill < 20; kill++) {
        const resume = kill === 0 ? long : ['--resume'];
        const { child, finished, printed } = start(['train', '--json', '--out', killed, ...resume]);
        // The first is killed after its first checkpoint; one before it would simply be started again.
        await printed(kill === 0 ? /"step":4/ : /"step"|"bestValLoss"/);
        await delay((8 * random.uniform() * (1000 * seconds)) / all); // up to 8 steps, and the saves among them
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
