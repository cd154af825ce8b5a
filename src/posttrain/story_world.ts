// The world in which preferences are studied: a small model of the built-in stories, story beginnings to go on from, and a
// gold reward that only figures see.

import { resolveSettings } from '../io/config.ts';
import type { Weights } from '../io/experiment.ts';
import { modelConfig, TRAIN_DEFAULTS, type TrainSettings } from '../llm/settings.ts';
import { trainLanguageModel } from '../llm/train.ts';
import { Transformer } from '../llm/transformer.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { generateCorpus } from '../text/grammar.ts';
import { readTokenizer } from '../text/read_tokenizer.ts';
import { storyScore } from '../text/story_judge.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type Answer, type Reward, rewardOf, type Task } from './rewards.ts';

/** Between stories, and at the end of an answer. */
export const STORY_END = '<|endoftext|>';

export interface StoryBaseSettings {
  readonly seed: number;
  readonly characters: number;
  readonly vocabularySize: number;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
}

/** The longest story has 53 tokens, its first sentence 9; with 512 of them in the vocabulary. */
export const STORY_CONTEXT = 64;
export const STORY_PROMPT_TOKENS = 12;
export const STORY_ANSWER_TOKENS = 48;

/** Two minutes on two cores: 130 thousand parameters, most words one token; most of its stories are possible ones. */
export const STORY_BASE_DEFAULTS: StoryBaseSettings = {
  seed: 1,
  characters: 600_000,
  vocabularySize: 512,
  layers: 2,
  heads: 4,
  width: 64,
  context: STORY_CONTEXT,
  steps: 1000,
  batch: 24,
  learningRate: 5e-3,
};

export interface StoryBase {
  readonly model: Transformer;
  readonly tokenizer: Tokenizer;
  /** Tokens that end an answer. */
  readonly ends: readonly number[];
  /** Most tokens of a prompt. */
  readonly promptTokens: number;
  readonly maxNewTokens: number;
}

/** A decoder trained on stories alone, without a run's folder. @throws signal's reason when it is stopped */
export async function trainStoryBase(
  device: Device,
  settings: Partial<StoryBaseSettings> = {},
  signal?: AbortSignal,
): Promise<StoryBase> {
  const all = { ...STORY_BASE_DEFAULTS, ...settings };
  const { model, data } = await trainLanguageModel(device, {
    text: { name: 'stories', content: storyText(all) },
    settings: storyTrainSettings(all),
    ...(signal && { signal }),
  });
  signal?.throwIfAborted();
  return storyBase(model, data.tokenizer);
}

/** A base whose weights an experiment has kept; of the same settings but for the steps. */
export function loadStoryBase(
  device: Device,
  { tensors, about }: Weights<{ readonly tokenizer: object }>,
  settings: Partial<StoryBaseSettings> = {},
): StoryBase {
  const all = storyTrainSettings({ ...STORY_BASE_DEFAULTS, ...settings });
  const tokenizer = readTokenizer(JSON.stringify(about.tokenizer), 'the tokenizer of the stories');
  const config = modelConfig(resolveSettings(TRAIN_DEFAULTS, all), tokenizer.vocabularySize);
  const model = new Transformer(new Initialiser(device, 0), config);
  model.load(tensors);
  return storyBase(model, tokenizer);
}

/** What a model that writes stories, wherever it comes from, needs to be asked for them. */
export function storyBase(model: Transformer, tokenizer: Tokenizer): StoryBase {
  const ends = [...tokenizer.encode(STORY_END, { specials: 'allow' })];
  return {
    ...{ model, tokenizer, ends },
    promptTokens: STORY_PROMPT_TOKENS,
    maxNewTokens: STORY_ANSWER_TOKENS,
  };
}

/** Settings of `train` for such a model. */
export function storyTrainSettings({
  characters,
  ...settings
}: StoryBaseSettings): Partial<TrainSettings> {
  return {
    ...settings,
    documentSeparator: STORY_END,
    initialScale: 4,
    minLearningRate: settings.learningRate / 10,
    evaluateEvery: settings.steps,
    checkpointEvery: settings.steps,
    samples: 0,
  };
}

/** Stories with their end after each. */
export function storyText({
  seed,
  characters,
}: Pick<StoryBaseSettings, 'seed' | 'characters'>): string {
  return storiesOf(seed, characters).join('');
}

function storiesOf(seed: number, characters: number): string[] {
  const lines = generateCorpus({ seed, characters }).trimEnd().split('\n');
  return lines.map((line) => line + STORY_END);
}

/** A story's first sentence; the answer is the rest of the story. */
export interface StoryTask extends Task {
  /** How the grammar went on, for supervised data. */
  readonly story: string;
}

/** About so many characters hold a story. */
const STORY_CHARACTERS = 160;
/** Seeds of texts that models are trained on are small numbers; those of tasks begin here. */
const TASK_SEEDS = 2 ** 20;

/** @param set data sets of one seed, such as 0 to train on and 1 held out; no story of one is drawn as one of another */
export function storyTasks({
  seed,
  set = 0,
  count,
}: {
  readonly seed: number;
  readonly set?: number;
  readonly count: number;
}): StoryTask[] {
  const corpus = generateCorpus({
    seed: TASK_SEEDS * (1 + set) + seed,
    characters: count * 2 * STORY_CHARACTERS,
  });
  return corpus
    .split('\n')
    .slice(0, count)
    .map((story) => {
      const end = story.indexOf('.') + 1;
      return { prompt: story.slice(0, end), story: story.slice(end) };
    });
}

/** The whole story that an answer makes with its prompt. */
export const storyOf = ({ task, text }: Pick<Answer, 'task' | 'text'>): string =>
  task.prompt + text;

/** The truth: what labels are drawn from, and what figures show beside what is optimised. */
export const goldReward: Reward = rewardOf('gold', (answer) => storyScore(storyOf(answer)));
