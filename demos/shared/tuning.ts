// What `shadegrad tune` does; the device keeps to it, and so do later visits.

import type { TunedClass, TuneOptions } from '../../bench/tune.ts';
import type { Device } from '../../src/index.ts';

/** What was measured, and a line on it for the status. */
export async function tuneKernels(
  device: Device,
  options: TuneOptions,
): Promise<{ classes: readonly TunedClass[]; status: string }> {
  const { tune } = await import('../../bench/tune.ts'); // few visitors need it
  const { classes } = await tune(device, options);
  const changed = classes.filter(({ shipped, chosen }) => shipped !== chosen).length;
  const status =
    classes.length === 0
      ? 'This kernel has one variant only.'
      : `Tuned: ${changed} of ${classes.length} choices changed. This browser remembers it.`;
  return { classes, status };
}
