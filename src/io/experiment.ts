// An experiment: many small computations, its cells, whose numbers together make a figure.
//
// Its folder holds config.json, a file per cell in cells/, what several cells start from in weights/, and at the end
// results.json and report.html. What the folder holds is not computed again, so that an experiment that was stopped goes on.

import { CheckpointError, ConfigError } from '../errors.ts';
import type { Module } from '../nn/module.ts';
import type { Device } from '../ops/device.ts';
import { type Checks, checkSettings, differences, resolveSettings } from './config.ts';
import { toFloats } from './float_tensors.ts';
import type { Folder } from './folder.ts';
import type { HostTensor } from './host_tensor.ts';
import { decodeUtf8, type Json, parseJson, toPlain } from './json.ts';
import { type PlotLibrary, type Report, renderReport } from './report.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';

export interface Experiment<Settings extends object, Result extends object> {
  readonly defaults: Settings;
  readonly checks: Checks<Settings>;
  /** How many cells and weights `run` asks for, each as often as it counts. */
  count(settings: Settings): number;
  /** Computes all cells, one by one. @throws cells.signal's reason when it is stopped */
  run(device: Device, settings: Settings, cells: Cells): Promise<Result>;
  /** The page that shows the result. */
  report(result: Result, settings: Settings): Omit<Report, 'settings'>;
}

export interface Cells {
  /** Aborted when the experiment is to stop. */
  readonly signal: AbortSignal;
  /**
   * What the folder has for this name, else what `compute` gives, which is kept. `told` makes a line of it for a person.
   * `cost` says for how many it counts, where cells take very different times; default 1.
   */
  cell<T extends object>(
    name: string,
    compute: () => Promise<T>,
    told?: (value: T) => string,
    cost?: number,
  ): Promise<T>;
  /** Likewise what several cells start from: a trained module, which is disposed, and what is to be known about it. */
  weights<T extends object>(
    name: string,
    train: () => Promise<{ readonly module: Module; readonly about: T }>,
    told?: (about: T) => string,
  ): Promise<Weights<T>>;
}

export interface Weights<T> {
  /** As `Module.load` takes them. */
  readonly tensors: ReadonlyMap<string, HostTensor & { readonly data: Float32Array }>;
  readonly about: T;
}

export interface CellProgress {
  readonly done: number;
  readonly total: number;
  /** The cell that was done last, and what it says of itself. */
  readonly name: string;
  readonly line: string;
  /** It was in the folder. */
  readonly kept: boolean;
}

export interface ExperimentOptions<Settings> {
  readonly settings?: Partial<Settings>;
  /** Where the cells, the result and the report go; default nowhere. */
  readonly folder?: Folder | null;
  /** Continue the experiment in the folder. Default false. */
  readonly resume?: boolean;
  readonly onProgress?: (progress: CellProgress) => void;
  /** Stops as soon as the cell under way allows; that cell is lost. */
  readonly signal?: AbortSignal;
  /** uPlot's source, inlined in the report; without it there is none. */
  readonly plotLibrary?: PlotLibrary;
}

export interface ExperimentOutcome<Settings, Result> {
  readonly settings: Settings;
  readonly adapter: string;
  /** Of this call; cells that were kept took none. */
  readonly seconds: number;
  /** Null where `signal` stopped it. */
  readonly result: Result | null;
}

/**
 * Computes the cells that the folder does not hold, and writes the result and its page.
 * @throws ConfigError for a bad setting, CheckpointError for a folder that does not fit, and what the cells throw.
 */
