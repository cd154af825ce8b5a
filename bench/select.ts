// Which items a call of the bench means: by family, shape and element type.

import { ConfigError } from '../src/errors.ts';
import { nearest } from '../src/io/config.ts';
import type { Item } from './item.ts';

export interface Selection {
  /** Default all. */
  readonly family?: string | undefined;
  /** Sizes in the item's order with `x` between them: all of them, or some that follow one another. */
  readonly shape?: string | undefined;
  readonly dtype?: string | undefined;
  /** Only the small ones. */
  readonly quick?: boolean | undefined;
}

/** The items that all given criteria leave. @throws ConfigError for one that is malformed or leaves none. */
export function selectItems(
  items: readonly Item[],
  { family, shape, dtype, quick = false }: Selection,
): readonly Item[] {
  let left = items;
  if (family !== undefined) {
    const families = [...new Set(items.map((item) => item.family))];
    if (!families.includes(family)) throw unknownFamily(family, families);
    left = left.filter((item) => item.family === family);
  }
  if (shape !== undefined) {
    if (!/^\d+(x\d+)*$/.test(shape)) {
      throw new ConfigError(
        `bench: --shape "${shape}" is malformed; expected sizes with x between them, such as 512x512x512`,
      );
    }
    left = narrowed(left, 'shape', shape, shapeOf, (own) => `x${own}x`.includes(`x${shape}x`));
  }
  if (dtype !== undefined) {
    left = narrowed(
      left,
      'dtype',
      dtype,
      (item) => item.dtype,
      (own) => own === dtype,
    );
  }
  if (quick) {
    const small = left.filter((item) => item.quick);
    if (small.length === 0)
      throw new ConfigError('bench: none of these items is small; leave --quick out');
    left = small;
  }
  return left;
}

/** '512x512x512'. */
export const shapeOf = ({ shape }: Pick<Item, 'shape'>): string => Object.values(shape).join('x');

function unknownFamily(family: string, families: readonly string[]): ConfigError {
  const near = nearest(family, families);
  const meant = near ? ` (did you mean ${near}?)` : '';
  return new ConfigError(`bench: no family "${family}"${meant}; there are ${families.join(', ')}`);
}

function narrowed(
  items: readonly Item[],
  option: string,
  wanted: string,
  textOf: (item: Item) => string,
  fits: (value: string) => boolean,
): readonly Item[] {
  const left = items.filter((item) => fits(textOf(item)));
  if (left.length > 0) return left;
  const values = [...new Set(items.map(textOf))].join(', ');
  throw new ConfigError(`bench: no item has --${option} ${wanted}; there are ${values}`);
}
