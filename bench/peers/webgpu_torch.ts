// webgpu-torch: of the items, it has the product of two matrices. Reductions take no axis, and nothing broadcasts.

import { createRequire } from 'node:module';
import type * as WebGPUTorch from 'webgpu-torch';
import type { HostArray } from '../item.ts';
import type { Peer } from './peer.ts';

let torch: typeof WebGPUTorch;

export const webgpuTorch: Peer = {
  name: 'webgpu-torch',
  version: '0.3.5',

  cannot({ op, shape, options }) {
    if (op !== 'matmul') return 'no reduction over an axis, no broadcasting, no gather';
    if (shape.B) return 'no batched matmul';
    return options.transposeA || options.transposeB ? 'mm takes no transposed operand' : null;
  },

  async open() {
    torch = createRequire(import.meta.url)('webgpu-torch');
    // It prints the device that it finds.
    const log = console.log;
    console.log = () => {};
    await torch.initWebGPUAsync();
    console.log = log;
  },

  async start(_item, { a, b }) {
    const [left, right] = [upload(a!), upload(b!)];
    const { queue } = (left.device as unknown as { gpuDevice: { queue: GPUQueue } }).gpuDevice;
    let last: WebGPUTorch.Tensor;
    return {
      async sample(calls) {
        for (let i = 0; i < calls; i++) last = left.mm(right);
        await queue.onSubmittedWorkDone();
        return calls;
      },
      async results() {
        const rows = (await last.toArrayAsync()) as number[][];
        return { out: rows.flat() };
      },
    };
  },
};

function upload({ data, shape }: HostArray) {
  const [rows, columns] = shape as [number, number];
  const nested = Array.from({ length: rows }, (_, i) =>
    Array.from(data.subarray(i * columns, (i + 1) * columns)),
  );
  return torch.tensor(nested);
}
