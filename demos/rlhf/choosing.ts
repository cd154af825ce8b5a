// The two stories, and the visitor's choice: by button, or by the keys 1, 2 and 0 while the focus is in their card.

import type { Label } from '../../src/posttrain/labeller.ts';
import { element } from '../shared/page.ts';
import type { ShownPair } from './protocol.ts';

const KEYS: Readonly<Record<string, Label>> = { '1': 'A', '2': 'B', '0': 'tie' };

const card = element('choose', HTMLElement);
const panel = element('pair', HTMLElement);
const bar = element('bar', HTMLElement);
const hint = element('no-pair', HTMLElement);
const sides = { A: element('left', HTMLElement), B: element('right', HTMLElement) };
const buttons = [...panel.querySelectorAll<HTMLButtonElement>('button[data-label]')];

/** @param onChoice told only while choices are open */
export function choosing(onChoice: (label: Label) => void) {
  let open = false;
  const choose = (label: Label) => {
    if (open) onChoice(label);
  };
  for (const button of buttons)
    button.addEventListener('click', () => choose(button.dataset.label as Label));
  card.addEventListener('keydown', (event) => {
    const label = KEYS[event.key];
    const modified = event.ctrlKey || event.altKey || event.metaKey || event.repeat;
    if (label && !modified) choose(label);
  });
  return {
    /** Whether a choice counts now. */
    set open(now: boolean) {
      open = now;
      for (const button of buttons) button.ariaDisabled = String(!now);
    },
    /** `better` marks what was chosen; null: the choice is open. */
    show(pair: ShownPair, better: Label | null): void {
      const first = panel.hidden;
      panel.hidden = false;
      hint.hidden = true;
      // Who has pressed Start by keyboard can choose at once.
      if (first && bar.contains(document.activeElement)) panel.focus();
      for (const side of ['A', 'B'] as const) {
        const article = sides[side];
        const given = document.createElement('mark');
        given.textContent = pair.prompt;
        article.querySelector('pre')!.replaceChildren(given, side === 'A' ? pair.a : pair.b);
        article.classList.toggle('better', better === side);
        article.querySelector<HTMLElement>('.mark')!.hidden = better !== side;
      }
    },
    clear(): void {
      panel.hidden = true;
      hint.hidden = false;
    },
  };
}
