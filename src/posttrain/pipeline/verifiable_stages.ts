// The last stages: what can be checked is rewarded, and everything is looked at once more.

import { subfolder } from '../../io/folder.ts';
import { readMetrics } from '../../io/metrics.ts';
import { exampleBatches } from '../../llm/supervised.ts';
import { drawInParts } from '../answers.ts';
import { GRPO_DEFAULTS, GRPO_METHODS, grpo } from '../grpo.ts';
import { passRates } from '../pass_at_k.ts';
import { openPolicyBase } from '../policy_base.ts';
import { postTrain } from '../post_train.ts';
import type { Speaker } from '../speaker.ts';
import { STORY_END } from '../story_world.ts';
import { PROMPT_TOKENS } from './language_stages.ts';
import { curve, tuningOf } from './preference_stages.ts';
import type { Stage } from './stage.ts';
import { ALL_SUMS, HELD_OUT_SUMS, rightSum, sumTasks } from './world.ts';

/** Of a sum: three digits and the end, and some to go wrong with. */
const SUM_TOKENS = 6;
/** Answers to a sum, of which the most frequent one counts. */
const VOTES = 16;

const verifiable: Stage = {
  name: 'verifiable',
  about: 'GRPO on sums, whose answers are checked',
  needs: ['finetune'],
  async run(context) {
    const { device, settings, folder, folderOf, resume, signal, onProgress } = context;
    const { seed, evaluated, groupSize, verifiableRollouts: iterations } = settings;
    const source = folderOf('finetune');
    const base = await openPolicyBase(device, source, tuningOf(settings));
    const { model, tokenizer, policy, reference } = base;
    try {
      const ends = [...tokenizer.encode(STORY_END, { specials: 'allow' })];
      const known = sumTasks(seed, { begin: HELD_OUT_SUMS, end: ALL_SUMS });
      const take = exampleBatches(known, { seed, batch: settings.verifiableAnswers / groupSize });
      const tasks = (rollout: number) =>
        take(rollout).flatMap((task) => Array.from({ length: groupSize }, () => task));
      const { learner, collector } = grpo(
        device,
        {
          ...{ codec: tokenizer, tasks, rewards: [rightSum], policy, reference, ends },
          promptTokens: PROMPT_TOKENS,
        },
        {
          ...GRPO_DEFAULTS,
          ...GRPO_METHODS.dr_grpo,
          ...{ seed, groupSize, answers: settings.verifiableAnswers, maxNewTokens: SUM_TOKENS },
          learningRate: settings.verifiableLearningRate,
        },
      );
      const heldOut = sumTasks(seed, { begin: 0, end: Math.min(evaluated, HELD_OUT_SUMS) });
      const drawing = { maxNewTokens: SUM_TOKENS, ends, seed: 0, signal };
      const rates = async (speaker: Speaker) => {
        const asked = heldOut.flatMap((task) => Array.from({ length: VOTES }, () => task));
        const answers = await drawInParts(device, speaker, tokenizer, asked, drawing);
        const attempts = heldOut.map((task, i) =>
          answers
            .slice(i * VOTES, (i + 1) * VOTES)
            .map(({ text }) => ({ right: text === task.answer, vote: text })),
        );
        return passRates(attempts, [1]);
      };
      const before = await rates(reference);
      const every = Math.ceil(iterations / 4);
      const result = await postTrain(device, {
        ...{ learner, collector, codec: tokenizer, folder, signal, resume },
        about: { method: 'grpo', settings },
        checkpoints: subfolder(folder, 'unfinished'),
        plan: { iterations, evaluateEvery: every, checkpointEvery: every },
        heldOut: { tasks: heldOut, rewards: [rightSum], maxNewTokens: SUM_TOKENS, ends },
        onProgress: ({ step, metrics }) =>
          onProgress(step / iterations, `right ${(100 * metrics.score!).toFixed(0)} %`),
      });
      signal.throwIfAborted();
      const after = await rates(policy);
      await base.save(folder, { step: result.steps, baseModel: source.location });
      const metrics = await readMetrics(folder);
      learner.dispose();
      collector.dispose();
      return {
        figures: [
          {
            ...{ name: 'right sums at the first try', unit: 'share', better: 'higher' },
            ...{ before: before.pass[1]!.mean, after: after.pass[1]!.mean },
            margin: after.pass[1]!.margin,
          },
          {
            ...{ name: `right sums by majority of ${VOTES}`, unit: 'share', better: 'higher' },
            ...{ before: before.majority.mean, after: after.majority.mean },
            margin: after.majority.margin,
          },
        ],
        curves: [
          curve('Right sums while GRPO learns', metrics, 'share', {
            score: 'drawn',
            'heldOut/right': 'held out',
          }),
        ],
      };
    } finally {
      model.dispose();
    }
  },
};

export const VERIFIABLE_STAGES: readonly Stage[] = [verifiable];
