// What the model writes before and after it is tuned. Prompts and answers come from files and models: `textContent` only.

import { element } from '../shared/page.ts';
import type { Answer } from './protocol.ts';

const list = element('answers', HTMLElement);
const compared = element('compared', HTMLElement);
const hint = element('no-answers', HTMLElement);
const MOST = 20;
for (const each of [list, compared]) each.classList.add('answers');

/** The answers of before begin the list; those of after are added to them. */
export function showAnswers(when: 'before' | 'after', answers: readonly Answer[]): void {
  if (when === 'before') {
    list.replaceChildren(
      ...answers.map(({ prompt, expected, text }) =>
        row(prompt, { ...(expected !== null && { expected }), before: text }),
      ),
    );
    return;
  }
  for (const [i, { text }] of answers.entries()) addLine(list.children[i]!, 'after', text);
}

export function showCompared(prompt: string, before: string, after: string): void {
  compared.prepend(row(prompt, { before, after }));
  while (compared.children.length > MOST) compared.lastElementChild!.remove();
}

export function clearAnswers(): void {
  list.replaceChildren();
  compared.replaceChildren();
  hint.hidden = false;
}

function row(prompt: string, lines: Readonly<Record<string, string>>): HTMLLIElement {
  const item = document.createElement('li');
  const given = document.createElement('p');
  given.className = 'prompt';
  given.textContent = prompt;
  item.append(given, document.createElement('dl'));
  for (const [name, text] of Object.entries(lines)) addLine(item, name, text);
  return item;
}

function addLine(item: Element, name: string, text: string): void {
  const term = document.createElement('dt');
  term.textContent = name;
  const value = document.createElement('dd');
  value.textContent = text.trimEnd() || '(nothing)';
  item.querySelector('dl')!.append(term, value);
}
