// What the model writes, the newest on top. It is text from outside, like the visitor's file: `textContent` only.

import { element } from '../shared/page.ts';

const list = element('samples', HTMLOListElement);
const empty = element('no-samples', HTMLElement);

/** `prompt` stands before the model's own text; the training's samples have none. */
export function showSample({
  step,
  prompt,
  text,
}: {
  step: number;
  prompt: string;
  text: string;
}): void {
  const item = document.createElement('li');
  const heading = document.createElement('h3');
  heading.textContent = `After ${step.toLocaleString('en')} steps`;
  const body = document.createElement('pre');
  const given = document.createElement('mark');
  given.textContent = prompt.trimStart();
  body.append(given, text);
  item.append(heading, body);
  list.prepend(item);
  empty.hidden = true;
}

export function clearSamples(): void {
  list.replaceChildren();
  empty.hidden = false;
}
