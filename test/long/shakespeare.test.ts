// nanoGPT's configuration for a laptop's CPU reaches its published validation loss. The run is kept in bench/results/.

import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { shadegrad } from '../cli/command.ts';

const DATA = '../shared/data/tinyshakespeare.txt';
const PUBLISHED = 1.88;

if (!existsSync(DATA)) console.warn(`no ${DATA}: the Shakespeare run is left out`);

test.skipIf(!existsSync(DATA))(
  'shakespeare-char-cpu reaches a validation loss of 1.88',
  async () => {
    const out = join(mkdtempSync(join(tmpdir(), 'shadegrad-')), 'run');
    const command = [
      'train',
      '--preset',
      'shakespeare-char-cpu',
      '--data',
      DATA,
      '--out',
      out,
      '--json',
    ];
    const { stdout } = await shadegrad(command);
    const result = JSON.parse(stdout.trim().split('\n').at(-1)!);
    const { settings, samples, ...figures } = result;
    const record = {
      command: `shadegrad ${command.slice(0, 5).join(' ')}`,
      seed: settings.seed,
      ...figures,
      settings,
    };
    writeFileSync(
      `bench/results/shakespeare-char-cpu-seed-${settings.seed}.json`,
      `${JSON.stringify(record, null, 2)}\n`,
    );
    expect(result.bestValLoss).toBeLessThanOrEqual(PUBLISHED);
  },
);
