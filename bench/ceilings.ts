// What the adapter can do at most, measured: multiply-adds in registers, and a copy from memory to memory. Each has a
// few forms, since no single one is the fastest everywhere; the fastest is the ceiling.

import type { Kernel } from '../src/ops/custom.ts';
import type { Device } from '../src/ops/device.ts';
import copySource from './kernels/copy.wgsl' with { type: 'text' };
import fmaSource from './kernels/fma.wgsl' with { type: 'text' };
import { type Candidate, type MeasureOptions, measureInterleaved } from './measure.ts';

/** A candidate, and what a call of it does: operations or bytes. */
export interface Ceiling extends Candidate {
  readonly work: number;
}

export interface Ceilings {
  readonly fma: Ceiling;
  readonly copy: Ceiling;
}

/** Which form is the fastest on an adapter. */
export interface CeilingForms {
  readonly fma: string;
  readonly copy: string;
}

const FMA_FORMS = [12, 32]; // chains
const COPY_FORMS = [
  { THREADS: 64, PER_THREAD: 1 },
  { THREADS: 64, PER_THREAD: 8 },
  { THREADS: 8, PER_THREAD: 64 },
];

/** A copy is larger than caches, of which the largest GPUs have about 50 MB; CPUs take some ms for the work. */
const SIZES = {
  software: { copyBytes: 32 * 2 ** 20, fmaGroups: 128 },
  hardware: { copyBytes: 64 * 2 ** 20, fmaGroups: 16_384 },
};

/** Times the forms; a few short rounds tell them apart. */
export async function findCeilings(
  device: Device,
  options: MeasureOptions = {},
): Promise<CeilingForms> {
  const forms = await makeForms(device);
  const fastest = async (candidates: readonly Ceiling[]) => {
    const times = await measureInterleaved(device, candidates, {
      rounds: 3,
      minMilliseconds: 5,
      ...options,
    });
    const rate = (i: number) => candidates[i]!.work / times[i]!.microseconds;
    return candidates.reduce((best, each, i) => (rate(i) > rate(best.i) ? { each, i } : best), {
      each: candidates[0]!,
      i: 0,
    }).each.name;
  };
  const found = { fma: await fastest(forms.fma), copy: await fastest(forms.copy) };
  forms.dispose();
  return found;
}

/** The ceilings in their fastest forms, ready to be timed beside something else. */
export async function placeCeilings(
  device: Device,
  { fma, copy }: CeilingForms,
): Promise<Ceilings & { dispose(): void }> {
  const forms = await makeForms(device);
  const named = (candidates: readonly Ceiling[], name: string) =>
    candidates.find((each) => each.name === name)!;
  return { fma: named(forms.fma, fma), copy: named(forms.copy, copy), dispose: forms.dispose };
}

async function makeForms(device: Device) {
  const [fma, copy] = await Promise.all([
    device.kernel(fmaSource, { name: 'fma' }),
    device.kernel(copySource, { name: 'copy' }),
  ]);
  const { copyBytes, fmaGroups } = SIZES[device.adapter.software ? 'software' : 'hardware'];
  const sums = device.zeros([64 * fmaGroups]);
  const [x, y] = [device.zeros([copyBytes / 4]), device.zeros([copyBytes / 4])];
  return {
    fma: FMA_FORMS.map((chains) => ({
      name: `chains_${chains}`,
      work: 2 * chains * FMA_ITERATIONS * 64 * fmaGroups,
      run: () => {
        const params = { x: 0.5, b: 0.25 };
        const constants = { ITERATIONS: FMA_ITERATIONS };
        const outputs = [sums];
        fma.run(`chains_${chains}`, {
          inputs: [],
          outputs,
          params,
          workgroups: fmaGroups,
          constants,
        });
      },
    })),
    copy: COPY_FORMS.map((constants) => ({
      name: Object.values(constants).join(' x '),
      work: 2 * copyBytes,
      run: () => copyAll(copy, x, y, constants),
    })),
    dispose() {
      for (const tensor of [sums, x, y]) tensor.dispose();
    },
  };
}

const FMA_ITERATIONS = 512;

function copyAll(
  kernel: Kernel,
  x: ReturnType<Device['zeros']>,
  y: ReturnType<Device['zeros']>,
  constants: { readonly THREADS: number; readonly PER_THREAD: number },
): void {
  const workgroups = x.size / 4 / constants.THREADS / constants.PER_THREAD;
  kernel.run('copy', { inputs: [x], outputs: [y], workgroups, constants });
}
