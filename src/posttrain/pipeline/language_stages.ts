// The first stages: a tokenizer, a model of text, and one that answers what it is asked.

import { decodeUtf8 } from '../../io/json.ts';
import { columnOf, readMetrics } from '../../io/metrics.ts';
import { finetune } from '../../llm/finetune.ts';
import { openFinetuneBase } from '../../llm/finetune_base.ts';
import { openFinetuneRun } from '../../llm/finetune_run.ts';
import { FINETUNE_DEFAULTS } from '../../llm/finetune_settings.ts';
import { holdOut, readExamples } from '../../llm/supervised.ts';
import { trainLanguageModel } from '../../llm/train.ts';
import { trainBpe } from '../../text/bpe_train.ts';
import { splitText } from '../../text/corpus.ts';
import { readTokenizer } from '../../text/read_tokenizer.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { evaluateAnswers } from '../evaluate_answers.ts';
import { TUNING_DEFAULTS } from '../policy_base.ts';
import { STORY_END } from '../story_world.ts';
import type { PipelineSettings } from './settings.ts';
import type { Stage, StageContext } from './stage.ts';
import {
  instructionFollowed,
  pretrainingText,
  storyInstructions,
  supervisedProblems,
} from './world.ts';

/** Twice the longest instruction with its story: what a poor model writes takes more tokens when it is read again. */
export const CONTEXT = 128;
/** Of the longest prompt, and a few more. */
export const PROMPT_TOKENS = 12;
/** The longest story has 54. */
export const ANSWER_TOKENS = 60;

const TOKENIZER_FILE = 'tokenizer.json';

const tokenizer: Stage = {
  name: 'tokenizer',
  about: 'byte-level BPE, trained on the text',
  needs: [],
  async run({ settings, folder }) {
    const { train, validation } = splitText(pretrainingText(settings));
    const { seed, vocabularySize } = settings;
    // Instructions are words that the stories lack.
    const asked = storyInstructions(seed, 'instructions', 1000).map(({ prompt }) => prompt);
    const bpe = trainBpe([train, asked.join('\n')], { vocabularySize });
    const json = `${JSON.stringify(bpe.toJSON())}\n`;
    await folder.write(TOKENIZER_FILE, new TextEncoder().encode(json));
    const bytes = new TextEncoder().encode(validation).length;
    const tokens = bpe.encode(validation, { specials: 'allow' }).length;
    const figure = { name: 'bytes in a token', unit: 'bytes', before: 1, after: bytes / tokens };
    return { figures: [{ ...figure, better: 'higher' }] };
  },
};

async function tokenizerOf({ folderOf }: Pick<StageContext, 'folderOf'>): Promise<Tokenizer> {
  const folder = folderOf('tokenizer');
  const what = `${folder.location}/${TOKENIZER_FILE}`;
  return readTokenizer(decodeUtf8(await folder.read(TOKENIZER_FILE), what), what);
}

const pretrain: Stage = {
  name: 'pretrain',
  about: 'a language model from scratch, on stories and sums',
  checkpointsIn: 'results',
  needs: ['tokenizer'],
  async run(context) {
    const { device, settings, folder, resume, signal, onProgress } = context;
    const own = await tokenizerOf(context);
    const { pretrainSteps: steps } = settings;
    const result = await trainLanguageModel(device, {
      text: { name: 'stories and sums', content: pretrainingText(settings) },
      tokenizer: own,
      settings: pretrainSettings(settings),
      folder,
      resume,
      signal,
      onProgress: ({ step, losses }) =>
        onProgress(step / steps, `loss ${losses.at(-1)!.toFixed(3)}`),
    });
    result.model.dispose();
    signal.throwIfAborted();
    const metrics = await readMetrics(folder);
    const figure = {
      ...{ name: 'loss of the next token', unit: 'nats', better: 'lower' as const },
      before: Math.log(own.vocabularySize),
      after: result.bestValLoss!,
    };
    return {
      figures: [figure],
      curves: [
        {
          ...{ title: 'Pre-training', xLabel: 'steps', yLabel: 'nats per token' },
          series: [
            { label: 'training', ...columnOf(metrics, 'loss') },
            { label: 'held out', ...columnOf(metrics, 'validationLoss') },
          ],
        },
      ],
    };
  },
};

