// Which variant of a kernel family serves which class of shapes: pinned by a run or a test, else measured by the tuner,
// else what the family ships. Names only; the ops know what they mean.

/** `family` and `shapeClass` -> variant, as it stands in caches, configs and checkpoints. */
export type ChoiceTable = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Where neither has a choice, the family decides by the shape itself. */
export interface ChoiceRules {
  readonly pinned: ChoiceTable;
  readonly measured: ChoiceTable;
}

/** Stands for every shape class of a family. */
const ANY = '*';

export class Choices {
  private pinned = new Map<string, Map<string, string>>();
  private measured = new Map<string, Map<string, string>>();
  private taken = new Map<string, Map<string, string>>();

  /** The variant that was pinned or measured; undefined: the family decides. */
  get(family: string, shapeClass: string): string | undefined {
    const pinned = this.pinned.get(family);
    return (
      pinned?.get(shapeClass) ?? pinned?.get(ANY) ?? this.measured.get(family)?.get(shapeClass)
    );
  }

  /** Notes what a launch took. */
  note(family: string, shapeClass: string, variant: string): void {
    const classes = this.taken.get(family);
    if (classes) classes.set(shapeClass, variant);
    else this.taken.set(family, new Map([[shapeClass, variant]]));
  }

  /** What has been taken so far. */
  get used(): ChoiceTable {
    return tableOf(this.taken);
  }

  /** What decides: another device that is given it chooses alike, shape by shape. */
  get rules(): ChoiceRules {
    return { pinned: tableOf(this.pinned), measured: tableOf(this.measured) };
  }

  set rules({ pinned, measured }: ChoiceRules) {
    this.pin(pinned);
    this.setMeasured(measured);
  }

  /** What the launches of `fn` take. */
  takenBy(fn: () => void): ChoiceTable {
    const { taken } = this;
    this.taken = new Map();
    try {
      fn();
      return this.used;
    } finally {
      this.taken = taken;
    }
  }

  /** Takes these whatever is measured; the class `*` stands for all. Replaces what was pinned before. */
  pin(table: ChoiceTable): void {
    this.pinned = mapOf(table);
  }

  /** Runs `fn` with these pinned, and then what was pinned before. */
  withPinned<T>(table: ChoiceTable, fn: () => T): T {
    const before = this.pinned;
    this.pin(table);
    try {
      return fn();
    } finally {
      this.pinned = before;
    }
  }

  /** Takes these where nothing is pinned: the tuner's results. */
  setMeasured(table: ChoiceTable): void {
    this.measured = mapOf(table);
  }
}

/** Whether data from outside is a table. */
export function isChoiceTable(value: unknown): value is ChoiceTable {
  const isObject = (x: unknown) => typeof x === 'object' && x !== null && !Array.isArray(x);
  const isClasses = (x: unknown) =>
    isObject(x) && Object.values(x as object).every((name) => typeof name === 'string');
  return isObject(value) && Object.values(value as object).every(isClasses);
}

const mapOf = (table: ChoiceTable) =>
  new Map(
    Object.entries(table).map(([family, classes]) => [family, new Map(Object.entries(classes))]),
  );

const tableOf = (map: ReadonlyMap<string, ReadonlyMap<string, string>>): ChoiceTable =>
  Object.fromEntries([...map].map(([family, classes]) => [family, Object.fromEntries(classes)]));