export async function runExperiment<Settings extends object, Result extends object>(
  device: Device,
  experiment: Experiment<Settings, Result>,
  options: ExperimentOptions<Settings> = {},
): Promise<ExperimentOutcome<Settings, Result>> {
  const { folder = null, resume = false, plotLibrary, onProgress = () => {} } = options;
  const { defaults, checks } = experiment;
  const settings = checkSettings(resolveSettings(defaults, options.settings), checks);
  if (folder) await begin(folder, settings, resume);
  const signal = options.signal ?? new AbortController().signal;
  const adapter = device.adapter.name;
  const total = experiment.count(settings);
  let done = 0;
  const told = (name: string, line: string, kept: boolean, cost = 1) => {
    done += cost;
    onProgress({ done, total, name, line, kept });
  };
  const cells: Cells = {
    signal,
    async cell<T extends object>(
      name: string,
      compute: () => Promise<T>,
      tell = noLine<T>,
      cost = 1,
    ) {
      const kept = folder && (await readCell<T>(folder, name));
      signal.throwIfAborted();
      const start = performance.now();
      const value = kept ?? (await compute());
      if (folder && !kept) {
        const seconds = (performance.now() - start) / 1000;
        await writeJson(folder, cellPath(name), { adapter, seconds, value });
      }
      told(name, tell(value), kept !== null, cost);
      return value;
    },
    async weights<T extends object>(
      name: string,
      train: () => Promise<{ module: Module; about: T }>,
      tell = noLine<T>,
    ) {
      const kept = folder && (await readWeights<T>(folder, name));
      signal.throwIfAborted();
      const weights = kept ?? (await weightsOf(await train()));
      if (folder && !kept) {
        const about = new Map([['about', JSON.stringify(weights.about)]]);
        await folder.write(weightsPath(name), writeSafetensors(weights.tensors, about));
      }
      told(name, tell(weights.about), kept !== null);
      return weights;
    },
  };
  const start = performance.now();
  const outcome = (result: Result | null) => ({
    settings,
    adapter,
    seconds: (performance.now() - start) / 1000,
    result,
  });
  try {
    const finished = outcome(await experiment.run(device, settings, cells));
    if (folder) await writeJson(folder, 'results.json', finished);
    if (folder && plotLibrary) {
      const report = { ...experiment.report(finished.result!, settings), settings };
      const page = await renderReport(withAdapter(report, adapter), plotLibrary);
      await folder.write('report.html', new TextEncoder().encode(page));
    }
    return finished;
  } catch (error) {
    if (signal.aborted && error === signal.reason) return outcome(null);
    if (folder && done === 0) await folder.remove(CONFIG); // it holds nothing: the next try may have it
    throw error;
  }
}

const noLine = <T>(_: T): string => '';

const withAdapter = (report: Report, adapter: string): Report => ({
  ...report,
  summary: [...report.summary, ['adapter', adapter]],
});

const CONFIG = 'config.json';

/** The settings of the experiment in a folder. @throws CheckpointError where there is none. */
export async function readExperimentSettings(folder: Folder): Promise<object> {
  const settings = await readJson(folder, CONFIG);
  if (settings !== null && typeof settings === 'object') return settings;
  throw new CheckpointError(`${folder.location} holds no run to resume; start without --resume`);
}

async function begin(folder: Folder, settings: object, resume: boolean): Promise<void> {
  if (!resume) {
    if (await folder.exists(CONFIG)) {
      throw new CheckpointError(
        `${folder.location} holds a run already; continue it with --resume, or choose another --out`,
      );
    }
    return writeJson(folder, CONFIG, settings);
  }
  const changed = differences(await readExperimentSettings(folder), settings);
  if (changed.length === 0) return;
  throw new CheckpointError(
    `${folder.location} holds a run with another ${changed.join(', ')}; choose another --out`,
  );
}

const cellPath = (name: string) => `cells/${fileName(name)}.json`;
const weightsPath = (name: string) => `weights/${fileName(name)}.safetensors`;

function fileName(name: string): string {
  if (/^[a-z0-9.-]+$/.test(name)) return name;
  throw new ConfigError(`cell ${JSON.stringify(name)}: expected a-z, 0-9, - and . only`);
}

async function readCell<T extends object>(folder: Folder, name: string): Promise<T | null> {
  const path = cellPath(name);
  const file = await readJson(folder, path);
  if (file === null) return null;
  const value = typeof file === 'object' && 'value' in file ? file.value : null;
  if (value !== null && typeof value === 'object') return value as T;
  throw new CheckpointError(`${folder.location}/${path} is not a cell of this run; remove it`);
}

async function readWeights<T extends object>(
  folder: Folder,
  name: string,
): Promise<Weights<T> | null> {
  const path = weightsPath(name);
  if (!(await folder.exists(path))) return null;
  const what = `${folder.location}/${path}`;
  const { tensors, metadata } = readSafetensors(await folder.read(path), what);
  const about = toPlain(parseJson(metadata.get('about') ?? 'null', { what })) as T | null;
  if (about === null) {
    throw new CheckpointError(`${what} has no weights of this run; remove it`);
  }
  const floats = [...tensors].map(([name, x]) => [name, { ...x, data: toFloats(x) }] as const);
  return { tensors: new Map(floats), about };
}

async function weightsOf<T>({
  module,
  about,
}: {
  readonly module: Module;
  readonly about: T;
}): Promise<Weights<T>> {
  const tensors = new Map<string, HostTensor & { data: Float32Array }>();
  for (const [name, x] of module.namedTensors()) {
    const data = new Float32Array(await x.data());
    tensors.set(name, { dtype: 'f32', shape: x.shape, data });
  }
  module.dispose();
  return { tensors, about };
}

async function readJson(folder: Folder, path: string): Promise<Json> {
  if (!(await folder.exists(path))) return null;
  const what = `${folder.location}/${path}`;
  return toPlain(parseJson(decodeUtf8(await folder.read(path), what), { what }));
}

function writeJson(folder: Folder, path: string, value: object): Promise<void> {
  return folder.write(path, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`));
}
