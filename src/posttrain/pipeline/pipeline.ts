// From nothing to a model that one prefers: all stages in order, each in a folder of its own, and one page that tells the story.
//
//   tokenizer → pretrain → finetune → preferences → reward → rlhf
//                                   ↘ verifiable
// A stage that is done is not done again; one that was stopped goes on from its checkpoint, bit for bit.

import { CheckpointError, ConfigError } from '../../errors.ts';
import { checkSettings, differences, nearest, resolveSettings } from '../../io/config.ts';
import { type Folder, subfolder } from '../../io/folder.ts';
import { decodeUtf8, parseJson, toPlain } from '../../io/json.ts';
import { findCheckpoints } from '../../io/manifest.ts';
import type { PlotLibrary } from '../../io/report.ts';
import type { Device } from '../../ops/device.ts';
import { LANGUAGE_STAGES } from './language_stages.ts';
import { pipelineReport } from './pipeline_report.ts';
import { PREFERENCE_STAGES } from './preference_stages.ts';
import { PIPELINE_CHECKS, PIPELINE_DEFAULTS, type PipelineSettings } from './settings.ts';
import type { Stage, StageName, StageResult } from './stage.ts';
import { VERIFIABLE_STAGES } from './verifiable_stages.ts';

export const STAGES: readonly Stage[] = [
  ...LANGUAGE_STAGES,
  ...PREFERENCE_STAGES,
  ...VERIFIABLE_STAGES,
];

/** A stage that is done. */
export interface DoneStage extends StageResult {
  readonly name: StageName;
  /** It took so long; of one that was stopped, since it went on. */
  readonly seconds: number;
  readonly adapter: string;
}

export interface PipelineOptions {
  readonly settings?: Partial<PipelineSettings>;
  readonly folder: Folder;
  /** Continue the pipeline in the folder. Default false. */
  readonly resume?: boolean;
  /** Stop after these stages are done, with what they need. Default: all. */
  readonly stages?: readonly string[];
  readonly onStage?: (
    stage: Stage,
    state: 'begins' | 'goes on' | 'is done',
    done?: DoneStage,
  ) => void;
  readonly onProgress?: (stage: Stage, done: number, line?: string) => void;
  readonly signal?: AbortSignal;
  /** uPlot's source, inlined in the report; without it there is none. */
  readonly plotLibrary?: PlotLibrary;
}

export interface PipelineResult {
  readonly settings: PipelineSettings;
  readonly stages: readonly DoneStage[];
  /** Whether `signal` ended it. */
  readonly stopped: boolean;
  readonly adapter: string;
}

const CONFIG = 'config.json';
const RESULT = 'result.json';

/**
 * @throws ConfigError for a bad setting or an unknown stage, CheckpointError for a folder that holds another pipeline, or none
 *   where `resume` is on.
 */
export async function runPipeline(
  device: Device,
  { folder, resume = false, onStage, onProgress, plotLibrary, ...options }: PipelineOptions,
): Promise<PipelineResult> {
  const settings = checkSettings(
    resolveSettings(PIPELINE_DEFAULTS, options.settings),
    PIPELINE_CHECKS,
  );
  checkGroups(settings);
  const wanted = stagesFor(options.stages ?? STAGES.map(({ name }) => name));
  await begin(folder, settings, resume);
  const signal = options.signal ?? new AbortController().signal;
  const adapter = device.adapter.name;
  const folderOf = (name: StageName) => subfolder(folder, name);
  const done: DoneStage[] = [];
  let stopped = false;
  for (const stage of wanted) {
    const own = folderOf(stage.name);
    const before = await resultOf(own);
    if (before) {
      done.push(before);
      continue;
    }
    const goesOn = await holdsCheckpoint(own, stage);
    // What a stage left without a checkpoint is of no use to it.
    if (!goesOn) await folder.remove(stage.name);
    onStage?.(stage, goesOn ? 'goes on' : 'begins');
    const start = performance.now();
    try {
      signal.throwIfAborted();
      const result = await stage.run({
        ...{ device, settings, folder: own, folderOf, resume: goesOn, signal },
        onProgress: (share, line) => onProgress?.(stage, share, line),
      });
      const seconds = (performance.now() - start) / 1000;
      const finished = { name: stage.name, ...result, seconds, adapter };
      await own.write(RESULT, new TextEncoder().encode(`${JSON.stringify(finished, null, 2)}\n`));
      await own.remove(UNFINISHED);
      done.push(finished);
      onStage?.(stage, 'is done', finished);
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
      stopped = true;
      break;
    }
  }
  if (plotLibrary && done.length > 0) {
    const page = await pipelineReport(STAGES, done, settings, plotLibrary);
    await folder.write('report.html', new TextEncoder().encode(page));
  }
  return { settings, stages: done, stopped, adapter };
}

