// The middle stages: what people prefer (here, a simulated one), a reward model of it, and PPO against that.

import { DataError } from '../../errors.ts';
import { subfolder } from '../../io/folder.ts';
import { decodeUtf8 } from '../../io/json.ts';
import { columnOf, type MetricRecord, readMetrics } from '../../io/metrics.ts';
import { sha256OfModel } from '../../llm/finetune_run.ts';
import { openRunLog } from '../../llm/run_log.ts';
import { loadRun } from '../../llm/saved_model.ts';
import { exampleBatches } from '../../llm/supervised.ts';
import { drawInParts } from '../answers.ts';
import { judge } from '../judge.ts';
import { bayesCeiling, LABELLER_DEFAULTS, labelPairs } from '../labeller.ts';
import { openPolicyBase, TUNING_DEFAULTS } from '../policy_base.ts';
import { postTrain } from '../post_train.ts';
import { encodePreferences, readPreferences } from '../preferences.ts';
import { rewardModelReward } from '../reward_adapters.ts';
import { loadRewardModel, saveRewardModel } from '../reward_file.ts';
import { REWARD_DEFAULTS } from '../reward_settings.ts';
import { createRewardModel, trainRewardModel } from '../reward_training.ts';
import { scoreAnswers } from '../rewards.ts';
import { RLHF_DEFAULTS, rlhf } from '../rlhf.ts';
import { STORY_END } from '../story_world.ts';
import { ANSWER_TOKENS, CONTEXT, PROMPT_TOKENS } from './language_stages.ts';
import type { PipelineSettings } from './settings.ts';
import type { Curve, Stage, StageContext } from './stage.ts';
import { askedFor, goldStory, instructionFollowed, storyInstructions } from './world.ts';

const FILES = { train: 'pairs.jsonl', heldOut: 'held-out.jsonl' } as const;

const TEMPLATE = 'document';

/** Two answers to each instruction, and which of them a labeller chose. */
const preferences: Stage = {
  name: 'preferences',
  about: 'two answers to each instruction, and which one a labeller prefers',
  needs: ['finetune'],
  async run(context) {
    const { device, settings, folder, folderOf, signal, onProgress } = context;
    const { seed, pairs, heldOutPairs, labelTemperature, labelFlips } = settings;
    const { model, tokenizer } = await loadRun(device, folderOf('finetune'));
    try {
      const ends = [...tokenizer.encode(STORY_END, { specials: 'allow' })];
      const tasks = storyInstructions(seed, 'preferences', pairs + heldOutPairs);
      const twice = tasks.flatMap((task) => [task, task]);
      const drawing = { maxNewTokens: ANSWER_TOKENS, ends, seed: seed * 2 ** 24, signal };
      onProgress(0, `drawing ${twice.length} answers`);
      const answers = await drawInParts(
        device,
        { model, adapter: null },
        tokenizer,
        twice,
        drawing,
      );
      const { totals } = await scoreAnswers([goldStory], answers);
      // Of an empty answer there is nothing to learn; and text that is read again may have other tokens than it was drawn in.
      const usable = ({ task, text }: (typeof answers)[number]) =>
        text !== '' && tokenizer.encode(task.prompt + text).length < CONTEXT; // the end takes one
      const gold = tasks.map((_, i) => [totals[2 * i]!, totals[2 * i + 1]!] as const);
      const labeller = {
        ...LABELLER_DEFAULTS,
        temperature: labelTemperature,
        flips: labelFlips,
        seed,
      };
      const labels = labelPairs(gold, labeller);
      const lines = tasks.map(({ prompt }, i) => {
        const [a, b] = [answers[2 * i]!, answers[2 * i + 1]!];
        if (!usable(a) || !usable(b)) return '';
        return `${JSON.stringify({ prompt, a: a.text, b: b.text, label: labels[i] })}\n`;
      });
      const write = (name: string, some: readonly string[]) => {
        if (some.some((line) => line !== ''))
          return folder.write(name, new TextEncoder().encode(some.join('')));
        throw new DataError(
          `none of ${some.length} pairs of answers can be used: all are empty or too long to be read again; train the model longer`,
        );
      };
      await write(FILES.train, lines.slice(0, pairs));
      await write(FILES.heldOut, lines.slice(pairs));
      const decided = gold.flatMap(([a, b], i) => (a === b ? [] : [(labels[i] === 'A') === a > b]));
      return {
        figures: [
          {
            ...{ name: 'labels that agree with the truth', unit: 'share', better: 'higher' },
            ...{ before: 0.5, after: decided.filter(Boolean).length / decided.length },
            bound: {
              value: bayesCeiling(
                gold.filter(([a, b]) => a !== b),
                labeller,
              ),
              what: 'as the labeller is on average',
            },
          },
        ],
        samples: lines.slice(0, 2).map((_, i) => ({
          title: `${tasks[i]!.prompt.trim()} the labeller prefers ${labels[i]}`,
          text: `A: ${answers[2 * i]!.text}\nB: ${answers[2 * i + 1]!.text}`,
        })),
      };
    } finally {
      model.dispose();
    }
  },
};

