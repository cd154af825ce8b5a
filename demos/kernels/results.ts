// What was measured, as figures, plots and tables; all of a visit as a table and as a file.

import type { Sampled } from '../../bench/measure.ts';
import type { BenchResult } from '../../bench/run.ts';
import type { BenchAdapter } from '../../bench/suite.ts';
import { duration, figure } from '../../bench/table.ts';
import manifest from '../../package.json' with { type: 'json' };
import { element } from '../shared/page.ts';
import { download } from '../shared/saved_runs.ts';
import { type Kind, rooflinePlot } from './roofline.ts';
import { stripPlot } from './strips.ts';
import {
  aboutItem,
  historyTable,
  launchTable,
  nameOf,
  problemsOf,
  showTable,
  variantTable,
} from './tables.ts';

const FIGURES = ['time', 'gflops', 'gbps', 'peak', 'ratio'] as const;

export function resultViews() {
  const roofline = rooflinePlot(element('roofline', HTMLElement));
  const strips = stripPlot(element('strips', HTMLElement));
  const figures = Object.fromEntries(FIGURES.map((id) => [id, element(id, HTMLElement)]));
  const variants = element('variants-table', HTMLElement);
  const launches = element('launches', HTMLElement);
  const wrong = element('wrong', HTMLElement);
  const save = element('download', HTMLButtonElement);
  const facts = element('facts', HTMLElement);
  let adapter: BenchAdapter | null = null;
  const measured: (readonly BenchResult[])[] = [];

  save.addEventListener('click', () => {
    if (measured.length > 0) download(asFile(adapter!, measured.flat()), 'shadegrad-kernels.json');
  });

  function showFigures(results: readonly BenchResult[]): void {
    const own = results.find(({ variant }) => isEdited(variant)) ?? results[0]!;
    figures.time!.textContent = duration(own.microseconds);
    figures.gflops!.textContent = figure(own.gflops);
    figures.gbps!.textContent = figure(own.gbps);
    figures.peak!.textContent = `${figure(own.percentOfPeak)} %`;
    const ratio = own.speedup === undefined ? '–' : `${own.speedup.toFixed(2)}×`;
    figures.ratio!.textContent = own.correct ? ratio : 'WRONG'; // its speed is worth nothing
    facts.textContent = aboutItem(results);
  }

  return {
    setAdapter(given: BenchAdapter): void {
      adapter = given;
    },
    /** Empties what a measurement has shown; the visit's table stays. */
    clear(): void {
      for (const each of Object.values(figures)) each.textContent = '–';
      strips.show([]);
      variants.hidden = launches.hidden = true;
      wrong.replaceChildren();
    },
    /** While the rounds go on; the ceilings, which are the last two, take their turns unseen. */
    showSamples(sampled: readonly Sampled[]): void {
      strips.show(
        sampled
          .slice(0, -2)
          .map(({ name, samples }, i) => ({ name, samples, kind: kindOf(name, i) })),
      );
    },
    showResults(results: readonly BenchResult[]): void {
      const timed = (all: readonly BenchResult[]) =>
        all.filter(({ microseconds }) => microseconds !== null);
      const point = (result: BenchResult, kind: Kind, label: string) => ({ result, kind, label });
      roofline.show([
        ...timed(measured.flat()).map((each) =>
          point(each, 'earlier', `${each.name}, ${each.variant}`),
        ),
        ...timed(results).map((each, i) => point(each, kindOf(each.variant, i), labelOf(each))),
      ]);
      showFigures(results);
      showTable(variants, variantTable(results));
      launches.hidden = results.every(({ kernels }) => !kernels);
      showTable(element('launch-table', HTMLElement), launchTable(results));
      wrong.replaceChildren(...problemsOf(results).map(listItem));
      measured.push(results);
      showTable(element('history', HTMLElement), historyTable(measured));
      element('no-history', HTMLElement).hidden = true;
      save.ariaDisabled = 'false';
    },
  };
}

const labelOf = (result: BenchResult) => (result.correct ? '' : 'WRONG: ') + nameOf(result);

const isEdited = (variant: string) => variant.endsWith(', edited');

function kindOf(variant: string, index: number): Kind {
  if (isEdited(variant)) return 'yours';
  return index === 0 ? 'built-in' : 'variant';
}

function listItem(text: string): HTMLLIElement {
  const item = document.createElement('li');
  item.textContent = text;
  return item;
}

/** The fields of `shadegrad bench --json`. */
function asFile(adapter: BenchAdapter, results: readonly BenchResult[]): Blob {
  const versions = { shadegrad: manifest.version, browser: navigator.userAgent };
  return new Blob([`${JSON.stringify({ adapter, versions, results })}\n`], {
    type: 'application/json',
  });
}
