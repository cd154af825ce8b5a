// The folder of a training run: config.json, metrics.jsonl, checkpoints/, samples.txt, report.html.

import { CheckpointError } from '../errors.ts';
import type { Folder } from '../io/folder.ts';
import { decodeUtf8, parseJson, toPlain } from '../io/json.ts';
import { sha256OfText } from '../io/manifest.ts';
import { readMetrics } from '../io/metrics.ts';
import type { PlotLibrary } from '../io/report.ts';
import { kernelsOf } from '../io/run_kernels.ts';
import type { Device } from '../ops/device.ts';
import { readTokenizer } from '../text/read_tokenizer.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { TrainingData } from './data.ts';
import { textUnits } from './evaluate.ts';
import { openRunLog, type RunLog } from './run_log.ts';
import type { TrainSettings } from './settings.ts';
import type { TrainResult } from './train.ts';
import { trainingReport } from './training_report.ts';

export interface RunOptions {
  readonly device: Device;
  readonly settings: TrainSettings;
  readonly data: TrainingData;
  readonly resume?: boolean;
  readonly onNote?: (line: string) => void;
  /** uPlot's source, inlined in the report; without it the run has no report. */
  readonly plotLibrary?: PlotLibrary;
}

export interface Run extends RunLog {
  finish(result: TrainResult): Promise<void>;
}

const CONFIG = 'config.json';

/** What a run that is resumed repeats. */
export interface SavedRun {
  readonly settings: object;
  /** None for the built-in corpus. A file that no path leads to lies in the run's own folder. */
  readonly texts: readonly { readonly name: string; readonly file: string }[];
  /** One that came from outside; null for one made of the text. */
  readonly tokenizer: Tokenizer | null;
}

/** The settings and the data of the run in a folder; null where there is none. @throws CheckpointError if damaged. */
export async function readSavedRun(folder: Folder): Promise<SavedRun | null> {
  if (!(await folder.exists(CONFIG))) return null;
  const what = `${folder.location}/${CONFIG}`;
  const saved = parseJson(decodeUtf8(await folder.read(CONFIG), what), { what });
  if (saved instanceof Map) {
    const { settings, data, dataFiles, ...rest } = toPlain(saved) as Record<string, unknown>;
    const tokenizer = rest.tokenizerGiven
      ? readTokenizer(JSON.stringify(rest.tokenizer), what)
      : null;
    if (typeof settings === 'object' && settings !== null && isFileList(dataFiles)) {
      const name = (file: string) => (dataFiles.length === 1 ? String(data) : baseName(file));
      const texts = dataFiles.map((file) => ({ name: name(file), file }));
      return { settings, texts, tokenizer };
    }
  }
  throw new CheckpointError(`${what} is not a run's: it lacks settings`);
}

const baseName = (path: string) => path.slice(path.search(/[^\\/]*$/));

const isFileList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((file) => typeof file === 'string');

/**
 * Opens a run's folder. @throws CheckpointError when it holds another run and `resume` is off, when there is nothing
 * to resume, or when the checkpoint is of another configuration.
 */
export async function openRun(folder: Folder, options: RunOptions): Promise<Run> {
  const { device, settings, data, resume = false, onNote, plotLibrary } = options;
  const config = {
    ...settingsOfTraining(settings),
    data: data.name,
    dataSha256: await sha256OfText(data.content),
    ...(data.tokenizerGiven && {
      tokenizerSha256: await sha256OfText(JSON.stringify(data.tokenizer)),
    }),
  };
  const unitsOf = (loss: number) => ({ ...textUnits(loss, { data, settings }) });
  const log = await openRunLog(folder, { device, config, resume, unitsOf, onNote });
  const describe = () => {
    const description = {
      settings,
      data: data.name,
      dataFiles: data.files,
      tokenizer: data.tokenizer.toJSON(),
      tokenizerGiven: data.tokenizerGiven,
      adapter: device.adapter,
      kernels: kernelsOf(device),
    };
    const text = `${JSON.stringify(description, null, 2)}\n`;
    return folder.write(CONFIG, new TextEncoder().encode(text));
  };
  await describe();
  return {
    ...log,
    async finish(result) {
      await log.flush();
      await describe(); // now with all kernels that it took
      const samples = result.samples
        .map((sample, i) => `--- sample ${i + 1}\n${sample}\n`)
        .join('\n');
      await folder.write('samples.txt', new TextEncoder().encode(samples));
      if (!plotLibrary) return;
      const report = await trainingReport(result, await readMetrics(folder), plotLibrary);
      await folder.write('report.html', new TextEncoder().encode(report));
    },
  };
}

/** Without what changes only when a run reports and what it shows: a resumed run may have these otherwise. */
function settingsOfTraining(settings: TrainSettings): object {
  const { samples, sampleCharacters, temperature, ...others } = settings;
  const { logEvery, checkpointEvery, checkpointSeconds, ...rest } = others;
  return rest;
}
