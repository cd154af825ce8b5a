// The lab's page: what to measure, the bench in its worker, and what it found as figures, plots and tables.

import type { CeilingForms } from '../../bench/ceilings.ts';
import { RunControls } from '../shared/controls.ts';
import { fillForm, readForm } from '../shared/form.ts';
import { element, showError, showStatus, showUncaughtErrors } from '../shared/page.ts';
import type { Phase } from '../shared/phases.ts';
import type { Adapter } from '../shared/protocol.ts';
import { kernelEditor } from './editor.ts';
import { filesOf } from './files.ts';
import { MOST_CHARACTERS, packText, unpackText } from './link.ts';
import type { Choice, Command, Report } from './protocol.ts';
import { resultViews } from './results.ts';
import { showTable, tunedTable } from './tables.ts';

showUncaughtErrors();
const form = element('settings', HTMLFormElement);
const itemField = element('item', HTMLSelectElement);
const sizesField = element('sizes', HTMLInputElement);
const fileField = element('file', HTMLSelectElement);
/** The edited text as it stands in the link. */
const packed = element('kernel', HTMLInputElement);
/** How far it is: too often another for the status, which is spoken. */
const turns = element('turns', HTMLElement);
const tuneButtons = [element('tune', HTMLButtonElement), element('tune-all', HTMLButtonElement)];

let items: readonly Choice[] = [];
let software = false;
let ceilings: CeilingForms | null = null;
/** Settled when the editor holds the text of the chosen file. */
let opened = Promise.resolve();
/** Counts texts, so that a slower packing of an earlier one is passed over. */
let packing = 0;
const views = resultViews();
const editor = kernelEditor(keepEdited);
const run = new RunControls<Command, Report>({
  ...{
    form,
    saved: null,
    verb: 'Measure',
    begin,
    clear: views.clear,
    onAdapter,
    onReport,
    onPhase,
  },
});

itemField.addEventListener('change', () => {
  followItem();
  openChosen();
});
fileField.addEventListener('change', openChosen);
form.addEventListener('reset', editor.forget); // the new worker opens the file again
tuneButtons[0]!.addEventListener('click', () => {
  if (!canTune(run.phase) || !form.reportValidity()) return;
  run.ask({ type: 'tune', item: itemField.value, sizes: sizes() }, 'Tuning…');
});
tuneButtons[1]!.addEventListener('click', () => {
  if (canTune(run.phase)) run.ask({ type: 'tune', item: null, sizes: null }, 'Tuning…');
});

function onAdapter(adapter: Adapter): void {
  software = adapter.software;
  const defaults = software
    ? { item: 'softmax 256x128', rounds: 5, patience: 60, variants: false } // they compile for seconds each
    : { item: 'matmul NN 1024x1024x1024', rounds: 10, patience: 20, variants: true };
  const linked = new URLSearchParams(location.hash.slice(1));
  packed.value = '';
  fillForm(form, { ...defaults, item: linked.get('item') ?? defaults.item });
  followItem();
  // The rest of the link is read after this; the file's text then.
  opened = Promise.resolve(linked.get('kernel') ?? '').then(openLinked);
}

function openChosen(): void {
  opened = editor.open(fileField.value);
}

async function openLinked(kernel: string): Promise<void> {
  if (kernel !== '') {
    try {
      editor.edit(fileField.value, await unpackText(kernel));
      showStatus('Ready. This link holds an edited kernel; nothing of it runs until you measure.');
    } catch (error) {
      showError(`The kernel in this link cannot be read: ${(error as Error).message}.`);
    }
  }
  await editor.open(fileField.value);
}

function chosen(): Choice {
  return items.find(({ name }) => name === itemField.value)!;
}

/** Sizes and files are the item's. */
function followItem(): void {
  const { family, shape, sizable } = chosen();
  element('sizes-label', HTMLElement).textContent = `Sizes ${Object.keys(shape).join(' x ')}`;
  sizesField.value = Object.values(shape).join('x');
  sizesField.readOnly = !sizable;
  const kept = fileField.value;
  const files = filesOf(family, software);
  fileField.replaceChildren(...files.map((file) => new Option(`${file}.wgsl`, file)));
  fileField.value = files.includes(kept) ? kept : files[0]!;
}

function fillItems(given: readonly Choice[]): void {
  if (items.length > 0) return; // each worker tells them
  items = given;
  for (const family of new Set(items.map((item) => item.family))) {
    const group = document.createElement('optgroup');
    group.label = family;
    const own = items.filter((item) => item.family === family);
    group.append(...own.map(({ name }) => new Option(name, name)));
    itemField.append(group);
  }
}

/** Null for the item's own. */
function sizes(): number[] | null {
  const own = Object.values(chosen().shape).join('x');
  return sizesField.value === own ? null : sizesField.value.split('x').map(Number);
}

async function begin(): Promise<Command> {
  await opened;
  const { variants, rounds, patience } = readForm(form);
  return {
    type: 'measure',
    item: itemField.value,
    sizes: sizes(),
    variants: variants as boolean,
    rounds: rounds as number,
    patience: patience as number,
    kernel: editor.edited,
    ceilings,
  };
}

/** Keeps an edited text in the link, where it fits. */
async function keepEdited(text: string | null): Promise<void> {
  const turn = ++packing;
  const value = text === null ? '' : await packText(text);
  if (turn !== packing) return; // the text has changed again
  const told =
    text === null
      ? ''
      : value === null
        ? `Edited. It is too long for a link, which holds ${MOST_CHARACTERS / 1024} KB of it.`
        : 'Edited; the link holds it.';
  const line = element('edited', HTMLElement);
  if (line.textContent !== told) line.textContent = told; // spoken when it changes
  if (packed.value === (value ?? '')) return;
  packed.value = value ?? '';
  form.dispatchEvent(new Event('change'));
}

function canTune(phase: Phase): boolean {
  return phase === 'ready' || phase === 'ended';
}

function onPhase(phase: Phase): void {
  for (const button of tuneButtons) button.ariaDisabled = String(!canTune(phase));
  if (canTune(phase)) turns.textContent = '';
}

function onReport(report: Report): void {
  switch (report.type) {
    case 'items':
      fillItems(report.items);
      break;
    case 'ceilings':
      ceilings = report.adapter.ceilings;
      views.setAdapter(report.adapter);
      break;
    case 'sampled':
      views.showSamples(report.sampled);
      run.progress(report.done / report.rounds);
      if (run.phase === 'running') showStatus('Running.'); // after the notes on what compiles
      turns.textContent = `Round ${report.done} of ${report.rounds} is done.`;
      break;
    case 'measured':
      views.showResults(report.results);
      break;
    case 'refused':
      editor.showErrors(report.errors);
      break;
    case 'tuning':
      turns.textContent = `${report.done + 1} of ${report.total}: ${report.item}`;
      run.progress(report.done / report.total);
      break;
    case 'tuned':
      run.progress(null);
      element('tuned', HTMLElement).hidden = report.classes.length === 0;
      showTable(element('tuned-table', HTMLElement), tunedTable(report.classes));
  }
}
