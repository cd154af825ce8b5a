// Which model is preferred, by size (lecture row I7; Ouyang et al. 2022, figure 1): a base model, the same fine-tuned on good
// stories, and that tuned to preferences by DPO, each against one opponent, the largest of the fine-tuned.

import { listOf, nonNegative, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment, Weights } from '../io/experiment.ts';
import { finetune } from '../llm/finetune.ts';
import { encodeExample } from '../llm/supervised.ts';
import type { Device } from '../ops/device.ts';
import { completionSegments } from '../text/chat_template.ts';
import { storyScore } from '../text/story_judge.ts';
import { dpo } from './dpo.ts';
import { judge } from './judge.ts';
import { KINDS, type Kind, preferredReport } from './preferred_report.ts';
import { storyBaseCell, storyPreferences } from './story_study.ts';
import { goldReward, type StoryBase, storyTasks } from './story_world.ts';

export const PREFERRED_DEFAULTS = {
  seeds: [1, 2, 3],
  /** Of the models; their heads are 4. */
  widths: [16, 32, 64],
  layers: 2,
  baseSteps: 600,
  /** Stories that are fine-tuned on: the best of `amongst` times as many. */
  demonstrations: 400,
  amongst: 2,
  tuneSteps: 100,
  tuneRate: 1e-3,
  /** Pairs of the fine-tuned model's answers. */
  labels: 400,
  /** Of the labels: how far apart gold rewards are for a clear choice. */
  temperature: 0.5,
  beta: 0.1,
  dpoEpochs: 3,
  dpoRate: 3e-4,
  batch: 16,
  /** Held-out prompts, on which models are compared. */
  prompts: 200,
};

export type PreferredSettings = typeof PREFERRED_DEFAULTS;

const CHECKS = {
  seeds: listOf(positiveInteger) as never,
  widths: listOf(positiveInteger) as never,
  layers: positiveInteger,
  baseSteps: positiveInteger,
  demonstrations: positiveInteger,
  amongst: positive,
  tuneSteps: positiveInteger,
  tuneRate: positive,
  labels: positiveInteger,
  temperature: nonNegative,
  beta: positive,
  dpoEpochs: positive,
  dpoRate: positive,
  batch: positiveInteger,
  prompts: positiveInteger,
};

/** A model against the opponent. */
export interface PreferredModel {
  readonly seed: number;
  readonly width: number;
  readonly kind: Kind;
  readonly parameters: number;
  /** By the gold reward, ties half, with Wilson's 95 % interval over prompts. */
  readonly winRate: { readonly rate: number; readonly low: number; readonly high: number };
  /** Mean gold reward of its answers. */
  readonly gold: number;
  readonly sample: string;
}

export interface PreferredResults {
  readonly models: readonly PreferredModel[];
}

export const preferredExperiment: Experiment<PreferredSettings, PreferredResults> = {
  defaults: PREFERRED_DEFAULTS,
  checks: CHECKS,
  count: ({ seeds, widths }) => widths.length * (1 + seeds.length * (2 + KINDS.length)),
  run,
  report: preferredReport,
};

async function run(
  device: Device,
  settings: PreferredSettings,
  cells: Cells,
): Promise<PreferredResults> {
  const { seeds, widths, layers, baseSteps: steps } = settings;
  const copies = new Map<number, () => StoryBase>();
  for (const width of widths) {
    const name = `base-width-${width}`;
    copies.set(width, await storyBaseCell(device, cells, { width, layers, steps }, name));
  }
  const models: PreferredModel[] = [];
  for (const seed of seeds) {
    const made = new Map<string, () => StoryBase>();
    for (const width of widths) {
      const base = copies.get(width)!;
      const tuned = await tunedFrom(cells, base, `fine-tuned-seed-${seed}-width-${width}`, (copy) =>
        fineTune(device, copy, settings, seed, cells.signal),
      );
      const preferred = await tunedFrom(cells, tuned, `dpo-seed-${seed}-width-${width}`, (copy) =>
        tuneToPreferences(device, copy, settings, seed, cells.signal),
      );
      for (const [i, copy] of [base, tuned, preferred].entries())
        made.set(`${width} ${KINDS[i]}`, copy);
    }
    const opponent = made.get(`${Math.max(...widths)} fine-tuned`)!;
    for (const width of widths) {
      for (const kind of KINDS) {
        const compared = () =>
          against(device, made.get(`${width} ${kind}`)!(), opponent(), settings, {
            ...{ seed, signal: cells.signal },
          });
        const name = `judged-seed-${seed}-width-${width}-${kind}`;
        const found = await cells.cell(
          name,
          compared,
          ({ winRate, gold }) =>
            `wins ${(100 * winRate.rate).toFixed(0)} %, gold ${gold.toFixed(2)}`,
        );
        models.push({ seed, width, kind, ...found });
      }
    }
  }
  return { models };
}

