// nanoGPT's configuration for a laptop's CPU reaches its published validation loss, on characters; and a model of the same
// size on BPE, in bits per byte, which are those of the text whatever the tokens. The runs are kept in bench/results/.

import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bitsPerByte } from '../../src/llm/evaluate.ts';
import { shadegrad } from '../cli/command.ts';

const DATA = '../shared/data/tinyshakespeare.txt';
/** Of nanoGPT, in nats per character; the text is ASCII. */
const PUBLISHED = 1.88;

if (!existsSync(DATA)) console.warn(`no ${DATA}: the Shakespeare runs are left out`);

test.skipIf(!existsSync(DATA)).each(['shakespeare-char-cpu', 'shakespeare-bpe-cpu'])(
  '%s reaches the bits per byte of a validation loss of 1.88 per character',
  async (preset) => {
    const out = join(mkdtempSync(join(tmpdir(), 'shadegrad-')), 'run');
    const command = ['train', '--preset', preset, '--data', DATA, '--out', out, '--json'];
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
      `bench/results/${preset}-seed-${settings.seed}.json`,
      `${JSON.stringify(record, null, 2)}\n`,
    );
    expect(result.bitsPerByte).toBeLessThanOrEqual(bitsPerByte(PUBLISHED, 1));
    if (preset === 'shakespeare-char-cpu')
      expect(result.bestValLoss).toBeLessThanOrEqual(PUBLISHED);
  },
);
