// The first part: a policy of two parameters, and the gradient from seven choices, term by term (lecture S0).

import {
  gradientTerms,
  LECTURE_SAMPLES,
  type LogisticPolicy,
  type SideSample,
  sideProbability,
} from '../../src/rl/logistic_policy.ts';
import { element } from '../shared/page.ts';
import { svg } from '../shared/svg.ts';
import { tableRow } from '../shared/table.ts';
import { signed } from './numbers.ts';
import { bar } from './shapes.ts';

/** Both give the two terms that the lecture prints; the rest of its baseline it does not print. */
const STATE_VALUE = ({ x }: SideSample) => -11.5 + x / 3;

/** Draws it, and again after each change. */
export function showLogistic(): { draw(): void } {
  const input = (name: string) => element(name, HTMLInputElement);
  const [w, b, constant, rate] = [input('w'), input('b'), input('constant'), input('rate')];
  const kind = element('baseline', HTMLSelectElement);
  const rows = element('terms', HTMLTableSectionElement);
  const sum = element('sum', HTMLTableSectionElement);
  const words = element('step-words', HTMLElement);
  const picture = element('policy-picture', HTMLElement);

  const baseline = (sample: SideSample) =>
    kind.value === 'state' ? STATE_VALUE(sample) : constant.valueAsNumber;

  /** Where the sliders stand, and where the step leads. */
  function state() {
    const policy = { w: w.valueAsNumber, b: b.valueAsNumber };
    const terms = gradientTerms(policy, LECTURE_SAMPLES, baseline);
    const [dw, db] = terms.reduce(([w, b], [dw, db]) => [w + dw, b + db], [0, 0]);
    const alpha = rate.valueAsNumber;
    const next = { w: policy.w + alpha * dw, b: policy.b + alpha * db };
    return { policy, terms, g: [dw, db] as const, next };
  }

  function draw(): void {
    const { policy, terms, g, next } = state();
    constant.disabled = kind.value === 'state';
    for (const range of [w, b, constant, rate])
      element(`${range.id}-value`, HTMLOutputElement).value = signed(range.valueAsNumber);
    const most = Math.max(...terms.flat().map(Math.abs), 1e-9);
    rows.replaceChildren(
      ...LECTURE_SAMPLES.map((sample, i) => {
        const { x, action, q } = sample;
        const p = sideProbability(policy, x, action).toFixed(2);
        const told = [String(x), action, signed(q), signed(q - baseline(sample)), p];
        return row(told, terms[i]!, most);
      }),
    );
    sum.replaceChildren(row(['Σ', '', '', '', ''], g, Math.max(...g.map(Math.abs), 1e-9)));
    const likelier = LECTURE_SAMPLES.filter(
      ({ x, action }) => sideProbability(next, x, action) > sideProbability(policy, x, action),
    ).length;
    words.textContent =
      `g = (${signed(g[0])}, ${signed(g[1])}). The step α g leads to w = ${signed(next.w)}, b = ${signed(next.b)}: ` +
      `${likelier} of the 7 choices become likelier, ${7 - likelier} do not.`;
    drawPolicy(picture, policy, next, (sample) => sample.q > baseline(sample));
  }

  function move({ w: toW, b: toB }: LogisticPolicy): void {
    [w.value, b.value] = [String(toW), String(toB)];
    w.dispatchEvent(new Event('change', { bubbles: true }));
    draw();
  }

  element('take-step', HTMLButtonElement).addEventListener('click', () => move(state().next));
  element('begin-again', HTMLButtonElement).addEventListener('click', () => move({ w: 0, b: 0 }));
  for (const each of [w, b, constant, rate, kind]) each.addEventListener('input', draw);
  return { draw };
}

/** Numbers, then the two parts of a term with a bar each. */
function row(cells: readonly string[], term: readonly [number, number], most: number) {
  const parts = term.map((value) => [signed(value), bar(value, { most })]);
  return tableRow([...cells, ...parts]);
}

/** P(R | x) now and after the step; choices above where R was taken, below where L was. */
function drawPolicy(
  target: HTMLElement,
  policy: LogisticPolicy,
  next: LogisticPolicy,
  isGood: (sample: SideSample) => boolean,
): void {
  const [left, right, width, height, edge] = [-0.3, 2.7, 360, 200, 26];
  const at = (x: number, p: number): [number, number] => [
    edge + ((x - left) / (right - left)) * (width - 2 * edge),
    height - edge - p * (height - 2 * edge),
  ];
  const curve = (of: LogisticPolicy) =>
    Array.from({ length: 61 }, (_, i) => {
      const x = left + ((right - left) * i) / 60;
      return `${i === 0 ? 'M' : 'L'}${at(x, sideProbability(of, x, 'R')).join(' ')}`;
    }).join('');
  const told = [0, 1, 2].map((x) => `${sideProbability(policy, x, 'R').toFixed(2)} at x = ${x}`);
  const picture = svg('svg', {
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'aria-label': `P(R | x) now: ${told.join(', ')}`,
  });
  for (const p of [0, 0.5, 1]) {
    const [x1, y] = at(left, p);
    picture.append(
      svg('line', { class: 'grid', x1, y1: y, x2: at(right, p)[0], y2: y }),
      svg('text', { x: x1 - 6, y: y + 4, 'text-anchor': 'end' }, String(p)),
    );
  }
  for (const x of [0, 1, 2])
    picture.append(
      svg('text', { x: at(x, 0)[0], y: height - 6, 'text-anchor': 'middle' }, `x = ${x}`),
    );
  picture.append(
    svg('path', { class: 'next', d: curve(next) }),
    svg('path', { class: 'now', d: curve(policy) }),
  );
  for (const sample of LECTURE_SAMPLES) {
    const [cx, cy] = at(sample.x, sample.action === 'R' ? 1 : 0);
    picture.append(svg('circle', { class: isGood(sample) ? 'more' : 'less', cx, cy, r: 6 }));
  }
  target.replaceChildren(picture);
}
