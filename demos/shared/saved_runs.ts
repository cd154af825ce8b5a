// The runs of a page that the browser keeps: to go on with, to take away as a file, to remove; and files to bring back.

import { openFolder } from '#folder';
import { pathParts } from '../../src/io/folder.ts';
import { findCheckpoints } from '../../src/io/manifest.ts';
import { showError } from './page.ts';
import { whyNot } from './saving.ts';
import { packTar, readTar } from './tar.ts';

export interface SavedRuns {
  /** A name for the folder of a new run; null where the browser gives no storage. Nothing is removed for it yet. */
  fresh(): Promise<string | null>;
  /** Makes room for a run that begins, or goes on, in this folder, and keeps other tabs from removing it. */
  take(folder: string): Promise<void>;
  /** Whether the folder holds a checkpoint to go on from. */
  resumable(folder: string): Promise<boolean>;
  /** Shows what there is now. */
  refresh(): Promise<void>;
  /** Called with the folder of a run that the visitor wants to go on with. */
  onContinue: (folder: string) => void;
  /** Whether a run is under way: then none may be continued, opened or removed. */
  busy: boolean;
}

/** How a page's runs look in their folders. */
export interface RunKind {
  /** A file that every such run has. */
  readonly mark: string;
  /** Where the checkpoints of one are that can go on; '' is the run's own folder. */
  readonly checkpoints: string;
}

const KEPT = 3;

/**
 * Fills a `<section>` with the runs kept under `page`. @param node what a shell's user does with a downloaded run in the
 * folder `RUN`, such as `shadegrad generate RUN`
 */
export function savedRuns(
  section: HTMLElement,
  page: string,
  node: string,
  { mark, checkpoints }: RunKind = { mark: 'config.json', checkpoints: '' },
): SavedRuns {
  const heading = document.createElement('h2');
  heading.textContent = 'Kept in this browser';
  const hint = document.createElement('p');
  hint.className = 'hint';
  const list = document.createElement('ul');
  list.className = 'runs';
  const { label, input } = fileField();
  section.replaceChildren(heading, hint, list, label);

  let busy = false;
  const refused = (error: unknown) => {
    hint.textContent = `Nothing is kept: ${whyNot(error)}.`;
  };
  const saved: SavedRuns = {
    onContinue: () => {},
    get busy() {
      return busy;
    },
    set busy(now) {
      busy = now;
      input.disabled = now;
      for (const button of list.querySelectorAll('button')) button.ariaDisabled = String(now);
    },
    async fresh() {
      try {
        return `${page}/run-${numberOf((await runNames(page)).at(-1)) + 1}`;
      } catch (error) {
        refused(error);
        return null;
      }
    },
    take: (folder) => takeRun(page, folder).catch(refused),
    async resumable(folder) {
      const path = checkpoints === '' ? folder : `${folder}/${checkpoints}`;
      return (await findCheckpoints(await openFolder(path))).length > 0;
    },
    async refresh() {
      try {
        const names = await runNames(page);
        hint.textContent =
          names.length === 0 ? NONE : `${KEPT_HINT} In Node: tar -xf FILE, then ${node}.`;
        const rows = await Promise.all(names.toReversed().map((name) => row(page, name, saved)));
        const focused = list.contains(document.activeElement) && document.activeElement?.ariaLabel;
        list.replaceChildren(...rows);
        if (focused) (buttonNamed(list, focused) ?? input).focus();
      } catch (error) {
        refused(error);
      }
    },
  };
  input.addEventListener('change', async () => {
    const [file] = input.files ?? [];
    if (!file || busy) return;
    try {
      await bringBack(file, page, mark, saved);
    } catch (error) {
      showError(whyNot(error));
    }
    input.value = '';
    await saved.refresh();
  });
  void saved.refresh();
  return saved;
}

