// The merges of the tokenizer, the newest on top. They are made faster than anyone reads: a few are shown at each frame.

import type { Merge } from '../../src/llm/index.ts';
import { element } from '../shared/page.ts';
import { shownBytes } from '../shared/tokens.ts';

const PER_FRAME = 4;
/** Rows that stay in the list. */
const MOST = 400;

const section = element('merges', HTMLElement);
const rows = element('merge-rows', HTMLElement);
const count = element('merge-count', HTMLElement);
// It scrolls, also by the keyboard.
element('merge-list', HTMLElement).tabIndex = 0;

let waiting: Merge[] = [];
let shown = 0;
let frame = 0;

export function clearMerges(): void {
  cancelAnimationFrame(frame);
  [waiting, shown, frame] = [[], 0, 0];
  rows.replaceChildren();
  section.hidden = true;
}

export function addMerges(merges: readonly Merge[]): void {
  section.hidden = false;
  waiting.push(...merges);
  if (frame === 0) frame = requestAnimationFrame(show);
}

function show(): void {
  for (const merge of waiting.splice(0, PER_FRAME)) {
    rows.prepend(row(merge));
    shown++;
  }
  while (rows.children.length > MOST) rows.lastElementChild!.remove();
  frame = waiting.length > 0 ? requestAnimationFrame(show) : 0;
  if (frame === 0)
    count.textContent = `${shown} merges, so ${256 + shown} tokens and the end of a text.`;
}

function row({ rank, left, right, count }: Merge): HTMLTableRowElement {
  const made = document.createElement('tr');
  const cells = [
    (rank + 1).toLocaleString('en'),
    `${shownBytes(left)} + ${shownBytes(right)}`,
    shownBytes(left + right),
    count.toLocaleString('en'),
  ];
  for (const text of cells) made.insertCell().textContent = text;
  return made;
}
