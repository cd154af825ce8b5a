// The text of a kernel file, to read and to change: line numbers, the lines that do not compile, the constants.

import { element, showError } from '../shared/page.ts';
import { makeTable } from '../shared/table.ts';
import { LIBRARY } from './files.ts';
import { excessOf } from './link.ts';
import type { CompileError, Edited } from './protocol.ts';
import { showTable } from './tables.ts';

export interface Editor {
  /** Shows a file of kernels/, or what the visitor has made of it. */
  open(file: string): Promise<void>;
  /** Takes a text in the file's place, as from a link. */
  edit(file: string, text: string): void;
  /** Forgets what the visitor has made of the files; shown when one is opened. */
  forget(): void;
  /** The visitor's text; null where it is the built-in one. */
  readonly edited: Edited | null;
  /** Marks lines, and puts the cursor on the first. */
  showErrors(errors: readonly CompileError[]): void;
}

/** @param onEdit told of each change of the text, with null where it is the built-in one again */
export function kernelEditor(onEdit: (text: string | null) => void): Editor {
  const source = element('source', HTMLTextAreaElement);
  const gutter = element('gutter', HTMLElement);
  const restore = element('restore', HTMLButtonElement);
  const errorList = element('compile-errors', HTMLElement);
  const builtIn = new Map<string, string>();
  const texts = new Map<string, string>();
  let shown = '';
  /** The text as it was before a change. */
  let taken = '';

  const isEdited = () => texts.has(shown);

  function refresh(errors: readonly CompileError[] = []): void {
    taken = source.value;
    gutter.replaceChildren(...lineNumbers(taken.split('\n').length, errors));
    gutter.scrollTop = source.scrollTop;
    errorList.replaceChildren(...errors.map(errorItem));
    restore.ariaDisabled = String(!isEdited());
    showTable(element('constants', HTMLElement), constantTable(taken));
  }

  function errorItem(error: CompileError): HTMLLIElement {
    const item = document.createElement('li');
    const { line, column, message } = error;
    if (line === 0) item.textContent = message;
    else {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = `${line}:${column}`;
      button.ariaLabel = `Go to line ${line}, column ${column}`;
      button.addEventListener('click', () => select(error));
      item.append(button, ` ${message}`);
    }
    return item;
  }

  /** The line as a selection, in the middle of the view. */
  function select({ line }: CompileError): void {
    source.focus();
    if (line === 0) return;
    const lines = source.value.split('\n');
    const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
    source.setSelectionRange(start, start + lines[line - 1]!.length);
    source.scrollTop = (source.scrollHeight * (line - 1)) / lines.length - source.clientHeight / 2;
  }

  function changed(): void {
    const excess = excessOf(source.value);
    if (excess) {
      source.value = taken;
      refresh([{ line: 0, column: 0, message: `A text of ${excess} is not taken.` }]);
      return;
    }
    keep(source.value);
    refresh();
    onEdit(texts.get(shown) ?? null);
  }

  /** Of the file that is shown. */
  function keep(text: string): void {
    if (text === builtIn.get(shown)) texts.delete(shown);
    else texts.set(shown, text);
  }

  source.addEventListener('input', changed);
  source.addEventListener('scroll', () => {
    gutter.scrollTop = source.scrollTop;
  });
  restore.addEventListener('click', () => {
    if (!isEdited() || source.readOnly) return;
    source.value = builtIn.get(shown)!;
    changed();
  });
  element('library', HTMLElement).replaceChildren(...libraryLinks());

  return {
    async open(file) {
      shown = file;
      source.readOnly = true; // what is typed before the text is there would be lost
      try {
        if (!builtIn.has(file)) builtIn.set(file, await fetchText(`wgsl/${file}.wgsl`));
      } catch (error) {
        showError((error as Error).message);
        return;
      }
      if (shown !== file) return; // another one was chosen meanwhile
      source.value = texts.get(file) ?? builtIn.get(file)!;
      keep(source.value); // a link may hold the built-in text
      source.readOnly = false;
      source.scrollTop = 0;
      refresh();
      onEdit(texts.get(file) ?? null);
    },
    edit(file, text) {
      texts.set(file, text);
    },
    forget: () => texts.clear(),
    get edited() {
      const text = texts.get(shown);
      return text === undefined ? null : { file: shown, text };
    },
    showErrors(errors) {
      refresh(errors);
      if (errors[0]) select(errors[0]);
    },
  };
}

async function fetchText(path: string): Promise<string> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} could not be loaded (${response.status})`);
  return response.text();
}

/** Numbers in one text; the lines with errors are marked. */
function lineNumbers(count: number, errors: readonly CompileError[]): (HTMLElement | string)[] {
  const bad = new Set(errors.map(({ line }) => line));
  const parts: (HTMLElement | string)[] = [];
  let plain = '';
  for (let line = 1; line <= count; line++) {
    if (!bad.has(line)) {
      plain += `${line}\n`;
      continue;
    }
    const mark = document.createElement('span');
    mark.className = 'bad';
    mark.textContent = `▸ ${line}\n`;
    parts.push(plain, mark);
    plain = '';
  }
  return [...parts, plain];
}

/** On one line, and with one way to match it: what a link holds must not take long. */
const CONSTANT =
  /^(?:const (\w+)[ \t]*:[ \t]*(\w+)|(alias) (\w+))[ \t]*=[ \t]*([^;\s][^;\n]*);[ \t]*(?:\/\/[ \t]*(.*))?/gm;

/** What stands in the text; launches give other values by the shape and the adapter. */
function constantTable(text: string): HTMLTableElement {
  const rows = [...text.matchAll(CONSTANT)].map(
    ([, name, type, alias, aliasName, value, comment]) => [
      name ?? aliasName!,
      type ?? alias!,
      value!,
      comment ?? '',
    ],
  );
  return makeTable(['name', 'type', 'in the file', 'meaning'], rows);
}

function libraryLinks(): (HTMLAnchorElement | string)[] {
  return LIBRARY.flatMap((name, i) => {
    const link = document.createElement('a');
    link.href = `wgsl/lib/${name}.wgsl`;
    link.textContent = name;
    return i === 0 ? [link] : [', ', link];
  });
}
