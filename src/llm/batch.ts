// A batch as a loss reads it: parts by name, on the host or on the device.

/** What a loss needs of B rows: [B, T] each, but for the documents' bounds [B, T, 2]. */
export type Batch<Values> = { readonly ids: Values; readonly targets: Values } & {
  /** What an encoder reads, and 0 where it is padding. */
  readonly source?: Values;
  readonly sourceMask?: Values;
  readonly documents?: Values;
  readonly positions?: Values;
};

/** The values of a part, row after row. */
export type HostRows = Int32Array | Float32Array;

type PartsOf<Parts> = Exclude<Parts[keyof Parts], undefined>;

export function partsOf<Parts extends object>(
  batch: Parts,
): [keyof Parts & string, PartsOf<Parts>][] {
  return Object.entries(batch) as [keyof Parts & string, PartsOf<Parts>][];
}

/** A batch of what `of` makes of each part. */
export function mapBatch<Parts extends object, B>(
  batch: Parts,
  of: (values: PartsOf<Parts>, name: keyof Parts & string) => B,
): { [Name in keyof Parts]: B } {
  const entries = partsOf(batch).map(([name, values]) => [name, of(values, name)]);
  return Object.fromEntries(entries) as { [Name in keyof Parts]: B };
}

/** The shape of a part of `rows` rows. */
export function shapeOf(name: string, values: HostRows, rows: number): number[] {
  return name === 'documents' ? [rows, values.length / rows / 2, 2] : [rows, values.length / rows];
}
