// The kernels of attention, and which of them an adapter takes.

import source from '../../kernels/attention.wgsl' with { type: 'text' };
import rowsSource from '../../kernels/attention_rows.wgsl' with { type: 'text' };
import subgroupsSource from '../../kernels/attention_subgroups.wgsl' with { type: 'text' };
import tilesSource from '../../kernels/attention_tiles.wgsl' with { type: 'text' };
import { kernelFile } from './launch.ts';
import { type Family, sizesOf } from './variants.ts';

export const attentionKernels = {
  subgroups: kernelFile('attention_subgroups', subgroupsSource),
  tiles: kernelFile('attention_tiles', tilesSource),
  rows: kernelFile('attention_rows', rowsSource),
  registers: kernelFile('attention', source),
};

export type AttentionVariant = keyof typeof attentionKernels;

/** T D up to which `rows` takes no longer than `subgroups` (SwiftShader, T = 16 and 32), and a tenth to compile. */
const SMALL = 256;

/**
 * Where loads are shared: in a subgroup, whose threads each load some of the keys (or queries) that all of them need; in
 * workgroup memory; or not at all, by few threads in registers or by many in rows, which is the least code. On a CPU,
 * where a load costs as much as 30 products, the first halves the time.
 */
export const attentionFamily: Family<AttentionVariant> = {
  name: 'attention',
  variants: ['subgroups', 'tiles', 'rows', 'registers'],
  shipped: ({ software, architecture }, shapeClass) => {
    if (!software) return 'tiles';
    const [, T, D] = sizesOf(shapeClass) as [number, number, number];
    return architecture === 'swiftshader' && T * D <= SMALL ? 'rows' : 'subgroups';
  },
};
