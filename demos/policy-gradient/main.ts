// The page: two pictures of arithmetic, and the worker that measures variance.

import { ALSO_MEASURED, CHOICES } from '../../src/rl/estimator_choices.ts';
import type { EstimatorSummary } from '../../src/rl/estimators_report.ts';
import { RunControls } from '../shared/controls.ts';
import { readForm, restoreFromLink } from '../shared/form.ts';
import { element, showUncaughtErrors } from '../shared/page.ts';
import { svg } from '../shared/svg.ts';
import { tableRow } from '../shared/table.ts';
import { showLogistic } from './logistic.ts';
import type { Command, Report } from './protocol.ts';
import { bar } from './shapes.ts';
import { showSimplex } from './simplex.ts';

showUncaughtErrors();
const form = element('settings', HTMLFormElement);
const rows = element('estimates', HTMLTableSectionElement);
const figures = {
  episodes: element('episodes', HTMLElement),
  return: element('return', HTMLElement),
};
const parts = [showLogistic(), showSimplex()];
const drawParts = () => {
  for (const part of parts) part.draw();
};

// The sliders of the first two parts belong to the form by name, not by place: a link keeps them too.
document.addEventListener('change', ({ target }) => {
  if ((target as HTMLInputElement).form === form && !form.contains(target as Node))
    form.dispatchEvent(new Event('change'));
});
form.addEventListener('reset', () => queueMicrotask(drawParts));
restoreFromLink(form);
drawParts();
clear();

let rounds = 0;
const run = new RunControls<Command, Report>({
  form,
  saved: null,
  clear,
  onAdapter: () => {},
  begin() {
    const { environment, episodes, seed, ...rest } = readForm(form) as unknown as Command;
    ({ rounds } = rest);
    return { type: 'start', environment, episodes, rounds, seed };
  },
  onReport({ round, episodes, return: mean, summary }) {
    figures.episodes.textContent = episodes.toLocaleString('en');
    figures.return.textContent = mean.toFixed(1);
    rows.replaceChildren(...summary.map(estimateRow));
    run.progress(round / rounds);
  },
});

function clear(): void {
  for (const figure of Object.values(figures)) figure.textContent = '–';
  rows.replaceChildren(
    ...[...CHOICES, ...ALSO_MEASURED].map(({ label }) => tableRow([label, '–', '–'])),
  );
}

/** Shares above it end at the edge. */
const MOST_RATIO = 1.25;

/** The ratio as a bar, and its 95 % interval as a line across the bar's end. */
function estimateRow({ label, ratio, ratioFrom, ratioTo }: EstimatorSummary): HTMLTableRowElement {
  const picture = bar(ratio, { from: 0, most: MOST_RATIO });
  const known = ratioTo > ratioFrom;
  const ends = { x1: ratioFrom, x2: ratioTo, y1: 0.5, y2: 0.5 };
  if (known) picture.append(svg('line', { class: 'interval', ...ends }));
  const range = known ? `${ratioFrom.toFixed(3)} to ${ratioTo.toFixed(3)}` : '–';
  return tableRow([label, [ratio.toFixed(3), picture], range]);
}