const reward: Stage = {
  name: 'reward',
  about: 'a reward model of the preferences (Bradley and Terry)',
  needs: ['finetune', 'preferences'],
  async run(context) {
    const { device, settings, folder, folderOf, resume, signal, onProgress } = context;
    const { seed, rank, rewardBatch: batch, rewardLearningRate: learningRate } = settings;
    const source = folderOf('finetune');
    const { model, tokenizer } = await loadRun(device, source);
    try {
      const read = async (name: string) => {
        const text = decodeUtf8(await folderOf('preferences').read(name), name);
        const options = { tokenizer, template: TEMPLATE, context: CONTEXT };
        return encodePreferences(readPreferences(text, name).preferences, options);
      };
      const [train, heldOut] = [await read(FILES.train), await read(FILES.heldOut)];
      const every = Math.ceil(train.length / batch / 4);
      const tuned = {
        ...REWARD_DEFAULTS,
        ...{
          seed,
          rank,
          alpha: 2 * rank,
          targets: [...TUNING_DEFAULTS.targets],
          batch,
          learningRate,
        },
        ...{
          template: TEMPLATE as typeof REWARD_DEFAULTS.template,
          evaluateEvery: every,
          checkpointEvery: every,
        },
      };
      // What the fine-tuned model answers has mean 0 and variance 1.
      const reference = heldOut.map(({ promptIds, chosen }) => [...promptIds, ...chosen]);
      const rewardModel = createRewardModel(device, model, tuned);
      const run = await openRunLog(folder, {
        ...{ device, config: tuned, checkpoints: subfolder(folder, 'unfinished'), resume },
      });
      const result = await trainRewardModel(
        device,
        rewardModel,
        { train, heldOut, reference },
        {
          ...{ settings: tuned, run, signal },
          onProgress: ({ step, steps, losses }) =>
            onProgress(step / steps, `loss ${losses.at(-1)!.toFixed(3)}`),
        },
      );
      await run.flush();
      signal.throwIfAborted();
      await saveRewardModel(folder, rewardModel, {
        ...{ base: source.location, baseSha256: await sha256OfModel(model) },
        ...{ data: FILES.train, dataFile: FILES.train, step: result.step, settings: tuned },
        evaluation: result.evaluation,
      });
      const [first, last] = [result.evaluations[0]!, result.evaluations.at(-1)!];
      return {
        figures: [
          {
            ...{ name: 'labels predicted', unit: 'share', better: 'higher' },
            ...{ before: first.metrics!.accuracy!, after: last.metrics!.accuracy! },
            bound: {
              value: await labelCeiling(context),
              what: 'taking the better one by the truth',
            },
          },
        ],
        curves: [
          curve('Reward model', await readMetrics(folder), 'nats per pair', {
            loss: 'training',
            validationLoss: 'held out',
          }),
        ],
      };
    } finally {
      model.dispose();
    }
  },
};

/** How often the held-out labels name what is better by the truth: no reward model can be expected to do better. */
async function labelCeiling({ folderOf }: StageContext): Promise<number> {
  const text = decodeUtf8(await folderOf('preferences').read(FILES.heldOut), FILES.heldOut);
  const { preferences: pairs } = readPreferences(text, FILES.heldOut);
  const scoreOf = async (answer: 'chosen' | 'rejected') => {
    const answers = pairs.map((pair) => {
      const prompt = String(pair.prompt);
      const task = { prompt, story: '', ...askedFor(prompt) };
      return { task, text: pair[answer], promptIds: [], ids: [], finished: true };
    });
    return (await scoreAnswers([goldStory], answers)).totals;
  };
  const [chosen, rejected] = [await scoreOf('chosen'), await scoreOf('rejected')];
  const right = chosen.reduce((sum, r, i) => sum + (Math.sign(r - rejected[i]!) + 1) / 2, 0);
  return right / pairs.length;
}

