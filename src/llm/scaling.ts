// A scaling experiment whose truth is known: a grid of models and amounts of data, the law that fits it, and a larger
// model that the law has to predict; of one architecture or, to compare their laws, of several.
//
// The source is the Markov chain of src/text/markov.ts and not the built-in stories. A story's entropy is that of a reader
// who sees it from its first word, a hundred characters back; windows that begin anywhere cannot get there, and small
// models end far above. Of the chain a window shows all there is to see, so that its entropy is the E of the law.
//
// By default the last character alone decides on the next. Where the one before counts too (`far` above 0), each model
// must first find it by attention, at a moment of its own, and its loss is no sum of a term in N and one in D. (On 19
// models of such a chain, with learning rates of 0.08/sqrt(width), E came out 15 to 18 % too low.)

import { ConfigError } from '../errors.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { markovChain, markovFloor } from '../text/markov.ts';
import {
  analyse,
  type ExponentDifferences,
  exponentDifferences,
  type ScalingAnalysis,
} from './scaling_analysis.ts';
import { type Cell, type CellSize, scalingText, trainCell } from './scaling_cell.ts';
import { LEAST_OBSERVATIONS } from './scaling_fit.ts';
import { scalingReport } from './scaling_report.ts';
import {
  type Architecture,
  SCALING_CHECKS,
  SCALING_DEFAULTS,
  type ScalingSettings,
} from './scaling_settings.ts';

/** The law of an architecture. */
export interface FittedLaw {
  readonly architecture: Architecture;
  /** The grid's cells, in order, and last the larger model. */
  readonly cells: readonly Cell[];
  readonly analysis: ScalingAnalysis;
  /** Against the first architecture's law; null for that. */
  readonly differences: ExponentDifferences | null;
}

export interface ScalingResult {
  /** The lowest loss that any model can have: the E to find. */
  readonly truth: number;
  readonly laws: readonly FittedLaw[];
}

/** Trains the grid of each architecture, fits its law and predicts the larger model. Cells count their steps. */
export const scalingExperiment: Experiment<ScalingSettings, ScalingResult> = {
  defaults: SCALING_DEFAULTS,
  checks: SCALING_CHECKS,
  count: (settings) =>
    settings.architectures.length * grid(settings).reduce((sum, { steps }) => sum + steps, 0),
  run,
  report: scalingReport,
};

async function run(
  device: Device,
  settings: ScalingSettings,
  cells: Cells,
): Promise<ScalingResult> {
  const chain = markovChain(settings);
  const text = scalingText(chain, settings);
  const laws: FittedLaw[] = [];
  for (const architecture of settings.architectures) {
    const trained: Cell[] = [];
    for (const [index, size] of grid(settings).entries()) {
      // The errors of an architecture's cells are to be independent of each other; those of equal cells may be alike.
      const seed = settings.seed + index;
      const { signal } = cells;
      const cell = await cells.cell(
        `${architecture}-width-${size.width}-steps-${size.steps}`,
        () => trainCell(device, size, { settings, text, architecture, seed, signal }),
        ({ tokens, loss }) => `${tokens.toLocaleString('en')} characters, loss ${loss.toFixed(4)}`,
        size.steps,
      );
      trained.push(cell);
    }
    const observed = trained.slice(0, -1);
    const analysis = analyse(observed, trained.at(-1)!, settings);
    const first = laws[0]?.cells.slice(0, -1);
    const differences = first ? exponentDifferences(observed, first, settings) : null;
    laws.push({ architecture, cells: trained, analysis, differences });
  }
  return { truth: markovFloor(chain, settings.context), laws };
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
