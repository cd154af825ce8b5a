// Answers as tables: a rollout's groups, and thoughts beside what a user sees. What a model wrote is text, never markup.

import { element } from '../shared/page.ts';
import { tableRow } from '../shared/table.ts';
import type { Attempted, Group } from './protocol.ts';

const groupsTable = element('groups-table', HTMLTableElement);
const groupRows = element('groups', HTMLTableSectionElement);
const thoughtsTable = element('thoughts-table', HTMLTableElement);
const thoughtRows = element('thoughts', HTMLTableSectionElement);

export function showGroups(groups: readonly Group[]): void {
  groupsTable.hidden = false;
  groupRows.replaceChildren(
    ...groups.map(({ question, answer, attempts }) => {
      const list = document.createElement('ul');
      list.className = 'attempts';
      list.append(...attempts.map(attemptItem));
      const right = attempts.filter((attempt) => attempt.right).length;
      return tableRow([question, answer, [list], (right / attempts.length).toFixed(2)]);
    }),
  );
}

/** The first attempt at each problem. */
export function showThoughts(groups: readonly Group[]): void {
  thoughtsTable.hidden = false;
  thoughtRows.replaceChildren(
    ...groups.map(({ question, answer, attempts: [first] }) => {
      const { thought, text, right } = first!;
      const checked = document.createElement('span');
      checked.className = classOf(right);
      checked.textContent = right ? 'right' : `wrong, ${answer}`;
      const said = [thought, text].map((each) => each.trim() || '(nothing)');
      return tableRow([question, ...said, [checked]]);
    }),
  );
}

export function clearTables(): void {
  for (const table of [groupsTable, thoughtsTable]) table.hidden = true;
  for (const rows of [groupRows, thoughtRows]) rows.replaceChildren();
}

function attemptItem({ text, right }: Attempted): HTMLLIElement {
  const item = document.createElement('li');
  item.className = classOf(right);
  item.append(`${item.className}: ${shortened(text)}`);
  item.title = text.trim();
  return item;
}

/** The number alone, where the answer is a sentence as it was taught. */
function shortened(text: string): string {
  const [, number] = /^\s*The answer is (-?\d+)\.$/.exec(text) ?? [];
  return number ?? (text.trim() || '(nothing)');
}

const classOf = (right: boolean) => (right ? 'right' : 'wrong');
