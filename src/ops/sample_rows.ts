// Rows drawn at random, on the device.

import source from '../../kernels/sample_rows.wgsl' with { type: 'text' };
import { ConfigError, ShapeError } from '../errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { allocate, expectDType, expectShape, groupsFor, kernelFile, launch } from './launch.ts';
import { randomState } from './random.ts';

const kernel = kernelFile('sample_rows', source);

/** What a uniform draw tells apart. */
const MOST_ROWS = 2 ** 24;

/**
 * `count` of the first `size` rows, uniformly and with replacement; the draw follows from `Device.beginStep` and the op's
 * place in the step, so that a replayed step draws anew. Outside the tape.
 * @param rows [capacity, width] f32, of at most 2^24 rows.
 * @param size a scalar, u32, in 1 … capacity: on the device, for it grows between replays.
 * @returns [count, width].
 * @throws ShapeError, DTypeError or ConfigError when the arguments do not fit.
 */
export function sampleRows(rows: Tensor, size: Tensor, count: number): Tensor {
  const [capacity, width] = rows.shape;
  if (rows.rank !== 2 || capacity! > MOST_ROWS)
    throw new ShapeError(
      `sampleRows: rows is ${format(rows.shape)}, expected [capacity, width] with at most ${MOST_ROWS} rows`,
    );
  expectDType('sampleRows', 'rows', rows, 'f32');
  expectShape('sampleRows', 'size', size, []);
  expectDType('sampleRows', 'size', size, 'u32');
  if (!(Number.isSafeInteger(count) && count >= 0))
    throw new ConfigError(`sampleRows: count is ${count}, expected a whole number from 0 on`);
  const state = randomState(rows.runtime);
  const y = allocate(rows.runtime, [count, width!], 'f32');
  launch(kernel, 'draw', {
    inputs: [rows, size, state.tensor],
    outputs: [y],
    params: { elements: y.size, width: width!, stream: state.nextStream() },
    workgroups: groupsFor(y.size),
  });
  return y;
}
