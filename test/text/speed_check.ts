// How long a megabyte of text takes, in turns with gpt-tokenizer. The text is this repository's own.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { gptTokenizerIds, type PUBLISHED, published } from './oracles.ts';

const MEGABYTE = 1 << 20;
const ROUNDS = 5;

const text = ['src', 'kernels', 'test', 'bench']
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|wgsl)$/.test(name) && !name.includes('node_modules'))
      .sort()
      .map((name) => readFileSync(`${folder}/${name}`, 'utf8')),
  )
  .join('\n')
  .slice(0, MEGABYTE);

/** Microseconds of the processor: other programs may keep it busy. */
function microseconds(work: () => void): number {
  const begin = process.cpuUsage();
  work();
  return process.cpuUsage(begin).user;
}

export function checkSpeed(names: readonly (keyof typeof PUBLISHED)[]): void {
  it.each(names)('a megabyte of text takes no longer than in gpt-tokenizer: %s', (name) => {
    expect(text).toHaveLength(MEGABYTE);
    const tokenizer = published(name);
    const ratios = Array.from({ length: ROUNDS }, () => {
      const ours = microseconds(() => tokenizer.encode(text, { specials: 'text' }));
      return microseconds(() => gptTokenizerIds(name, text)) / ours;
    });
    const median = ratios.toSorted((a, b) => a - b)[(ROUNDS - 1) / 2]!;
    expect(median).toBeGreaterThanOrEqual(1);
  });
}
