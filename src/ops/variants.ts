// Families of kernels that compute the same in several ways. Which way is fastest depends on the adapter and the shape:
// the tuner measures it; before that, a table by kind of adapter picks a sensible one.

import type { AdapterSummary } from '../gpu/context.ts';
import type { Runtime } from '../tensor/tensor.ts';

export interface Family<Variant extends string> {
  readonly name: string;
  /** All of them; the last one can compute everything. */
  readonly variants: readonly Variant[];
  /** The choice before anything is measured. */
  readonly shipped: (
    adapter: AdapterSummary,
    shapeClass: string,
    usable: (variant: Variant) => boolean,
  ) => Variant;
}

/**
 * The variant for a launch: pinned, measured or shipped, in this order; where it cannot compute this one, the first of
 * the family that can.
 */
export function variantFor<Variant extends string>(
  { gpu }: Runtime,
  family: Family<Variant>,
  shapeClass: string,
  usable: (variant: Variant) => boolean = () => true,
): Variant {
  const chosen = gpu.choices.get(family.name, shapeClass) as Variant | undefined;
  const known = chosen !== undefined && family.variants.includes(chosen);
  const wanted = known ? chosen : family.shipped(gpu.adapter, shapeClass, usable);
  const variant = usable(wanted) ? wanted : family.variants.find(usable)!;
  gpu.choices.note(family.name, shapeClass, variant);
  return variant;
}

/** A size's class: sizes within a factor of two share what is measured. 0 is a class of its own. */
export function sizeClass(n: number): number {
  return n === 0 ? 0 : 1 + Math.ceil(Math.log2(n));
}

/** The largest sizes of a class that names several, with spaces between them. */
export function sizesOf(shapeClass: string): number[] {
  return shapeClass.split(' ').map((each) => 2 ** (Number(each) - 1));
}
