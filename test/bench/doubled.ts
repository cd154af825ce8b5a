// An item of the tests' own, whose kernel nobody else changes: y = FACTOR x.

import type { Item } from '../../bench/item.ts';
import { allocate, groupsFor, kernelFile, launch } from '../../src/ops/launch.ts';

export const DOUBLED_WGSL = `
const FACTOR: f32 = 1.0;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn scale(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&y)) { y[id.x] = FACTOR * x[id.x]; }
}
`;

const SIZE = 1000;

export const doubled: Item = {
  name: 'doubled 1000',
  family: 'doubled',
  op: 'doubled',
  shape: { n: SIZE },
  dtype: 'f32',
  direction: 'forward',
  options: {},
  flops: SIZE,
  bytes: 8 * SIZE,
  quick: true,
  inputs: () => ({
    x: { shape: [SIZE], dtype: 'f32', data: new Float32Array(SIZE).map((_, i) => i + 1) },
  }),
  start(device, { x }) {
    const file = kernelFile('doubled', DOUBLED_WGSL);
    return {
      run() {
        const y = allocate(device, [SIZE], 'f32');
        const constants = { FACTOR: 2 };
        const outputs = [y];
        launch(file, 'scale', { inputs: [x!], outputs, workgroups: groupsFor(SIZE), constants });
        return { y };
      },
    };
  },
  check({ x }, { y }) {
    const at = x!.data.findIndex((value, i) => y![i] !== 2 * value);
    if (at < 0) return { correct: true, compared: SIZE };
    return { correct: false, compared: at + 1, problem: `y[${at}]: got ${y![at]}` };
  },
};