const optimise: Stage = {
  name: 'rlhf',
  about: 'PPO against the reward model, held to the fine-tuned model by its KL',
  needs: ['finetune', 'reward'],
  async run(context) {
    const { device, settings, folder, folderOf, resume, signal, onProgress } = context;
    const { seed, evaluated, rlhfRollouts: iterations } = settings;
    const source = folderOf('finetune');
    const base = await openPolicyBase(device, source, tuningOf(settings));
    const { model, tokenizer, policy, reference } = base;
    try {
      const rewardModel = await loadRewardModel(device, folderOf('reward'), model);
      const learned = rewardModelReward(device, rewardModel, { name: 'learned' });
      const ends = [...tokenizer.encode(STORY_END, { specials: 'allow' })];
      const take = exampleBatches(storyInstructions(seed, 'instructions', 4096), {
        ...{ seed, batch: settings.rlhfAnswers },
      });
      const { learner, collector } = rlhf(
        device,
        {
          ...{ codec: tokenizer, tasks: take, rewards: [learned], policy, reference, ends },
          promptTokens: PROMPT_TOKENS,
        },
        {
          ...RLHF_DEFAULTS,
          ...{ seed, answers: settings.rlhfAnswers, maxNewTokens: ANSWER_TOKENS },
          ...{ beta: settings.beta, learningRate: settings.rlhfLearningRate, targetKl: 0.02 },
        },
      );
      const tasks = storyInstructions(seed, 'heldOut', evaluated);
      const every = Math.ceil(iterations / 4);
      const result = await postTrain(device, {
        ...{ learner, collector, codec: tokenizer, folder, signal, resume },
        about: { method: 'rlhf', settings },
        checkpoints: subfolder(folder, 'unfinished'),
        plan: { iterations, evaluateEvery: every, checkpointEvery: every },
        heldOut: {
          ...{ tasks, rewards: [goldStory, learned, instructionFollowed], ends },
          maxNewTokens: ANSWER_TOKENS,
        },
        onProgress: ({ step, metrics }) =>
          onProgress(
            step / iterations,
            `reward ${metrics.score!.toFixed(2)}, KL ${metrics.kl!.toFixed(2)}`,
          ),
      });
      signal.throwIfAborted();
      await base.save(folder, { step: result.steps, baseModel: source.location });
      const contestant = { codec: tokenizer, ends };
      const verdict = await judge(
        device,
        { ...contestant, speaker: policy },
        { ...contestant, speaker: reference },
        {
          ...{ tasks, judge: goldStory, maxNewTokens: ANSWER_TOKENS, seed: WIN_SEED },
        },
      );
      const [before, after] = [result.evaluations[0]!, result.evaluations.at(-1)!];
      const scored = (name: string, title: string, unit: string) => ({
        ...{ name: title, unit, better: 'higher' as const },
        ...{ before: before.scores[name]!.mean, after: after.scores[name]!.mean },
        margin: after.scores[name]!.margin,
      });
      const metrics = await readMetrics(folder);
      const { rate, low, high } = verdict.winRate;
      learner.dispose();
      collector.dispose();
      return {
        figures: [
          scored('gold', 'true reward of the stories', 'points'),
          scored('learned', 'learned reward', 'deviations'),
          {
            ...{ name: 'wins over the fine-tuned model, by the truth', unit: 'share' },
            before: 0.5,
            after: rate,
            margin: (high - low) / 2,
            better: 'higher',
          },
          scored('followed', 'instructions followed', 'share'),
        ],
        curves: [
          curve('Reward while PPO learns', metrics, 'mean per answer', {
            score: 'learned, drawn',
            'heldOut/learned': 'learned, held out',
            'heldOut/gold': 'true, held out',
          }),
          curve('KL from the fine-tuned model', metrics, 'nats per answer', { kl: 'KL' }),
        ],
        samples: after.samples.slice(0, 3).map(({ prompt, text }, i) => ({
          title: `${prompt.trim()} fine-tuned, then optimised`,
          text: `${before.samples[i]!.text}\n\n${text}`,
        })),
      };
    } finally {
      model.dispose();
    }
  },
};

/** Of answers that are compared, which nothing was chosen by. */
const WIN_SEED = 2 ** 40;

export function tuningOf({ seed, rank }: PipelineSettings) {
  return { ...TUNING_DEFAULTS, seed, rank, alpha: 2 * rank };
}

/** Columns of a stage's metrics, by key, under their names. */
export function curve(
  title: string,
  metrics: readonly MetricRecord[],
  yLabel: string,
  keys: Readonly<Record<string, string>>,
): Curve {
  const series = Object.entries(keys).map(([key, label]) => ({ label, ...columnOf(metrics, key) }));
  return { title, xLabel: 'steps', yLabel, series: series.filter(({ x }) => x.length > 0) };
}

export const PREFERENCE_STAGES: readonly Stage[] = [preferences, reward, optimise];
