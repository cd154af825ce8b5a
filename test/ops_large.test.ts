// Ops over 65,535 workgroups, the grid's limit along one axis: the dispatch folds into a second one.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as index from '../src/index.ts';
import { Device } from '../src/ops/device.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import { families } from './cases/index.ts';
import { run } from './ops/in_graph.ts';
import type { Api } from './reference/case.ts';
import { expectClose, type Tolerance } from './reference/close.ts';

const api = index as unknown as Api<Tensor>;
let device: Device;

beforeAll(async () => {
  device = await Device.open();
});

afterAll(() => device.destroy());

describe.each(Object.entries(families))('%s', (_, { large }) => {
  it.each(large.map((make, i) => [i + 1, make] as const))('large case %i', async (_, make) => {
    const each = make();
    const { outputs, grads, atLeaf } = await run(device, api, each, 'dense');
    device.gpu.pool.trim();
    // Gradients of shared inputs are sums of millions of terms, some of them added one after the other.
    const summed = ({ rtol, atol }: Tolerance) => ({ rtol, atol: 20 * atol });
    const label = `${each.op}: ${each.name}`;
    for (const [name, { shape, data }] of Object.entries(each.outputs)) {
      expect(outputs[name]?.shape, `${label}, ${name}`).toEqual(shape);
      expectClose(outputs[name]!.data, data, each.tolerance, `${label}, ${name}`);
    }
    for (const [name, gradient] of Object.entries(each.grads ?? {})) {
      const { data } = atLeaf[name]!(gradient);
      const tolerance = summed(each.gradTolerances[name]!);
      expectClose(grads[name]!.data, data, tolerance, `${label}, gradient of ${name}`);
    }
  });
});
