// Labels that are wrong or uncertain (lecture row I10): how well a reward model learns from them, beside what any judge of such
// labels could reach, the Bayes ceiling.
//
// The base goes on with the beginning of a story twice; a labeller who knows the gold reward chooses. Its errors come in two
// kinds: flips, of any label with probability p, and uncertainty, of pairs that are close. The held-out pairs are judged
// against the probabilities of their labels, so that accuracy and ceiling are means over the labels' luck, not of one draw.

import { DataError } from '../errors.ts';
import { between, listOf, nonNegative, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment, Weights } from '../io/experiment.ts';
import { Transformer } from '../llm/transformer.ts';
import type { TransformerConfig } from '../llm/transformer_config.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { readTokenizer } from '../text/read_tokenizer.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { drawCandidates } from './best_of_n.ts';
import { labelNoiseReport } from './label_noise_report.ts';
import {
  agreement,
  bayesCeiling,
  type GoldPair,
  LABELLER_DEFAULTS,
  type LabellerSettings,
  labelPairs,
} from './labeller.ts';
import { encodePreferences, type Preference } from './preferences.ts';
import { evaluatePairs } from './reward_evaluation.ts';
import { REWARD_DEFAULTS, type RewardSettings } from './reward_settings.ts';
import { createRewardModel, judgePreferences, trainRewardModel } from './reward_training.ts';
import { scoreAnswers } from './rewards.ts';
import {
  goldReward,
  STORY_BASE_DEFAULTS,
  storyBase,
  storyTasks,
  trainStoryBase,
} from './story_world.ts';

export const LABEL_NOISE_DEFAULTS = {
  baseSteps: STORY_BASE_DEFAULTS.steps,
  width: STORY_BASE_DEFAULTS.width,
  /** Of the reward models of the curve. */
  flips: [0, 0.1, 0.2, 0.3, 0.4],
  curveLabels: 832,
  /** Of the reward models of uncertain labellers; lm-human-preferences had as many labels. */
  temperatures: [1],
  labels: 4992,
  heldOut: 1024,
  epochs: 1,
  batch: 16,
  learningRate: 1.5e-3,
  seeds: [1, 2, 3],
};

export type LabelNoiseSettings = typeof LABEL_NOISE_DEFAULTS;

const LABEL_NOISE_CHECKS = {
  baseSteps: positiveInteger,
  width: positiveInteger,
  flips: listOf(between(0, 0.5)),
  curveLabels: positiveInteger,
  labels: positiveInteger,
  temperatures: listOf(nonNegative),
  heldOut: positiveInteger,
  epochs: positive,
  batch: positiveInteger,
  learningRate: positive,
};

/** One reward model. */
export interface NoiseResult {
  readonly seed: number;
  /** Labels that it learned from. */
  readonly labels: number;
  readonly flips: number;
  readonly temperature: number;
  /** The share of held-out labels that it agrees with, on average over their luck. */
  readonly accuracy: number;
  /** The most that a judge can agree with. */
  readonly ceiling: number;
  /** The share of held-out pairs of which it takes the better one by the gold reward. */
  readonly truth: number;
}

export interface LabelNoiseResults {
  /** Without uncertainty, by flips. */
  readonly curve: readonly NoiseResult[];
  /** Of uncertain labellers without flips, by temperature. */
  readonly uncertain: readonly NoiseResult[];
}

export const labelNoiseExperiment: Experiment<LabelNoiseSettings, LabelNoiseResults> = {
  defaults: LABEL_NOISE_DEFAULTS,
  checks: LABEL_NOISE_CHECKS,
  count: ({ seeds, flips, temperatures, ...settings }) =>
    2 + seeds.length * (flips.length + temperatures.length * costOf(settings)),
  run,
  report: labelNoiseReport,
};

/** Reward models of the curve that take as long as one of an uncertain labeller. */
const costOf = ({ labels, curveLabels }: Pick<LabelNoiseSettings, 'labels' | 'curveLabels'>) =>
  Math.max(1, Math.round(labels / curveLabels));

async function run(
  device: Device,
  settings: LabelNoiseSettings,
  cells: Cells,
): Promise<LabelNoiseResults> {
  const { seeds, flips, curveLabels, temperatures, labels } = settings;
  const base = await cells.weights(
    'base',
    () => trainBase(device, settings, cells.signal),
    () => 'trained',
  );
  const { pairs } = await cells.cell(
    'pairs',
    () => drawStories(device, settings, base, cells.signal),
    ({ pairs }) => `${pairs.length} pairs of stories`,
  );
  const world = { device, settings, base, pairs, signal: cells.signal };
  const learned = (labeller: LabellerSettings, name: string, count: number, cost = 1) =>
    cells.cell(
      `${name}-seed-${labeller.seed}`,
      () => learnFrom(world, labeller, count),
      ({ accuracy, ceiling }) => `accuracy ${accuracy.toFixed(4)}, ceiling ${ceiling.toFixed(4)}`,
      cost,
    );
  const curve: NoiseResult[] = [];
  const uncertain: NoiseResult[] = [];
  for (const seed of seeds) {
    for (const p of flips) {
      const labeller = { ...LABELLER_DEFAULTS, seed, flips: p };
      curve.push(await learned(labeller, `flips-${p}`, curveLabels));
    }
  }
  for (const temperature of temperatures) {
    for (const seed of seeds) {
      const labeller = { ...LABELLER_DEFAULTS, seed, temperature };
      const cost = costOf(settings);
      uncertain.push(await learned(labeller, `temperature-${temperature}`, labels, cost));
    }
  }
  return { curve, uncertain };
}

