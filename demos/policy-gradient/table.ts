// Rows of numbers.

/** The first cell is the row's heading. */
export function tableRow(
  cells: readonly (string | readonly (string | Node)[])[],
): HTMLTableRowElement {
  const row = document.createElement('tr');
  for (const [i, content] of cells.entries()) {
    const cell = document.createElement(i === 0 ? 'th' : 'td');
    if (i === 0) cell.scope = 'row';
    cell.append(...(typeof content === 'string' ? [content] : content));
    row.append(cell);
  }
  return row;
}

/** Two digits after the point, and no more than are needed. */
export const signed = (value: number): string =>
  String(Number(value.toFixed(2)) || 0).replace('-', '−');
