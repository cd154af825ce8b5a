// What a person sees of an environment: text for grids, shapes for what moves. Terminals and pages draw it.

export interface TextPicture {
  readonly kind: 'text';
  readonly lines: readonly string[];
}

/** Who a shape stands for; the page has a colour for each, in light and dark. */
export type Role = 'agent' | 'part' | 'ground' | 'goal' | 'danger' | 'prize';

/** In the units of its picture, y upwards. */
export type Shape =
  | {
      readonly kind: 'line';
      readonly points: readonly (readonly [x: number, y: number])[];
      readonly width: number;
      readonly role: Role;
    }
  | {
      readonly kind: 'polygon';
      readonly points: readonly (readonly [x: number, y: number])[];
      readonly role: Role;
    }
  | {
      readonly kind: 'circle';
      readonly centre: readonly [x: number, y: number];
      readonly radius: number;
      readonly role: Role;
    };

export interface ShapesPicture {
  readonly kind: 'shapes';
  /** What is visible. */
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly top: number;
  /** The first lies lowest. */
  readonly shapes: readonly Shape[];
}

export type Picture = TextPicture | ShapesPicture;