function pretrainSettings({ seed, layers, heads, width, ...settings }: PipelineSettings) {
  const { pretrainSteps: steps, pretrainBatch: batch, pretrainLearningRate: rate } = settings;
  return {
    ...{ seed, layers, heads, width, steps, batch, learningRate: rate, context: CONTEXT },
    minLearningRate: rate / 10,
    warmupSteps: Math.min(100, Math.ceil(steps / 10)),
    documentSeparator: STORY_END,
    initialScale: 4,
    evaluateEvery: Math.ceil(steps / 4),
    checkpointEvery: Math.ceil(steps / 4),
    samples: 0,
  };
}

const DATA_FILE = 'data.jsonl';

const supervised: Stage = {
  name: 'finetune',
  about: 'supervised fine-tuning by LoRA, on instructions and sums',
  needs: ['pretrain'],
  async run(context) {
    const { device, settings, folder, folderOf, resume, signal, onProgress } = context;
    const { seed, examples, finetuneSteps: steps, rank, evaluated } = settings;
    const problems = supervisedProblems(settings, examples);
    const text = problems.map((each) => `${JSON.stringify(each)}\n`).join('');
    await folder.write(DATA_FILE, new TextEncoder().encode(text));
    const tuning = {
      ...FINETUNE_DEFAULTS,
      ...{ seed, steps, rank, alpha: 2 * rank, targets: [...TUNING_DEFAULTS.targets] },
      ...{ template: 'document' as const, batch: settings.finetuneBatch },
      ...{ learningRate: settings.finetuneLearningRate, evaluateEvery: Math.ceil(steps / 4) },
      checkpointEvery: Math.ceil(steps / 4),
    };
    const source = folderOf('pretrain');
    const base = await openFinetuneBase(device, source, tuning);
    const { model, tokenizer } = base;
    try {
      const options = { tokenizer, template: tuning.template, context: CONTEXT };
      const data = holdOut(readExamples(text, DATA_FILE, options), tuning.validation);
      const instructions = storyInstructions(seed, 'heldOut', evaluated);
      const ends = [...tokenizer.encode(STORY_END, { specials: 'allow' })];
      const asked = { tasks: instructions, rewards: [instructionFollowed], ends };
      const followedBy = async (adapter: string | null) => {
        const drawing = { ...asked, maxNewTokens: ANSWER_TOKENS };
        const { answers, scores } = await evaluateAnswers(
          device,
          { model, adapter },
          tokenizer,
          drawing,
        );
        return { answers, share: mean(scores.followed!) };
      };
      const before = await followedBy(null);
      const run = await openFinetuneRun(folder, base, {
        ...{ device, settings: tuning, base: source.location, text },
        ...{ data: DATA_FILE, dataFile: DATA_FILE, resume },
      });
      const result = await finetune(device, model, data, {
        ...{ settings: tuning, run, signal },
        onProgress: ({ step, losses }) =>
          onProgress(step / steps, `loss ${losses.at(-1)!.toFixed(3)}`),
      });
      const after = await followedBy(result.adapterName);
      await run.finish(result);
      signal.throwIfAborted();
      const { evaluations } = result;
      return {
        figures: [
          {
            ...{ name: 'loss of answers', unit: 'nats per token', better: 'lower' },
            ...{ before: evaluations[0]!.loss, after: evaluations.at(-1)!.loss },
          },
          {
            ...{ name: 'instructions followed', unit: 'share', better: 'higher' },
            ...{ before: before.share, after: after.share },
          },
        ],
        samples: after.answers.slice(0, 2).map(({ task, text }, i) => ({
          title: `${task.prompt.trim()} before and after fine-tuning`,
          text: `${before.answers[i]!.text}\n\n${text}`,
        })),
      };
    } finally {
      model.dispose();
    }
  },
};

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

export const LANGUAGE_STAGES: readonly Stage[] = [tokenizer, pretrain, supervised];
