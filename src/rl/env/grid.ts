// Rectangles of cells: the ground of every grid environment. Cell = row * columns + column.

import { ConfigError } from '../../errors.ts';
import type { TextPicture } from '../picture.ts';

export type Direction = 'up' | 'down' | 'left' | 'right';

const OFFSETS: Readonly<Record<Direction, readonly [row: number, column: number]>> = {
  up: [-1, 0],
  down: [1, 0],
  left: [0, -1],
  right: [0, 1],
};

export interface Grid {
  readonly rows: number;
  readonly columns: number;
  /** One character per cell. */
  readonly cells: string;
}

/** @param letters all that a cell may be. @throws ConfigError for lines of unequal length, and for other characters. */
export function parseGrid(id: string, lines: readonly string[], letters: string): Grid {
  const columns = lines[0]?.length ?? 0;
  if (columns === 0) throw new ConfigError(`${id}: the map is empty`);
  for (const [row, line] of lines.entries()) {
    if (line.length !== columns)
      throw new ConfigError(
        `${id}: row ${row} of the map has ${line.length} cells, the first has ${columns}`,
      );
    const strange = [...line].find((cell) => !letters.includes(cell));
    if (strange !== undefined)
      throw new ConfigError(
        `${id}: row ${row} of the map has "${strange}"; a cell is one of ${[...letters].join(' ')}`,
      );
  }
  return { rows: lines.length, columns, cells: lines.join('') };
}

/** All cells with this letter. */
export const cellsOf = ({ cells }: Grid, letter: string): number[] =>
  [...cells].flatMap((cell, i) => (cell === letter ? [i] : []));

/** The next cell that way, or the same where the grid ends. */
export function neighbour({ rows, columns }: Grid, cell: number, direction: Direction): number {
  const [down, right] = OFFSETS[direction];
  const row = Math.floor(cell / columns) + down;
  const column = (cell % columns) + right;
  const outside = row < 0 || row >= rows || column < 0 || column >= columns;
  return outside ? cell : row * columns + column;
}

/** The grid as text; the agent's cell is in brackets. */
export function gridPicture({ rows, columns, cells }: Grid, agent: number): TextPicture {
  const shown = [...cells].map((cell, i) => (i === agent ? `[${cell}]` : ` ${cell} `));
  const lines = Array.from({ length: rows }, (_, row) =>
    shown.slice(row * columns, (row + 1) * columns).join(''),
  );
  return { kind: 'text', lines };
}
