// A text that the visitor gives, looked into as the model learns: one position of it is chosen, for what comes next and for
// whom it attends to.

import { element } from '../shared/page.ts';
import { clearAttention, offerHeads, showAttention } from './attention_map.ts';
import { clearNext, onSampling, showNext } from './next_token.ts';
import type { Facts, Looked } from './protocol.ts';

/** Of the stories. */
const TEXT = 'One day Mia ran to the park. She';

const prompt = element('prompt', HTMLInputElement);
const position = element('position', HTMLInputElement);
const positionValue = element('position-value', HTMLOutputElement);
const strip = element('tokens', HTMLElement);
const problem = element('next-problem', HTMLElement);

let facts: Pick<Facts, 'vocabulary' | 'heads'> | null = null;
let looked: Looked | null = null;
let given = TEXT;
prompt.value = TEXT;
position.addEventListener('input', show);
onSampling(show);

/** Calls `act` with the text when the visitor has changed it. */
export function onText(act: (text: string) => void): void {
  prompt.addEventListener('change', () => {
    if (prompt.value !== '') act(prompt.value);
  });
}

/** The text to look into in a run of this text: the visitor's, or one that such a model knows. */
export function beginLooking({ vocabulary, layers, heads, beginning }: Facts): string {
  facts = { vocabulary, heads };
  if (prompt.value === given || prompt.value === '') prompt.value = given = beginning ?? TEXT;
  offerHeads(layers, heads);
  return prompt.value;
}

export function showLooked(now: Looked): void {
  const [moved, last] = [looked?.ids.length !== now.ids.length, now.ids.length];
  looked = now;
  problem.hidden = true;
  position.max = String(last);
  if (moved) position.value = position.max;
  show();
}

export function showUnlooked(reason: string): void {
  problem.textContent = reason;
  problem.hidden = false;
}

export function clearLooking(): void {
  [facts, looked] = [null, null];
  problem.hidden = true;
  strip.replaceChildren();
  positionValue.value = '–';
  clearNext();
  clearAttention();
}

function show(): void {
  if (!looked || !facts) return;
  const { vocabulary, heads } = facts;
  const { ids, logits } = looked;
  const tokens = ids.map((id) => vocabulary[id]!);
  const row = position.valueAsNumber - 1;
  positionValue.value = `after “${tokens[row]}” (${row + 1})`;
  position.setAttribute('aria-valuetext', positionValue.value);
  strip.replaceChildren(...tokens.map((token, i) => tokenMark(token, i, row)));
  const V = logits.length / ids.length;
  showNext(logits.subarray(row * V, (row + 1) * V), vocabulary);
  showAttention({ looked, tokens, heads, row });
}

/** Pressing a token chooses its position, as the slider does. */
function tokenMark(token: string, i: number, row: number): HTMLElement {
  const mark = document.createElement('span');
  mark.textContent = token;
  mark.className = i === row ? 'chosen' : i > row ? 'after' : '';
  mark.addEventListener('click', () => {
    position.value = String(i + 1);
    show();
  });
  return mark;
}
