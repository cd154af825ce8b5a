// Two idx files like MNIST's, of tiny images that the test draws: classes differ in which pixels are bright.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { randomStream } from '../../src/tensor/philox.ts';
import { idxFile } from '../io/idx_file.ts';

export const SIDE = 4;

export interface TinyDigits {
  readonly count: number;
  /** [count, SIDE, SIDE] */
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** Each image is its class's pattern at a strength of its own, with noise; image i alone has i in its first two pixels. */
export function tinyDigits(count: number): TinyDigits {
  const random = randomStream(5);
  const pixels = SIDE * SIDE;
  const patterns = Array.from({ length: 10 }, () =>
    Array.from({ length: pixels }, () => (random.uniform() < 0.4 ? 200 : 20)),
  );
  const labels = Uint8Array.from({ length: count }, () => random.integer(10));
  const images = new Uint8Array(count * pixels);
  for (const [i, label] of labels.entries()) {
    const strength = 0.6 + 0.4 * random.uniform();
    for (let p = 0; p < pixels; p++) {
      images[i * pixels + p] = strength * patterns[label]![p]! + 50 * random.uniform();
    }
    images[i * pixels] = i >> 8;
    images[i * pixels + 1] = i & 255;
  }
  return { count, images, labels };
}

/** Writes them into a folder: the images packed, the labels as they are. */
export async function writeTinyDigits(
  folder: string,
  { count, images, labels }: TinyDigits,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const packed = gzipSync(idxFile([count, SIDE, SIDE], images));
  await writeFile(join(folder, 't10k-images-idx3-ubyte.gz'), packed);
  await writeFile(join(folder, 't10k-labels-idx1-ubyte'), idxFile([count], labels));
}
