// A scaling experiment whose truth is known: a grid of models and amounts of data, the law that fits it, and a larger
// model that the law has to predict.
//
// The source is the Markov chain of src/text/markov.ts and not the built-in stories. A story's entropy is that of a reader
// who sees it from its first word, a hundred characters back; windows that begin anywhere cannot get there, and small
// models end far above. Of the chain a window shows all there is to see, so that its entropy is the E of the law.
//
// By default the last character alone decides on the next. Where the one before counts too (`far` above 0), each model
// must first find it by attention, at a moment of its own, and its loss is no sum of a term in N and one in D. (On 19
// models of such a chain, with learning rates of 0.08/sqrt(width), E came out 15 to 18 % too low.)

import { ConfigError } from '../errors.ts';
import { checkSettings, resolveSettings } from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import type { PlotLibrary } from '../io/report.ts';
import type { Device } from '../ops/device.ts';
import { type MarkovChain, markovChain, markovFloor, markovText } from '../text/markov.ts';
import type { TrainingText } from './data.ts';
import { analyse, type ScalingAnalysis } from './scaling_analysis.ts';
import { LEAST_OBSERVATIONS } from './scaling_fit.ts';
import type { Observation } from './scaling_law.ts';
import { openScaling } from './scaling_run.ts';
import { SCALING_CHECKS, SCALING_DEFAULTS, type ScalingSettings } from './scaling_settings.ts';
import { trainLanguageModel } from './train.ts';

/** What is trained: a model of a width, for a number of steps. */
export interface CellSize {
  readonly width: number;
  readonly steps: number;
}

/** One trained model. */
export interface Cell extends Observation, CellSize {
  readonly seconds: number;
  readonly adapter: string;
}

export interface ScalingProgress {
  /** Training steps done and in all, over the whole grid. */
  readonly step: number;
  readonly steps: number;
  /** The newest training loss. */
  readonly loss: number;
  readonly tokensPerSecond: number;
}

export interface ScalingOptions {
  readonly settings?: Partial<ScalingSettings>;
  /** Where cells, the result and the report go; default nowhere. */
  readonly folder?: Folder | null;
  /** Continue the experiment in the folder: a cell that it holds is not trained again. Default false. */
  readonly resume?: boolean;
  /** Told once, before training, how many of all steps are those of cells that the folder holds. */
  readonly onStart?: (done: number, steps: number) => void;
  readonly onProgress?: (progress: ScalingProgress) => void;
  /** Told of each cell, whether it was trained now or before. */
  readonly onCell?: (cell: Cell) => void;
  /** Stops after the steps under way. The cell that was being trained is lost. */
  readonly signal?: AbortSignal;
  /** uPlot's source, inlined in the report; without it there is none. */
  readonly plotLibrary?: PlotLibrary;
}

export interface ScalingResult {
  readonly settings: ScalingSettings;
  /** The grid's cells, in order, and last the larger model; fewer where the run was stopped. */
  readonly cells: readonly Cell[];
  /** The lowest loss that any model can have: the E to find. */
  readonly truth: number;
  /** Null where `signal` ended the run before the last cell. */
  readonly analysis: ScalingAnalysis | null;
}

/**
 * Trains the grid, fits the law and predicts the larger model.
 * @throws ConfigError for a bad setting, CheckpointError for a folder that does not fit, and what training throws.
 */
export async function runScaling(
  device: Device,
  options: ScalingOptions = {},
): Promise<ScalingResult> {
  const { folder = null, onStart, onCell, signal } = options;
  const settings = checkSettings(
    resolveSettings(SCALING_DEFAULTS, options.settings),
    SCALING_CHECKS,
  );
  const sizes = grid(settings);
  const run = folder && (await openScaling(folder, settings, options));
  const chain = markovChain(settings);
  const truth = markovFloor(chain, settings.context);
  const text = sourceText(chain, settings);
  const known = await Promise.all(sizes.map(async (size) => (await run?.cell(size)) ?? null));
  const steps = stepsOf(sizes);
  onStart?.(stepsOf(known.filter((cell) => cell !== null)), steps);
  const cells: Cell[] = [];
  for (const [index, size] of sizes.entries()) {
    const training = { ...options, settings, text, index, done: stepsOf(cells), steps };
    const cell = known[index] ?? (signal?.aborted ? null : await train(device, size, training));
    if (cell === null) return { settings, cells, truth, analysis: null };
    if (!known[index]) await run?.save(cell);
    onCell?.(cell);
    cells.push(cell);
  }
  const analysis = analyse(cells.slice(0, -1), cells.at(-1)!, settings);
  const result = { settings, cells, truth, analysis };
  await run?.finish(result);
  return result;
}

/** The grid, the small models first, and last the model that is held out. @throws ConfigError for one that cannot do. */
function grid({ widths, steps, heldOutWidth }: ScalingSettings): CellSize[] {
  const cells = widths.flatMap((width) => steps.map((count) => ({ width, steps: count })));
  if (cells.length < LEAST_OBSERVATIONS || widths.length < 2 || steps.length < 2) {
    throw new ConfigError(
      `widths times steps are ${cells.length} models; a law needs ${LEAST_OBSERVATIONS}, and two of each`,
    );
  }
  if (heldOutWidth <= widths.at(-1)!) {
    throw new ConfigError(`heldOutWidth is ${heldOutWidth}; expected more than ${widths.at(-1)}`);
  }
  return [...cells, { width: heldOutWidth, steps: steps.at(-1)! }];
}

const stepsOf = (some: readonly CellSize[]) => some.reduce((sum, { steps }) => sum + steps, 0);

function sourceText(chain: MarkovChain, settings: ScalingSettings): TrainingText {
  const characters = settings.characters + settings.heldOutCharacters;
  return {
    name: 'a Markov chain',
    content: markovText(chain, { seed: settings.seed, characters }),
  };
}

interface CellTraining extends ScalingOptions {
  readonly settings: ScalingSettings;
  readonly text: TrainingText;
  /** Of the cell in the grid. */
  readonly index: number;
  /** Steps of the cells before, and of all. */
  readonly done: number;
  readonly steps: number;
}

/** A model trained from the start, its learning rate down to a fiftieth at the end. Null where the signal stops it. */
async function train(
  device: Device,
  { width, steps }: CellSize,
  { settings, text, index, signal, onProgress, ...grid }: CellTraining,
): Promise<Cell | null> {
  const { seed, layers, headSize, context, batch, characters, heldOutCharacters } = settings;
  const learningRate = settings.learningRate / width;
  const result = await trainLanguageModel(device, {
    text,
    settings: {
      seed: seed + index, // the cells' errors are to be independent of each other
      layers,
      heads: Math.max(1, Math.floor(width / headSize)),
      width,
      context,
      batch,
      steps,
      learningRate,
      minLearningRate: learningRate / 50,
      warmupSteps: Math.ceil(steps / 10),
      weightDecay: 0, // it would move the minimum of the loss away from the source
      validation: heldOutCharacters / (characters + heldOutCharacters),
      evaluationTokens: 0,
      evaluateEvery: steps,
      checkpointEvery: steps,
      samples: 0,
    },
    ...(signal && { signal }),
    onProgress: ({ step, losses, tokensPerSecond }) =>
      onProgress?.({
        step: grid.done + step,
        steps: grid.steps,
        loss: losses.at(-1)!,
        tokensPerSecond,
      }),
  });
  result.model.dispose();
  if (result.stopped) return null;
  const { parameters, bestValLoss, seconds, adapter } = result;
  const tokens = steps * batch * context;
  return { width, steps, parameters, tokens, loss: bestValLoss!, seconds, adapter };
}
