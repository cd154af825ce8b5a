import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { conv2d } from '../../src/ops/conv2d.ts';
import { cast } from '../../src/ops/copy.ts';
import { grad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';

describe('conv2d', () => {
  it('by a filter that is 1 at one place moves the image', async () => {
    const x = device.randn([2, 1, 5, 6], { seed: 1 });
    const filter = device.tensor([0, 0, 0, 0, 0, 1, 0, 0, 0], { shape: [1, 1, 3, 3] });
    const y = await conv2d(x, filter, undefined, { padding: 1 }).data();
    const image = await x.data();
    const moved = Array.from(y, (_, n) => ((n + 1) % 6 === 0 ? 0 : image[n + 1]!));
    expect([...y]).toEqual(moved);
  });

  it('gives the same bits twice, gradients included', async () => {
    const run = async () => {
      const x = device.randn([9, 4, 10, 10], { seed: 1 }).requireGrad();
      const weight = device.randn([16, 4, 3, 3], { seed: 2 }).requireGrad();
      const bias = device.randn([16], { seed: 3 }).requireGrad();
      const y = conv2d(x, weight, bias);
      const gradients = grad(y, [x, weight, bias], { dy: device.randn(y.shape, { seed: 4 }) });
      return Promise.all([y, ...gradients].map((each) => each!.data()));
    };
    expect(await run()).toEqual(await run());
  });

  it('of f16 is that of f32, rounded', async () => {
    if (!device.features.has('shader-f16')) {
      expect(() => device.zeros([1], { dtype: 'f16' })).toThrow('shader-f16');
      return;
    }
    const x = cast(device.randn([2, 3, 6, 6], { seed: 1 }), 'f16');
    const weight = cast(device.randn([5, 3, 3, 3], { seed: 2 }), 'f16');
    const bias = cast(device.randn([5], { seed: 3 }), 'f16');
    const half = await cast(conv2d(x, weight, bias), 'f32').data();
    const [wide, ...rest] = [x, weight, bias].map((each) => cast(each, 'f32'));
    const want = await conv2d(wide!, rest[0]!, rest[1]!).data();
    for (const [i, value] of want.entries()) {
      expect(Math.abs(half[i]! - value)).toBeLessThanOrEqual(2 ** -11 * Math.abs(value) + 1e-6);
    }
  });

  it.each([
    [{ stride: 0 }, 'stride is [0, 0], expected a whole number from 1 on, or two'],
    [{ stride: [1, 1.5] as const }, 'stride is [1, 1.5]'],
    [{ padding: -1 }, 'padding is [-1, -1], expected a whole number from 0 on, or two'],
    [{ padding: Number.NaN }, 'padding is [NaN, NaN]'],
  ])('refuses %j', (options, message) => {
    const [x, weight] = [device.zeros([1, 1, 4, 4]), device.zeros([1, 1, 2, 2])];
    const call = () => conv2d(x, weight, undefined, options);
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(message);
  });
});
