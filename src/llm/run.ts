// The folder of a training run: config.json, metrics.jsonl, checkpoints/, samples.txt, report.html.

import { CheckpointError } from '../errors.ts';
import { isChoiceTable } from '../gpu/choices.ts';
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from '../io/checkpoint.ts';
import type { Folder } from '../io/folder.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { decodeUtf8, parseJson, toPlain } from '../io/json.ts';
import { findCheckpoints, sha256OfText } from '../io/manifest.ts';
import { MetricsLog, readMetrics, truncateMetrics } from '../io/metrics.ts';
import type { PlotLibrary } from '../io/report.ts';
import type { Device } from '../ops/device.ts';
import { readTokenizer } from '../text/read_tokenizer.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { TrainingData } from './data.ts';
import { textUnits } from './evaluate.ts';
import type { TrainSettings } from './settings.ts';
import type { Evaluation, TrainProgress, TrainResult } from './train.ts';
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

export interface SavePoint {
  readonly step: number;
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly evaluations: readonly Evaluation[];
  readonly best: boolean;
}

export interface Run {
  /** Where to continue; null at the beginning. */
  readonly checkpoint: Checkpoint | null;
  readonly evaluations: readonly Evaluation[];
  log(progress: TrainProgress): Promise<void>;
  save(point: SavePoint): Promise<void>;
  finish(result: TrainResult): Promise<void>;
}

const CONFIG = 'config.json';

/** What a run that is resumed repeats. */
export interface SavedRun {
  readonly settings: object;
  /** None for the built-in corpus. */
  readonly dataFiles: readonly string[];
  /** One that came from outside; null for one made of the text. */
  readonly tokenizer: Tokenizer | null;
}

/** The settings and the data of the run in a folder; null where there is none. @throws CheckpointError if damaged. */
export async function readSavedRun(folder: Folder): Promise<SavedRun | null> {
  if (!(await folder.exists(CONFIG))) return null;
  const what = `${folder.location}/${CONFIG}`;
  const saved = parseJson(decodeUtf8(await folder.read(CONFIG), what), { what });
  if (saved instanceof Map) {
    const { settings, dataFiles, ...rest } = toPlain(saved) as Record<string, unknown>;
    const tokenizer = rest.tokenizerGiven
      ? readTokenizer(JSON.stringify(rest.tokenizer), what)
      : null;
    if (typeof settings === 'object' && settings !== null && isFileList(dataFiles))
      return { settings, dataFiles, tokenizer };
  }
  throw new CheckpointError(`${what} is not a run's: it lacks settings`);
}

const isFileList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((file) => typeof file === 'string');

/**
 * Opens a run's folder. @throws CheckpointError when it holds another run and `resume` is off, when there is nothing
 * to resume, or when the checkpoint is of another configuration.
 */
export async function openRun(folder: Folder, options: RunOptions): Promise<Run> {
  const { device, settings, data, resume = false, onNote = () => {}, plotLibrary } = options;
  const config = {
    ...settingsOfTraining(settings),
    data: data.name,
    dataSha256: await sha256OfText(data.content),
    ...(data.tokenizerGiven && {
      tokenizerSha256: await sha256OfText(JSON.stringify(data.tokenizer)),
    }),
  };
  const checkpoint = resume ? await loadCheckpoint(folder, { config, onWarning: onNote }) : null;
  if (resume && !checkpoint) {
    throw new CheckpointError(
      `${folder.location} holds no checkpoint to resume from; start without --resume`,
    );
  }
  if (!resume && (await findCheckpoints(folder)).length > 0) {
    throw new CheckpointError(
      `${folder.location} holds a run already; continue it with --resume, or choose another --out`,
    );
  }
  if (checkpoint) chooseAsBefore(device, checkpoint.state.kernels);
  // A run that was killed leaves metrics of steps after its last checkpoint, or before its first.
  await truncateMetrics(folder, checkpoint?.step ?? 0);
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
  const metrics = new MetricsLog(folder);

  return {
    checkpoint,
    evaluations: (checkpoint?.state.evaluations ?? []) as unknown as Evaluation[],
    async log({ step, losses, learningRate, tokensPerSecond, evaluation }) {
      for (const [i, loss] of losses.entries()) {
        const at = step - losses.length + 1 + i;
        const rest =
          at === step
            ? {
                learningRate,
                tokensPerSecond,
                ...(evaluation && {
                  validationLoss: evaluation.loss,
                  ...textUnits(evaluation.loss, { data, settings }),
                }),
              }
            : {};
        await metrics.append({ step: at, loss, ...rest });
      }
    },
    async save({ step, tensors, evaluations, best }) {
      await metrics.flush();
      const state = { evaluations, kernels: kernelsOf(device) };
      await saveCheckpoint(folder, { step, tensors, state, config }, { best });
    },
    async finish(result) {
      await metrics.flush();
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

/** Which variants of the kernels this adapter takes. */
function kernelsOf({ adapter, gpu }: Device): object {
  return { adapter: adapter.name, driver: adapter.driver, choices: gpu.choices.table };
}

/** Other variants round otherwise: on the same adapter a resumed run takes those that it began with. */
function chooseAsBefore({ adapter, gpu }: Device, kernels: unknown): void {
  if (typeof kernels !== 'object' || kernels === null) return;
  const { adapter: name, driver, choices } = kernels as Record<string, unknown>;
  const same = name === adapter.name && driver === adapter.driver;
  if (same && isChoiceTable(choices)) gpu.choices.setMeasured(choices);
}

/** Without what changes only when a run reports and what it shows: a resumed run may have these otherwise. */
function settingsOfTraining(settings: TrainSettings): object {
  const { samples, sampleCharacters, temperature, logEvery, checkpointEvery, ...rest } = settings;
  return rest;
}
