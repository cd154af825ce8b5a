// The stages of a story, off the page's thread: the same functions that `shadegrad train`, `label`, `reward` and `rlhf` call.

import type { Device } from '../../src/index.ts';
import { type Folder, subfolder } from '../../src/io/folder.ts';
import { readMetrics } from '../../src/io/metrics.ts';
import { LABELLER_DEFAULTS, type Label, labelPairs } from '../../src/posttrain/labeller.ts';
import { type Engine, serve } from '../shared/engine.ts';
import { savedSettings, savedStep } from '../shared/saved_settings.ts';
import { move, pointOf } from './move.ts';
import { type Pair, preferenceLine, shown } from './pairs.ts';
import type { Command, MoveSettings, Report } from './protocol.ts';
import { learnReward } from './reward.ts';
import { SAVED_MOVE_CHECKS } from './settings.ts';
import { addLabel, beginStory, resumeStory, type Story } from './story.ts';

/** The story under way, and the pair that waits for its label. */
let story: Story | null = null;
let waiting: Pair | null = null;
/** Policies that have been moved, or begun to. */
let moves = 0;

serve<Command, Report>(async (command, device, engine) => {
  if (command.type === 'start') return start(device, engine, command);
  if (!story) return 'There is no writer yet.';
  switch (command.type) {
    case 'choose':
      return choose(story, engine, command.label);
    case 'simulate':
      return simulate(story, engine, command);
    case 'learn':
      story.reward = await learnReward(device, story, command.taste, engine);
      return story.reward ? 'The reward model has learned.' : 'Stopped: no reward model.';
    case 'move':
      return moveNew(device, story, engine, command.settings);
  }
});

async function start(
  device: Device,
  engine: Engine<Report>,
  { settings, folder, resume }: Extract<Command, { type: 'start' }>,
): Promise<string> {
  if (resume && folder) {
    story = await resumeStory(device, folder, engine);
    await ask(story, engine);
    return (await continueMoves(device, story, engine)) ?? 'The story goes on.';
  }
  story = await beginStory(device, settings, folder, engine);
  await ask(story, engine);
  return 'The writer is ready: which of its stories do you like better?';
}

/** Shows the next pair. */
async function ask(from: Story, { report }: Engine<Report>): Promise<void> {
  waiting = await from.nextPair();
  report({ type: 'pair', pair: shown(waiting) });
}

async function choose(to: Story, engine: Engine<Report>, label: Label): Promise<string> {
  await take(to, engine, label);
  return `${to.labels.length} ${to.labels.length === 1 ? 'label' : 'labels'}.`;
}

/** The waiting pair gets its label, and the next one waits. */
async function take(to: Story, engine: Engine<Report>, label: Label): Promise<void> {
  const pair = shown(waiting!);
  const line = preferenceLine(pair, label);
  await addLabel(to, line);
  engine.report({ type: 'label', label, pair, line });
  await ask(to, engine);
}

/** The labeller that goes by the gold reward, with its noise. */
async function simulate(
  to: Story,
  engine: Engine<Report>,
  { count, taste }: Extract<Command, { type: 'simulate' }>,
): Promise<string> {
  const { signal, turn } = engine;
  const labeller = { ...LABELLER_DEFAULTS, ...taste, seed: to.settings.seed };
  let labelled = 0;
  for (; labelled < count && !signal.aborted; labelled++) {
    const [label] = labelPairs([waiting!.gold], labeller, { first: to.labels.length });
    await take(to, engine, label!);
    await turn();
  }
  return `The simulated labeller has labelled ${labelled} pairs.`;
}

async function moveNew(
  device: Device,
  of: Story,
  engine: Engine<Report>,
  settings: MoveSettings,
): Promise<string> {
  const { reward } = of;
  if (!reward) return 'There is no reward model yet.';
  engine.report({ type: 'move', settings });
  const folder = of.folder && moveFolder(of.folder, ++moves);
  const options = { settings, reward, folder, resume: false };
  return ended(await move(device, of, options, engine));
}

const ended = ({ steps, stopped }: { steps: number; stopped: boolean }) =>
  `${stopped ? 'Stopped' : 'Moved'} after ${steps} rollouts.`;

const moveFolder = (folder: Folder, number: number) => subfolder(folder, `policy-${number}`);

/** Shows what a saved story has moved, and goes on with the last where it has not ended; null where it has. */
async function continueMoves(
  device: Device,
  of: Story,
  engine: Engine<Report>,
): Promise<string | null> {
  const { folder, reward } = of;
  if (!folder || !reward) return null;
  const numbers = await movesIn(folder);
  moves = numbers.at(-1) ?? 0;
  for (const number of numbers) {
    const at = moveFolder(folder, number);
    const { labels, ...settings } = await savedSettings(at, SAVED_MOVE_CHECKS);
    const step = await savedStep(at);
    const goesOn = number === moves && step < settings.rollouts;
    if (step === 0 && !goesOn) continue;
    engine.report({ type: 'move', settings });
    // A run that was killed has logged more than it has saved.
    const points = (await readMetrics(at)).map(pointOf).filter((point) => point.step <= step);
    for (const point of points) engine.report({ type: 'moved', point, steps: settings.rollouts });
    if (!goesOn) continue;
    if (labels !== reward.learned.labels) return NEWER_REWARD;
    const options = { settings, reward, folder: at, resume: step > 0 };
    return ended(await move(device, of, options, engine));
  }
  return null;
}

const NEWER_REWARD =
  'The story goes on. Its last policy stays where it was stopped: since then the reward model has learned again.';

/** The numbers of a story's moves, the oldest first. */
async function movesIn(folder: Folder): Promise<number[]> {
  const found = (await folder.list('')).map((name) => Number(/^policy-(\d+)$/.exec(name)?.[1]));
  return found.filter((number) => !Number.isNaN(number)).sort((a, b) => a - b);
}