/** What must be known of the base besides its weights. */
interface StoryModel {
  readonly config: TransformerConfig;
  readonly tokenizer: unknown;
}

const BASE_SEED = 1;

async function trainBase(
  device: Device,
  { baseSteps: steps, width }: LabelNoiseSettings,
  signal: AbortSignal,
) {
  const { model, tokenizer } = await trainStoryBase(
    device,
    { steps, width, seed: BASE_SEED },
    signal,
  );
  return { module: model, about: { config: model.config, tokenizer: tokenizer.toJSON() } };
}

/** A copy of the base, to be trained. */
function baseOf(device: Device, { tensors, about }: Weights<StoryModel>) {
  const model = new Transformer(new Initialiser(device, 0), about.config);
  model.load(tensors);
  const tokenizer = readTokenizer(JSON.stringify(about.tokenizer));
  return storyBase(model, tokenizer);
}

/** Two ends of a story, and what they are worth. */
interface StoryPair {
  readonly prompt: string;
  readonly a: string;
  readonly b: string;
  readonly gold: GoldPair;
}

/** As many as the largest run learns from, and those held out after them. */
async function drawStories(
  device: Device,
  { labels, curveLabels, heldOut }: LabelNoiseSettings,
  weights: Weights<StoryModel>,
  signal: AbortSignal,
): Promise<{ pairs: StoryPair[] }> {
  const { model, tokenizer, ends, maxNewTokens } = baseOf(device, weights);
  const wanted = Math.max(labels, curveLabels) + heldOut;
  const tasks = storyTasks({ seed: BASE_SEED, count: Math.ceil(SPARE * wanted) });
  const speaker = { model, adapter: null };
  const drawing = { n: 2, maxNewTokens, ends, seed: BASE_SEED, signal };
  const drawn = await drawCandidates(device, speaker, tokenizer, tasks, drawing);
  const { totals } = await scoreAnswers([goldReward], drawn.flat());
  model.dispose();
  const pairs = drawn.flatMap(([a, b], i): StoryPair[] => {
    const gold = [totals[2 * i]!, totals[2 * i + 1]!] as const;
    // Equal rewards have no better one; a text that is read again may have more tokens than it was drawn in.
    const { prompt } = tasks[i]!;
    const fits = [a!, b!].every(
      ({ text }) => text !== '' && tokenizer.encode(prompt + text).length < model.config.context,
    );
    return gold[0] !== gold[1] && fits ? [{ prompt, a: a!.text, b: b!.text, gold }] : [];
  });
  if (pairs.length < wanted)
    throw new DataError(
      `of ${tasks.length} pairs of stories ${pairs.length} can be judged, and ${wanted} are needed: the base writes too badly; raise baseSteps`,
    );
  return { pairs: pairs.slice(0, wanted) };
}

/** So many times the pairs are drawn that are needed: some are worth the same, or do not fit. */
const SPARE = 1.4;

interface World {
  readonly device: Device;
  readonly settings: LabelNoiseSettings;
  readonly base: Weights<StoryModel>;
  readonly pairs: readonly StoryPair[];
  readonly signal: AbortSignal;
}

/** Answers by which rewards are normalised. */
const REFERENCE = 128;

/** Trains a copy of the base on the first pairs' labels, and judges the last pairs. */
async function learnFrom(
  { device, settings, base, pairs, signal }: World,
  labeller: LabellerSettings,
  count: number,
): Promise<NoiseResult> {
  const { seed, flips, temperature } = labeller;
  const { model, tokenizer } = baseOf(device, base);
  try {
    const [some, rest] = [pairs.slice(0, count), pairs.slice(-settings.heldOut)];
    const labels = labelPairs(
      some.map(({ gold }) => gold),
      labeller,
    );
    const train = some.map((pair, i) => preferenceOf(pair, labels[i] === 'A', 1));
    const heldOut = rest.map((pair) => {
      const [a, b] = pair.gold;
      return preferenceOf(pair, a > b, agreement(a - b, labeller));
    });
    const tokens = (list: readonly Preference[]) => inTokens(list, tokenizer, model.config.context);
    const own = rewardSettings(settings, seed);
    const rewardModel = createRewardModel(device, model, own);
    // First answers are the base's own, whoever won.
    const drawn = some.slice(0, REFERENCE).map((pair) => preferenceOf(pair, true, 1));
    const reference = tokens(drawn).map(({ promptIds, chosen }) => [...promptIds, ...chosen]);
    const data = { train: tokens(train), heldOut: [], reference };
    await trainRewardModel(device, rewardModel, data, { settings: own, signal });
    signal.throwIfAborted();
    const judged = await judgePreferences(device, rewardModel, tokens(heldOut));
    const { accuracy } = evaluatePairs(judged);
    const truth = evaluatePairs(judged.map((pair) => ({ ...pair, weight: 1 }))).accuracy;
    const ceiling = bayesCeiling(
      rest.map(({ gold }) => gold),
      labeller,
    );
    return { seed, labels: count, flips, temperature, accuracy, ceiling, truth };
  } finally {
    model.dispose();
  }
}

const preferenceOf = ({ prompt, a, b }: StoryPair, first: boolean, weight: number): Preference =>
  first ? { prompt, chosen: a, rejected: b, weight } : { prompt, chosen: b, rejected: a, weight };

const inTokens = (preferences: readonly Preference[], tokenizer: Tokenizer, context: number) =>
  encodePreferences(preferences, { tokenizer, template: 'document', context: context - 1 });

function rewardSettings(
  { epochs, batch, learningRate }: LabelNoiseSettings,
  seed: number,
): RewardSettings {
  return { ...REWARD_DEFAULTS, method: 'full', seed, epochs, batch, learningRate };
}
