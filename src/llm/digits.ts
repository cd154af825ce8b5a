// MNIST's 10,000 test images, cut into parts that have nothing in common: to train on, to choose by, and to test on.

import { openFolder } from '#folder';
import { DataError } from '../errors.ts';
import type { Folder } from '../io/folder.ts';
import { type IdxArray, readIdx } from '../io/idx.ts';
import type { Device } from '../ops/device.ts';
import { type RandomStream, randomStream } from '../tensor/philox.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { errorRate } from './autoencoder.ts';

export interface Images {
  readonly count: number;
  /** Of a side: images are square. */
  readonly side: number;
  /** [count, side²], from 0 to 1. */
  readonly values: Float32Array;
  /** [count], from 0 to 9. */
  readonly labels: Int32Array;
}

export interface Digits {
  readonly train: Images;
  readonly validation: Images;
  readonly test: Images;
}

export const CLASSES = 10;
const FILES = { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' };
const SPLIT = 0x73706c74; // 'splt': the draw that cuts, of seed 0 whatever the seed of a run

export interface DigitOptions {
  /** Where the two files are. */
  readonly data: string;
  /** Images that are put aside. */
  readonly validation: number;
  readonly test: number;
  /** Each square of so many pixels a side becomes one, their mean. */
  readonly shrink: number;
}

/**
 * The two t10k files in a folder, packed by gzip or not, and cut: `train` is what validation and test leave.
 * @throws DataError when they are missing, damaged, or too few
 */
export async function readDigits({
  data,
  validation,
  test,
  shrink,
}: DigitOptions): Promise<Digits> {
  const folder = await openFolder(data);
  const [images, labels] = [await read(folder, FILES.images), await read(folder, FILES.labels)];
  const refuse = (why: string): never => {
    throw new DataError(`${folder.location}: ${why}`);
  };
  const [count = 0, rows = 0, columns] = images.shape;
  if (images.shape.length !== 3 || rows !== columns || String(labels.shape) !== String(count)) {
    const shapes = `images [${images.shape.join(', ')}] and labels [${labels.shape.join(', ')}]`;
    refuse(`${shapes}; expected [count, side, side] and [count]`);
  }
  const odd = labels.data.findIndex((label) => label >= CLASSES);
  if (odd >= 0) refuse(`label ${labels.data[odd]} of image ${odd} is no digit`);
  if (rows % shrink !== 0) refuse(`shrink is ${shrink}, which does not divide ${rows} pixels`);
  if (validation + test >= count) {
    refuse(`of ${count} images ${validation} + ${test} are put aside; none is left to train on`);
  }
  const order = randomStream(0, SPLIT).shuffle(Array.from({ length: count }, (_, i) => i));
  const part = (from: number, to: number): Images => {
    const indices = order.slice(from, to);
    return {
      count: indices.length,
      side: rows / shrink,
      values: shrunk(images, indices, shrink),
      labels: Int32Array.from(indices, (index) => labels.data[index]!),
    };
  };
  const aside = test + validation;
  return { test: part(0, test), validation: part(test, aside), train: part(aside, count) };
}

async function read(folder: Folder, name: string): Promise<IdxArray> {
  for (const file of [`${name}.gz`, name]) {
    if (await folder.exists(file)) {
      return readIdx(await folder.read(file), `${folder.location}/${file}`);
    }
  }
  throw new DataError(
    `no ${name}.gz in ${folder.location}; put MNIST's ${FILES.images}.gz and ${FILES.labels}.gz there ` +
      '(from https://ossci-datasets.s3.amazonaws.com/mnist/), or say --set data=FOLDER',
  );
}

/** The images of these numbers, [indices.length, (side / shrink)²], from 0 to 1. */
function shrunk(
  { shape, data }: IdxArray,
  indices: readonly number[],
  shrink: number,
): Float32Array {
  const side = shape[1]!;
  const small = side / shrink;
  const values = new Float32Array(indices.length * small * small);
  for (const [row, index] of indices.entries()) {
    for (let at = 0; at < side * side; at++) {
      const [y, x] = [Math.floor(at / side / shrink), Math.floor((at % side) / shrink)];
      values[(row * small + y) * small + x]! += data[index * side * side + at]!;
    }
  }
  return values.map((sum) => sum / (255 * shrink * shrink));
}

/** `count` of the images, drawn at random; more from the same stream's beginning hold fewer. */
export function someOf(images: Images, count: number, random: RandomStream): Images {
  const order = random.shuffle(Array.from({ length: images.count }, (_, i) => i));
  const pixels = images.side ** 2;
  const values = new Float32Array(count * pixels);
  for (const [row, index] of order.slice(0, count).entries()) {
    values.set(images.values.subarray(index * pixels, (index + 1) * pixels), row * pixels);
  }
  const labels = Int32Array.from(order.slice(0, count), (index) => images.labels[index]!);
  return { count, side: images.side, values, labels };
}

/** On the device, [count, side²], until it is disposed. */
export function imagesOn(device: Device, { count, side, values }: Images): Tensor {
  return Object.assign(device.tensor(values, { shape: [count, side ** 2] }), { kept: true });
}

/** All images on the device. */
export class DigitsOnDevice {
  readonly train: Tensor;
  readonly validation: Tensor;
  readonly test: Tensor;

  constructor(
    private readonly device: Device,
    private readonly digits: Digits,
  ) {
    this.train = imagesOn(device, digits.train);
    this.validation = imagesOn(device, digits.validation);
    this.test = imagesOn(device, digits.test);
  }

  /** The shares of the held-out images whose digit is mistaken. */
  async errors(forward: (x: Tensor) => Tensor): Promise<{ validation: number; test: number }> {
    const { device, digits } = this;
    return {
      validation: await errorRate(device, forward, this.validation, digits.validation.labels),
      test: await errorRate(device, forward, this.test, digits.test.labels),
    };
  }

  dispose(): void {
    for (const x of [this.train, this.validation, this.test]) x.dispose();
  }
}
