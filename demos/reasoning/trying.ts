// Reinforcement learning with verifiable rewards, in the worker: groups of answers to one problem, 1 for each right one, GRPO.

import type { Device } from '../../src/index.ts';
import type { Folder } from '../../src/io/folder.ts';
import { GRPO_DEFAULTS, grpo } from '../../src/posttrain/grpo.ts';
import { type PostTrainResult, postTrain } from '../../src/posttrain/post_train.ts';
import { drawingOf, type ReasoningTask } from '../../src/posttrain/reasoning_world.ts';
import { rolloutTasks } from '../../src/posttrain/tasks/rollout_tasks.ts';
import { correctness } from '../../src/posttrain/verifiable.ts';
import type { Engine } from '../shared/engine.ts';
import type { Draw } from './points.ts';
import type { Report } from './protocol.ts';
import { groupsOf, isRight, measure, type Solver } from './solver.ts';

const EVALUATIONS = 8;
const SHOWN = 4;

export async function learnFromTries(
  device: Device,
  solver: Solver,
  { folder, resume }: { readonly folder: Folder | null; readonly resume: boolean },
  { report, note, signal, turn }: Engine<Report>,
  show: Draw,
): Promise<PostTrainResult> {
  const { settings, world, model, ends } = solver;
  const { seed, rollouts, prompts, groupSize, learningRate, budget } = settings;
  const { draw, promptTokens, maxNewTokens } = drawingOf(world, 'buffer', budget);
  const made = grpo<ReasoningTask>(
    device,
    {
      ...{ codec: world.tokenizer, draw, promptTokens, ends },
      ...{ policy: { model, adapter: null }, reference: null },
      rewards: [correctness('right', isRight)],
      tasks: rolloutTasks(world.toTry, { seed, prompts, groupSize }),
    },
    {
      ...GRPO_DEFAULTS,
      ...{ seed, answers: prompts * groupSize, groupSize, learningRate, maxNewTokens, beta: 0 },
      ...{ loss: 'dr_grpo', scale: 'none' },
    },
  );
  const every = Math.ceil(rollouts / EVALUATIONS);
  const look = async (step: number) =>
    show({ type: 'measured', step, ...(await measure(device, solver)).measured });
  if (!resume) await look(0);
  try {
    return await postTrain<ReasoningTask>(device, {
      ...made,
      about: { method: 'grpo', settings: { ...settings } },
      plan: { iterations: rollouts, evaluateEvery: rollouts, checkpointEvery: every },
      codec: world.tokenizer,
      heldOut: null,
      ...{ folder, resume, signal, onNote: note },
      async onProgress({ step, metrics }) {
        const { answers } = made.collector;
        const groups = groupsOf(answers, groupSize, world);
        const count = (of: (right: number) => boolean) =>
          groups.filter(({ attempts }) => of(attempts.filter(({ right }) => right).length)).length;
        report({ type: 'groups', groups: groups.slice(0, SHOWN) });
        await show({
          ...{ type: 'rollout', step, right: metrics.score! },
          allRight: count((right) => right === groupSize),
          noneRight: count((right) => right === 0),
        });
        if (step % every === 0 || step === rollouts) await look(step);
        await turn();
      },
    });
  } finally {
    made.learner.dispose();
  }
}
