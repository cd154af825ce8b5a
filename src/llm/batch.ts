// A batch as a loss reads it: parts by name, on the host or on the device.

/** What a loss needs of B rows: [B, T] each, but for the documents' bounds [B, T, 2] and the items [B, 1]. */
export type Batch<Values> = { readonly ids: Values; readonly targets: Values } & {
  /** What an encoder reads, and 0 where it is padding. */
  readonly source?: Values;
  readonly sourceMask?: Values;
  readonly documents?: Values;
  readonly positions?: Values;
  /** Which items the rows are, for what is known of them besides. */
  readonly items?: Values;
};

export type PartName = keyof Batch<unknown>;

export function partsOf<Values>(batch: Batch<Values>): [PartName, Values][] {
  return Object.entries(batch) as [PartName, Values][];
}

/** A batch of what `of` makes of each part. */
export function mapBatch<A, B>(batch: Batch<A>, of: (values: A, name: PartName) => B): Batch<B> {
  const entries = partsOf(batch).map(([name, values]) => [name, of(values, name)]);
  return Object.fromEntries(entries) as Batch<B>;
}

/** The shape of a part of `rows` rows. */
export function shapeOf(name: PartName, values: Int32Array, rows: number): number[] {
  return name === 'documents' ? [rows, values.length / rows / 2, 2] : [rows, values.length / rows];
}
