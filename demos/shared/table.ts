// Tables of numbers.

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

/** The first column heads its row; numbers stand to the right. */
export function makeTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): HTMLTableElement {
  const table = document.createElement('table');
  const head = table.createTHead().insertRow();
  for (const text of heads) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    cell.textContent = text;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const row of rows) {
    const line = tableRow(row);
    for (const [i, text] of row.entries())
      if (i > 0 && /^[-\d]/.test(text))
        line.cells[i]!.className = head.cells[i]!.className = 'number';
    body.append(line);
  }
  return table;
}
