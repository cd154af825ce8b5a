// The kernels that a run takes: others round otherwise, so a resumed run goes on with those that it began with.

import { isChoiceTable } from '../gpu/choices.ts';
import type { Device } from '../ops/device.ts';

/** Which variants of the kernels this adapter has taken, and by what rules. */
export function kernelsOf({ adapter, gpu }: Device): object {
  const { used, rules } = gpu.choices;
  return { adapter: adapter.name, driver: adapter.driver, used, ...rules };
}

/**
 * On the same adapter, chooses by the rules that `kernelsOf` told. Not by what was taken: one variant of a class of shapes is noted,
 * and other shapes of it may have had another.
 */
export function chooseAsBefore({ adapter, gpu }: Device, kernels: unknown): void {
  if (typeof kernels !== 'object' || kernels === null) return;
  const { adapter: name, driver, pinned, measured } = kernels as Record<string, unknown>;
  const same = name === adapter.name && driver === adapter.driver;
  if (same && isChoiceTable(pinned) && isChoiceTable(measured))
    gpu.choices.rules = { pinned, measured };
}