/** The named stages and all that they need, in order. @throws ConfigError for an unknown one */
export function stagesFor(names: readonly string[]): Stage[] {
  const all = new Map(STAGES.map((stage) => [stage.name as string, stage]));
  const unknown = names.find((name) => !all.has(name));
  if (unknown !== undefined) {
    const guess = nearest(unknown, [...all.keys()]);
    throw new ConfigError(
      `unknown stage "${unknown}"${guess ? ` (did you mean "${guess}"?)` : ''}; there are ${[...all.keys()].join(', ')}`,
    );
  }
  const wanted = new Set<string>();
  const want = (name: string) => {
    wanted.add(name);
    for (const needed of all.get(name)!.needs) want(needed);
  };
  for (const name of names) want(name);
  return STAGES.filter(({ name }) => wanted.has(name));
}

/** The settings of the pipeline in a folder. @throws CheckpointError where there is none */
export async function readPipelineSettings(folder: Folder): Promise<Partial<PipelineSettings>> {
  if (await folder.exists(CONFIG)) {
    const what = `${folder.location}/${CONFIG}`;
    const saved = toPlain(parseJson(decodeUtf8(await folder.read(CONFIG), what), { what }));
    if (typeof saved === 'object' && saved !== null) return saved as Partial<PipelineSettings>;
  }
  throw new CheckpointError(
    `${folder.location} holds no pipeline to resume; start without --resume`,
  );
}

async function begin(folder: Folder, settings: PipelineSettings, resume: boolean): Promise<void> {
  if (!resume) {
    if (await folder.exists(CONFIG)) {
      throw new CheckpointError(
        `${folder.location} holds a run already; continue it with --resume, or choose another --out`,
      );
    }
    const text = `${JSON.stringify(settings, null, 2)}\n`;
    return folder.write(CONFIG, new TextEncoder().encode(text));
  }
  const changed = differences(await readPipelineSettings(folder), settings);
  if (changed.length === 0) return;
  throw new CheckpointError(
    `${folder.location} holds a pipeline with another ${changed.join(', ')}; choose another --out`,
  );
}

/** @throws ConfigError before anything is trained, where a late stage would refuse. */
function checkGroups({ verifiableAnswers, groupSize, heads, width }: PipelineSettings): void {
  if (groupSize < 2 || verifiableAnswers % groupSize !== 0)
    throw new ConfigError(
      `verifiableAnswers is ${verifiableAnswers}; expected whole groups of groupSize ${groupSize}, at least 2`,
    );
  if (width % heads !== 0) throw new ConfigError(`width ${width} is no multiple of heads ${heads}`);
}

async function resultOf(folder: Folder): Promise<DoneStage | null> {
  if (!(await folder.exists(RESULT))) return null;
  const what = `${folder.location}/${RESULT}`;
  return toPlain(
    parseJson(decodeUtf8(await folder.read(RESULT), what), { what }),
  ) as unknown as DoneStage;
}

const UNFINISHED = 'unfinished';

/** What a stage has finished is no checkpoint: it may be all but its result, which is made again. */
async function holdsCheckpoint(folder: Folder, { checkpointsIn }: Stage): Promise<boolean> {
  const place = checkpointsIn === 'results' ? folder : subfolder(folder, UNFINISHED);
  return (await findCheckpoints(place)).length > 0;
}
