// The folder of a scaling experiment: config.json, one file per cell in cells/, and at the end scaling.json and report.html.

import { CheckpointError } from '../errors.ts';
import { differences } from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import { decodeUtf8, type Json, parseJson, toPlain } from '../io/json.ts';
import type { PlotLibrary } from '../io/report.ts';
import type { Cell, CellSize, ScalingResult } from './scaling.ts';
import { scalingReport } from './scaling_report.ts';
import type { ScalingSettings } from './scaling_settings.ts';

export interface ScalingRun {
  /** A cell that was trained before, else null. @throws CheckpointError for a file that is not a cell's. */
  cell(size: CellSize): Promise<Cell | null>;
  save(cell: Cell): Promise<void>;
  finish(result: ScalingResult): Promise<void>;
}

const CONFIG = 'config.json';

/** The settings of the experiment in a folder. @throws CheckpointError where there is none. */
export async function readScalingSettings(folder: Folder): Promise<object> {
  const settings = await readJson(folder, CONFIG);
  if (settings !== null && typeof settings === 'object') return settings;
  throw new CheckpointError(`${folder.location} holds no run to resume; start without --resume`);
}

/** @throws CheckpointError where the folder holds a run and `resume` is off, or one with other settings, or none. */
export async function openScaling(
  folder: Folder,
  settings: ScalingSettings,
  { resume = false, plotLibrary }: { resume?: boolean; plotLibrary?: PlotLibrary },
): Promise<ScalingRun> {
  if (resume) await requireSame(folder, settings);
  else if (await folder.exists(CONFIG)) {
    throw new CheckpointError(
      `${folder.location} holds a run already; continue it with --resume, or choose another --out`,
    );
  } else await writeJson(folder, CONFIG, settings);

  return {
    async cell(size) {
      const path = cellPath(size);
      const cell = await readJson(folder, path);
      if (cell === null || isCell(cell, size)) return cell;
      throw new CheckpointError(`${folder.location}/${path} is not a cell of this run; remove it`);
    },
    save: (cell) => writeJson(folder, cellPath(cell), cell),
    async finish(result) {
      await writeJson(folder, 'scaling.json', result);
      if (!plotLibrary) return;
      const report = await scalingReport(result, plotLibrary);
      await folder.write('report.html', new TextEncoder().encode(report));
    },
  };
}

async function requireSame(folder: Folder, settings: ScalingSettings): Promise<void> {
  const changed = differences(await readScalingSettings(folder), settings);
  if (changed.length === 0) return;
  throw new CheckpointError(
    `${folder.location} holds a run with another ${changed.join(', ')}; choose another --out`,
  );
}

const cellPath = ({ width, steps }: CellSize) => `cells/width-${width}-steps-${steps}.json`;

function isCell(value: unknown, size: CellSize): value is Cell {
  const { width, steps, parameters, tokens, loss } = value as Record<string, Json>;
  const isAmount = (v: Json | undefined) => typeof v === 'number' && v > 0;
  return width === size.width && steps === size.steps && [parameters, tokens, loss].every(isAmount);
}

async function readJson(folder: Folder, path: string): Promise<Json> {
  if (!(await folder.exists(path))) return null;
  const what = `${folder.location}/${path}`;
  return toPlain(parseJson(decodeUtf8(await folder.read(path), what), { what }));
}

function writeJson(folder: Folder, path: string, value: object): Promise<void> {
  return folder.write(path, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`));
}
