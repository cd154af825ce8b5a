// More workgroups than the grid has along one axis: the dispatch folds into a second one. Once with the limit lowered,
// so that all kernels fold on small cases, and once over the real 65,535.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LimitError } from '../src/errors.ts';
import * as index from '../src/index.ts';
import { Device } from '../src/ops/device.ts';
import * as rl from '../src/rl/index.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import { families } from './cases/index.ts';
import { run } from './ops/in_graph.ts';
import type { Api, OpCase } from './reference/case.ts';
import { expectClose } from './reference/close.ts';

const api = { ...index, ...rl } as unknown as Api<Tensor>;
const title = ({ op, name }: OpCase) => `${op}: ${name}`;

async function check(device: Device, each: OpCase): Promise<void> {
  const label = title(each);
  const { outputs, grads, atLeaf } = await run(device, api, each, 'dense');
  for (const [name, { shape, data }] of Object.entries(each.outputs)) {
    expect(outputs[name]?.shape, `${label}, ${name}`).toEqual(shape);
    expectClose(outputs[name]!.data, data, each.tolerance, `${label}, ${name}`);
  }
  for (const [name, gradient] of Object.entries(each.grads ?? {})) {
    const { data } = atLeaf[name]!(gradient);
    // The gradient of what all rows share is a sum of up to a million terms.
    const { rtol, atol } = each.gradTolerances[name]!;
    const tolerance = { rtol, atol: 4 * atol };
    expectClose(grads[name]!.data, data, tolerance, `${label}, gradient of ${name}`);
  }
}

describe('a grid of at most 5 x 5 workgroups', () => {
  const LIMIT = 5;
  const folded = new Set<string>();
  let device: Device;

  beforeAll(async () => {
    device = await Device.open({ limits: { maxComputeWorkgroupsPerDimension: LIMIT } });
    const dispatch = device.gpu.dispatch.bind(device.gpu);
    device.gpu.dispatch = (each) => {
      const { file, entry } = each.kernel;
      if (each.workgroups > LIMIT) folded.add(`${file.name}.${entry}`);
      dispatch(each);
    };
  });

  afterAll(() => device.destroy());

  // Extreme values are about arithmetic, and are few.
  const cases = Object.values(families)
    .flatMap((family) => family.cases)
    .filter(({ name }) => !name.includes('extreme'))
    .filter(({ inputs, outputs }) =>
      Object.values({ ...inputs, ...outputs }).some(({ data }) => data.length > 20 * LIMIT),
    );

  it.concurrent.each(cases.map((each) => [title(each), each] as const))(
    '%s folds, or is refused for its size',
    async (_, each) => {
      await check(device, each).catch((error: unknown) => {
        if (!(error instanceof LimitError)) throw error;
        expect(error.message).toMatch(/\d+ workgroups exceed the limit of 5 x 5$/);
      });
    },
  );

  it('was reached by most kernels', () => {
    expect(folded.size).toBeGreaterThanOrEqual(30);
  });
});

describe('over 65,535 workgroups', () => {
  let device: Device;

  beforeAll(async () => {
    device = await Device.open();
  });

  afterAll(() => device.destroy());

  const large = Object.entries(families).flatMap(([family, { large }]) =>
    large.map((make, i) => [`${family} ${i + 1}`, make] as const),
  );

  it.each(large)('%s', async (_, make) => {
    await check(device, make());
    device.gpu.pool.trim();
  });
});