/** Removes the oldest runs but the newest few, other than those that some tab works on, and holds this one. */
async function takeRun(page: string, folder: string): Promise<void> {
  void navigator.locks.request(folder, { ifAvailable: true }, () => new Promise(() => {})); // until the page is left
  const { held = [] } = await navigator.locks.query();
  const inUse = new Set(held.map(({ name }) => name));
  const others = (await runNames(page)).map((name) => `${page}/${name}`);
  const old = others.filter((path) => path !== folder).slice(0, 1 - KEPT);
  for (const path of old.filter((each) => !inUse.has(each))) {
    await (await openFolder(page)).remove(path.slice(page.length + 1));
  }
}

/** A run that was downloaded, as one more of the page's. @throws Error for a file that is not one: no run is lost for it */
async function bringBack(file: File, page: string, mark: string, saved: SavedRuns): Promise<void> {
  const files = await readTar(file, file.name);
  if (!files.some(({ path }) => path === mark))
    throw new Error(`${file.name} holds no run: it has no ${mark}`);
  const path = await saved.fresh();
  if (path === null) return;
  try {
    const folder = await openFolder(path);
    for (const { path, content } of files)
      await folder.write(path, new Uint8Array(await content.arrayBuffer()));
    await saved.take(path);
  } catch (error) {
    await (await openFolder(page)).remove(path.slice(page.length + 1));
    throw error;
  }
}

const NONE = `Runs are saved here while they train. Nothing leaves this machine.`;
const KEPT_HINT = `The last ${KEPT} runs are kept. A downloaded run is a tar file.`;

const numberOf = (name: string | undefined) => Number(name?.slice('run-'.length) ?? 0);

/** The oldest first. */
async function runNames(page: string): Promise<string[]> {
  const names = await (await openFolder(page)).list('');
  return names.filter((name) => /^run-\d+$/.test(name)).sort((a, b) => numberOf(a) - numberOf(b));
}

async function row(page: string, name: string, saved: SavedRuns): Promise<HTMLLIElement> {
  const path = `${page}/${name}`;
  const title = document.createElement('span');
  const item = document.createElement('li');
  item.append(title);
  const add = (label: string, action: () => unknown) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = label;
    button.ariaLabel = `${label} ${name}`;
    button.ariaDisabled = String(saved.busy);
    button.addEventListener('click', () => saved.busy || action());
    item.append(button);
  };
  try {
    const files = await filesOf(path);
    const bytes = files.reduce((sum, { content }) => sum + content.size, 0);
    title.textContent = `${name}, ${(bytes / 2 ** 20).toFixed(1)} MB`;
    if (await saved.resumable(path)) add('Continue', () => saved.onContinue(path));
    add('Download', () => takeAway(page, name));
  } catch (error) {
    title.textContent = `${name} cannot be read: ${whyNot(error)}`; // the other runs are not hidden by it
  }
  add('Remove', async () => {
    await (await openFolder(page)).remove(name);
    await saved.refresh();
  });
  return item;
}

/** Its files as they are now: one that was written since it was listed can be read no longer. */
async function takeAway(page: string, name: string): Promise<void> {
  try {
    download(packTar(await filesOf(`${page}/${name}`)), `${page}-${name}.tar`);
  } catch (error) {
    showError(whyNot(error));
  }
}

function buttonNamed(list: HTMLElement, label: string): HTMLButtonElement | undefined {
  return [...list.querySelectorAll('button')].find(({ ariaLabel }) => ariaLabel === label);
}

/** All files of a folder and those below it, as the storage's own Blobs. */
export async function filesOf(path: string): Promise<{ path: string; content: File }[]> {
  let folder = await navigator.storage.getDirectory();
  for (const part of pathParts(path)) folder = await folder.getDirectoryHandle(part);
  const files: { path: string; content: File }[] = [];
  const walk = async (at: FileSystemDirectoryHandle, prefix: string) => {
    for await (const [name, handle] of at.entries()) {
      if (handle.kind === 'directory')
        await walk(handle as FileSystemDirectoryHandle, `${prefix}${name}/`);
      else
        files.push({
          path: prefix + name,
          content: await (handle as FileSystemFileHandle).getFile(),
        });
    }
  };
  await walk(folder, '');
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Hands a file to the visitor. */
export function download(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function fileField() {
  const label = document.createElement('label');
  label.textContent = 'Open a downloaded run ';
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = '.tar,application/x-tar';
  label.append(input);
  return { label, input };
}
