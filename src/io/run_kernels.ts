// The kernels that a run takes: others round otherwise, so a resumed run goes on with those that it began with.

import { isChoiceTable } from '../gpu/choices.ts';
import type { Device } from '../ops/device.ts';

/** Which variants of the kernels this adapter takes. */
export function kernelsOf({ adapter, gpu }: Device): object {
  return { adapter: adapter.name, driver: adapter.driver, choices: gpu.choices.table };
}

/** On the same adapter, takes the variants that `kernelsOf` told. */
export function chooseAsBefore({ adapter, gpu }: Device, kernels: unknown): void {
  if (typeof kernels !== 'object' || kernels === null) return;
  const { adapter: name, driver, choices } = kernels as Record<string, unknown>;
  const same = name === adapter.name && driver === adapter.driver;
  if (same && isChoiceTable(choices)) gpu.choices.setMeasured(choices);
}
