// Stage 4, in the worker: PPO moves a copy of the writer towards what the reward model likes, and the gold reward looks on.

import type { Device } from '../../src/index.ts';
import type { Folder } from '../../src/io/folder.ts';
import type { MetricRecord } from '../../src/io/metrics.ts';
import { trainable } from '../../src/llm/trainable.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { TUNING_DEFAULTS } from '../../src/posttrain/policy_base.ts';
import {
  type AnswerEvaluation,
  type PostTrainResult,
  postTrain,
} from '../../src/posttrain/post_train.ts';
import { normalisedReward, rewardModelReward } from '../../src/posttrain/reward_adapters.ts';
import { RLHF_DEFAULTS, rlhf } from '../../src/posttrain/rlhf.ts';
import { goldReward, storyTasks } from '../../src/posttrain/story_world.ts';
import type { Engine } from '../shared/engine.ts';
import type { MovePoint, MoveSettings, Report, ShownSample } from './protocol.ts';
import type { Reward } from './reward.ts';
import type { Story } from './story.ts';

const POLICY = 'policy';
const PROMPTS = 1024;
/** Held-out prompts whose answers are shown, and scored as the policy changes. */
const HELD_OUT = 6;
const EVALUATIONS = 4;
const UPDATES = 2;
const LEARNING_RATE = { small: 2e-3, large: 1e-3 };

export interface MoveOptions {
  readonly settings: MoveSettings;
  readonly reward: Reward;
  readonly folder: Folder | null;
  readonly resume: boolean;
}

export async function move(
  device: Device,
  { base, scale, settings: { seed, small } }: Story,
  { settings, reward, folder, resume }: MoveOptions,
  { report, note, signal, turn }: Engine<Report>,
): Promise<PostTrainResult> {
  const { model, tokenizer, ends, promptTokens, maxNewTokens } = base;
  const { rank, alpha, targets } = TUNING_DEFAULTS;
  const lora = { kind: 'lora', rank, alpha, targets } as const;
  trainable(model, new Initialiser(device, seed), lora, POLICY);
  const { beta, rollouts, answers } = settings;
  const prompts = storyTasks({ seed, count: PROMPTS });
  const tasks = (rollout: number) =>
    Array.from({ length: answers }, (_, i) => prompts[(rollout * answers + i) % PROMPTS]!);
  const learned = rewardModelReward(device, reward.rewardModel, { name: 'learned' });
  // Of no weight: it is measured, and nothing is learned from it.
  const gold = { ...normalisedReward(goldReward, scale), weight: 0 };
  const rewards = [learned, gold];
  const made = rlhf(
    device,
    {
      ...{ codec: tokenizer, tasks, rewards, promptTokens, ends },
      policy: { model, adapter: POLICY },
      reference: { model, adapter: null },
    },
    {
      ...RLHF_DEFAULTS,
      ...{ seed, beta, answers, maxNewTokens, epochs: UPDATES, schedule: 'constant' },
      learningRate: small ? LEARNING_RATE.small : LEARNING_RATE.large,
    },
  );
  const heldOut = storyTasks({ seed, set: 1, count: HELD_OUT });
  const every = Math.ceil(rollouts / EVALUATIONS);
  let before: AnswerEvaluation['samples'] = [];
  const show = ({ step, samples }: AnswerEvaluation) =>
    report({ type: 'samples', step, samples: beside(before, samples) });
  try {
    return await postTrain(device, {
      ...made,
      about: { method: 'rlhf', settings: { seed, ...settings, labels: reward.learned.labels } },
      plan: { iterations: rollouts, evaluateEvery: every, checkpointEvery: every },
      codec: tokenizer,
      heldOut: { tasks: heldOut, rewards, maxNewTokens, ends, seed },
      ...{ folder, resume, signal, onNote: note },
      onStart(start) {
        before = start.before!.samples;
        show(start.before!);
      },
      async onProgress({ step, metrics, evaluation }) {
        report({ type: 'moved', steps: rollouts, point: pointOf({ step, ...metrics }) });
        if (evaluation) show(evaluation);
        await turn();
      },
    });
  } finally {
    made.learner.dispose();
  }
}

/** A line of a run's metrics as a point of its curves. */
export function pointOf(record: MetricRecord): MovePoint {
  const number = (name: string) => Number(record[name]);
  return {
    step: number('step'),
    learned: number('reward/learned'),
    gold: number('reward/gold'),
    kl: number('kl'),
    length: number('length'),
  };
}

const beside = (
  before: AnswerEvaluation['samples'],
  after: AnswerEvaluation['samples'],
): ShownSample[] =>
  after.map(({ prompt, text }, i) => ({ prompt, before: before[i]!.text, after: text }));