/** Trains a copy, or takes what came of it from the folder; gives copies. */
async function tunedFrom(
  cells: Cells,
  from: () => StoryBase,
  name: string,
  train: (copy: StoryBase) => Promise<void>,
): Promise<() => StoryBase> {
  const { tensors }: Weights<object> = await cells.weights(name, async () => {
    const copy = from();
    await train(copy);
    cells.signal.throwIfAborted();
    return { module: copy.model, about: {} };
  });
  return () => {
    const copy = from();
    copy.model.load(tensors);
    return copy;
  };
}

/** On the best stories that the grammar tells. */
async function fineTune(
  device: Device,
  { model, tokenizer }: StoryBase,
  { demonstrations, amongst, tuneSteps, tuneRate, batch }: PreferredSettings,
  seed: number,
  signal: AbortSignal,
): Promise<void> {
  const all = storyTasks({ seed, set: 4, count: Math.ceil(demonstrations * amongst) });
  const best = all
    .map((task) => ({ task, score: storyScore(task.prompt + task.story) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, demonstrations);
  const template = 'document';
  const { context } = model.config;
  const train = best.map(({ task: { prompt, story: completion } }, i) =>
    encodeExample(completionSegments({ prompt, completion }, template), `story ${i + 1}`, {
      ...{ tokenizer, template, context },
    }),
  );
  const settings = {
    steps: tuneSteps,
    learningRate: tuneRate,
    batch,
    seed,
    method: 'full',
  } as const;
  await finetune(device, model, { train, heldOut: [] }, { settings, signal });
}

/** On pairs of its own answers; the reference is the model as it was. */
async function tuneToPreferences(
  device: Device,
  base: StoryBase,
  { labels, temperature, beta, dpoEpochs, dpoRate, batch }: PreferredSettings,
  seed: number,
  signal: AbortSignal,
): Promise<void> {
  const asked = { labels, temperature, seed, judge: goldReward };
  const train = await storyPreferences(device, base, asked, signal);
  const how = { epochs: dpoEpochs, learningRate: dpoRate, batch, seed, beta };
  const settings = { ...how, method: 'full' } as const;
  await dpo(device, base.model, { train, heldOut: [] }, { settings, signal });
}

async function against(
  device: Device,
  model: StoryBase,
  opponent: StoryBase,
  { prompts }: PreferredSettings,
  { seed, signal }: { readonly seed: number; readonly signal: AbortSignal },
): Promise<Omit<PreferredModel, 'seed' | 'width' | 'kind'>> {
  const contestant = ({ model, tokenizer, ends }: StoryBase) => ({
    ...{ speaker: { model, adapter: null }, codec: tokenizer, ends },
  });
  const { winRate, means, samples } = await judge(device, contestant(model), contestant(opponent), {
    ...{ tasks: storyTasks({ seed, set: 1, count: prompts }), judge: goldReward },
    ...{ maxNewTokens: model.maxNewTokens, seed: seed * 2 ** 24, signal },
  });
  const parameters = model.model.parameterCount;
  for (const each of [model, opponent]) each.model.dispose();
  const [{ prompt, a }] = samples as [(typeof samples)[number]];
  return { parameters, winRate, gold: means.a.mean, sample: prompt + a.text };
}
