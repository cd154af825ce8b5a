// What a replay costs the CPU, next to a bare loop of the same calls on the same WebGPU objects, in turns.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { globals } from 'webgpu';
import { medianRatio } from '../../bench/measure.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { Device } from '../../src/ops/device.ts';
import { sum } from '../../src/ops/reduce.ts';
import { tanh } from '../../src/ops/unary.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

/** A call of a compute pass. */
type Call =
  | { readonly set: 'pipeline'; readonly pipeline: GPUComputePipeline }
  | { readonly set: 'group'; readonly index: number; readonly group: GPUBindGroup }
  | { readonly set: 'params'; readonly args: Parameters<GPUComputePassEncoder['setBindGroup']> }
  | { readonly set: null; readonly x: number; readonly y: number };

interface Recorded {
  device: GPUDevice | null;
  readonly passes: Call[][];
}

/** What `work` asks of WebGPU. */
function callsOf(work: () => void): Recorded {
  const recorded: Recorded = { device: null, passes: [] };
  const restore: (() => void)[] = [];
  const watch = (type: string, method: string, seen: (self: object, args: never[]) => void) => {
    const { prototype } = (globals as Record<string, { prototype: Record<string, unknown> }>)[
      type
    ]!;
    const original = prototype[method] as (...args: unknown[]) => unknown;
    prototype[method] = function (this: object, ...args: never[]) {
      seen(this, args);
      return original.apply(this, args);
    };
    restore.push(() => {
      prototype[method] = original;
    });
  };
  const note = (call: Call) => recorded.passes.at(-1)!.push(call);
  watch('GPUDevice', 'createCommandEncoder', (self) => {
    recorded.device = self as GPUDevice;
  });
  watch('GPUCommandEncoder', 'beginComputePass', () => recorded.passes.push([]));
  watch('GPUComputePassEncoder', 'setPipeline', (_, [pipeline]) =>
    note({ set: 'pipeline', pipeline: pipeline! }),
  );
  watch('GPUComputePassEncoder', 'setBindGroup', (_, args) => {
    const [index, group, ...params] = args as unknown as [number, GPUBindGroup];
    if ((params as unknown[]).length === 0) note({ set: 'group', index, group });
    else note({ set: 'params', args: args as unknown as (Call & { set: 'params' })['args'] });
  });
  watch('GPUComputePassEncoder', 'dispatchWorkgroups', (_, [x, y]) =>
    note({ set: null, x: x!, y: y! }),
  );
  try {
    work();
  } finally {
    for (const undo of restore) undo();
  }
  return recorded;
}

/** Makes the calls again, with nothing around them. */
function bareLoop({ device, passes }: Recorded): void {
  for (const calls of passes) {
    const encoder = device!.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const call of calls) {
      if (call.set === 'pipeline') pass.setPipeline(call.pipeline);
      else if (call.set === 'group') pass.setBindGroup(call.index, call.group);
      else if (call.set === 'params') pass.setBindGroup(...call.args);
      else pass.dispatchWorkgroups(call.x, call.y);
    }
    pass.end();
    device!.queue.submit([encoder.finish()]);
  }
}

test('a replay takes at most 1.3 times the CPU time of a bare loop of its calls', async () => {
  const x = device.randn([8, 8], { seed: 1 });
  const step = await device.capture(() => {
    let y = x;
    for (let i = 0; i < 100; i++) y = tanh(add(mul(y, 0.5), x));
    return sum(y);
  });
  const calls = callsOf(() => {
    step();
    device.submit();
  });
  expect(calls.passes.flat().filter(({ set }) => set === null).length).toBeGreaterThan(300);
  const forms = {
    bare: () => bareLoop(calls),
    replay: () => {
      step();
      device.submit();
    },
  };
  const times: Record<keyof typeof forms, number[]> = { bare: [], replay: [] };
  for (let round = 0; round < 51; round++) {
    for (const name of ['bare', 'replay'] as const) {
      await device.sync();
      const begin = performance.now();
      forms[name]();
      times[name].push(performance.now() - begin);
    }
  }
  const ratio = medianRatio(times.replay.slice(10), times.bare.slice(10));
  expect(ratio).toBeLessThan(1.3);
});
