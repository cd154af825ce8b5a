// The runs of a page that the browser keeps: to go on with, to take away as a file, to remove; and files to bring back.

import { openFolder } from '#folder';
import { type Folder, pathParts } from '../../src/io/folder.ts';
import { findCheckpoints } from '../../src/io/manifest.ts';
import { showError } from './page.ts';
import { whyNot } from './saving.ts';
import { packTar, readTar } from './tar.ts';

export interface SavedRuns {
  /** The folder for a new run, of which the browser keeps the newest few; null where it gives no storage. */
  fresh(): Promise<string | null>;
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

  const saved: SavedRuns = {
    busy: false,
    onContinue: () => {},
    async fresh() {
      try {
        const names = await runNames(page);
        const store = await openFolder(page);
        for (const old of names.slice(0, Math.max(0, names.length - KEPT + 1)))
          await store.remove(old);
        return `${page}/run-${numberOf(names.at(-1)) + 1}`;
      } catch (error) {
        hint.textContent = `Nothing is kept: ${whyNot(error)}.`;
        return null;
      }
    },
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
        list.replaceChildren(...rows);
      } catch (error) {
        hint.textContent = `Nothing is kept: ${whyNot(error)}.`;
      }
    },
  };
  input.addEventListener('change', async () => {
    const [file] = input.files ?? [];
    if (!file || saved.busy) return;
    input.value = '';
    try {
      const folder = await saved.fresh();
      if (folder) await unpack(file, await openFolder(folder), mark);
    } catch (error) {
      showError(whyNot(error));
    }
    await saved.refresh();
  });
  void saved.refresh();
  return saved;
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
  const files = await filesOf(path);
  const bytes = files.reduce((sum, { content }) => sum + content.size, 0);
  const title = document.createElement('span');
  title.textContent = `${name}, ${(bytes / 2 ** 20).toFixed(1)} MB`;
  const item = document.createElement('li');
  const act = (label: string, action: () => unknown) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = label;
    button.ariaLabel = `${label} ${name}`;
    button.addEventListener('click', () => saved.busy || action());
    return button;
  };
  item.append(
    title,
    ...((await saved.resumable(path)) ? [act('Continue', () => saved.onContinue(path))] : []),
    act('Download', () => download(packTar(files), `${page}-${name}.tar`)),
    act('Remove', async () => {
      await (await openFolder(page)).remove(name);
      await saved.refresh();
    }),
  );
  return item;
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

/** Writes the files of a run that was downloaded. @throws Error for a file that is not one */
async function unpack(file: File, folder: Folder, mark: string): Promise<void> {
  const files = await readTar(file, file.name);
  if (!files.some(({ path }) => path === mark))
    throw new Error(`${file.name} holds no run: it has no ${mark}`);
  for (const { path, content } of files) {
    await folder.write(path, new Uint8Array(await content.arrayBuffer()));
  }
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
