// The distribution of the next token as bars: what the model expects, and what sampling leaves of it.

import { type Candidate, nextTokens } from '../../src/llm/next_tokens.ts';
import { keepInLink, restoreFromLink } from '../shared/form.ts';
import { element } from '../shared/page.ts';
import type { Sampling } from './protocol.ts';

const SHOWN = 12;
/** Where the slider of top-k ends; all tokens may be drawn there. */
const ALL = 40;

const form = element('writing', HTMLFormElement);
restoreFromLink(form);
keepInLink(form);
const temperature = slider('temperature', (value) => value.toFixed(2));
const topK = slider('top-k', (value) => (value === ALL ? 'all' : String(value)));
const topP = slider('top-p', (value) => value.toFixed(2));
const bars = element('bars', HTMLElement);
const hint = element('next-hint', HTMLElement);
const beforeRun = hint.textContent;

function slider(id: string, format: (value: number) => string) {
  const input = element(id, HTMLInputElement);
  const output = element(`${id}-value`, HTMLOutputElement);
  const follow = () => {
    output.value = format(input.valueAsNumber);
    input.setAttribute('aria-valuetext', output.value);
  };
  input.addEventListener('input', follow);
  follow();
  return input;
}

/** To what they were without a link. */
export function resetSampling(): void {
  for (const input of [temperature, topK, topP]) {
    input.value = input.defaultValue;
    input.dispatchEvent(new Event('input'));
  }
}

/** As the sliders stand. */
export function sampling(): Sampling {
  const k = topK.valueAsNumber;
  return {
    temperature: temperature.valueAsNumber,
    topK: k === ALL ? null : k,
    topP: topP.valueAsNumber,
  };
}

export function onSampling(act: () => void): void {
  for (const input of [temperature, topK, topP]) input.addEventListener('input', act);
}

export function describeSampling({ temperature, topK, topP }: Sampling): string {
  const cuts = [topK === null ? '' : `, top-k ${topK}`, topP === 1 ? '' : `, top-p ${topP}`];
  return `temperature ${temperature}${cuts.join('')}`;
}

/** @param logits of the next token, one for each of the vocabulary's */
export function showNext(logits: Float32Array, vocabulary: readonly string[]): void {
  const { temperature, topK, topP } = sampling();
  const all = nextTokens(logits, { temperature, topP, ...(topK !== null && { topK }) });
  const kept = all.filter(({ drawn }) => drawn > 0);
  const held = kept.reduce((sum, { probability }) => sum + probability, 0);
  bars.replaceChildren(...all.slice(0, SHOWN).map((each) => bar(each, vocabulary[each.id]!)));
  hint.textContent =
    `${kept.length.toLocaleString('en')} of ${all.length.toLocaleString('en')} tokens can be drawn; ` +
    `before the cut they held ${percent(held)}. The upper bars are what the model expects, the lower ones what is drawn.`;
}

export function clearNext(): void {
  bars.replaceChildren();
  hint.textContent = beforeRun;
}

function bar({ probability, drawn }: Candidate, token: string): HTMLLIElement {
  const item = document.createElement('li');
  const name = document.createElement('span');
  name.className = 'token';
  name.textContent = token;
  const line = document.createElement('span');
  line.className = 'line';
  for (const [kind, share] of [
    ['before', probability],
    ['drawn', drawn],
  ] as const) {
    const part = document.createElement('i');
    part.className = kind;
    part.style.width = `${100 * share}%`;
    line.append(part);
  }
  const value = document.createElement('span');
  value.textContent =
    drawn > 0 ? `${percent(probability)} → ${percent(drawn)}` : `${percent(probability)}, cut`;
  if (drawn === 0) item.className = 'cut';
  item.append(name, line, value);
  return item;
}

const percent = (share: number) => `${(100 * share).toFixed(share < 0.0995 ? 2 : 1)} %`;
