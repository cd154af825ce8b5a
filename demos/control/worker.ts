// The training itself, off the page's thread: the same `trainAgent` that the command calls, and an environment to watch.

import { type Device, ShadegradError } from '../../src/index.ts';
import type { Folder } from '../../src/io/folder.ts';
import { findCheckpoints } from '../../src/io/manifest.ts';
import { type MetricRecord, readMetrics } from '../../src/io/metrics.ts';
import { anchorLines, makeEnvironment } from '../../src/rl/registry.ts';
import { readAgentRun } from '../../src/rl/run.ts';
import {
  type AgentProgress,
  type AgentResult,
  type AgentStart,
  trainAgent,
} from '../../src/rl/train_agent.ts';
import { type WatchedFrame, watchEpisodes } from '../../src/rl/watch.ts';
import { type Engine, serve } from '../shared/engine.ts';
import { savingTo } from '../shared/saving.ts';
import { GAMES } from './games.ts';
import {
  type Agent,
  type Begun,
  type Command,
  FRAMES_PER_SECOND,
  type Point,
  type Report,
} from './protocol.ts';
import { hasAlgorithm } from './settings.ts';

serve<Command, Report>((command, device, engine) => train(device, engine, command));

/** Of the environment that is drawn: not one of those that are learned from. */
const WATCHED_SEED = 2 ** 31;

async function train(
  device: Device,
  { report, note, signal, turn }: Engine<Report>,
  { folder: path, resume, algorithm, environment, settings }: Command,
): Promise<string> {
  const folder = await savingTo(path, note);
  // A run that was lost before its first checkpoint begins anew.
  const goesOn = resume && folder !== null && (await findCheckpoints(folder)).length > 0;
  const saved = goesOn ? await readAgentRun(folder) : null;
  const about = saved ?? { algorithm, environment, settings };
  refuseForeign(about);
  const past = goesOn ? await pastOf(folder) : [];
  let stage = null as Stage | null;
  const result = await trainAgent(device, {
    ...about,
    ...{ folder, resume: goesOn, signal, onNote: note },
    onStart(start) {
      report({ type: 'begun', begun: begunOf(about, start, past) });
      stage = new Stage(device, about.environment, start);
    },
    async onProgress(progress) {
      const { episodes, stepsPerSecond, step, steps } = progress;
      const point = pointOf(progress);
      report({ type: 'progress', point, episodes: episodes.length, stepsPerSecond });
      const frames = await (step >= steps ? stage!.whole() : stage!.due());
      report({ type: 'frames', frames });
      await turn();
    },
  });
  await stage?.close();
  return statusOf(result);
}

/** @throws ShadegradError for a run of the command line that the page could not show. */
function refuseForeign({ algorithm, environment }: Agent): void {
  const foreign = !Object.hasOwn(GAMES, environment)
    ? `is of ${environment}, a world`
    : hasAlgorithm(algorithm)
      ? null
      : `learns by ${algorithm}, an algorithm`;
  if (foreign)
    throw new ShadegradError(
      `this run ${foreign} that this page does not have; download it, unpack it as RUN, and "shadegrad rl --resume --out RUN" goes on with it`,
    );
}

/** Plays as many frames as time has passed, so that the page shows them while the next come. */
class Stage {
  private readonly frames: AsyncGenerator<WatchedFrame>;
  private last = performance.now();
  private owed = FRAMES_PER_SECOND / 2;

  constructor(device: Device, environment: string, { learner, settings }: AgentStart) {
    const seed = settings.seed + WATCHED_SEED;
    this.frames = watchEpisodes(device, learner.model, makeEnvironment(environment), { seed });
  }

  async due(): Promise<WatchedFrame[]> {
    const now = performance.now();
    this.owed += ((now - this.last) / 1000) * FRAMES_PER_SECOND;
    this.last = now;
    const count = Math.min(Math.floor(this.owed), MOST_FRAMES);
    this.owed = Math.min(this.owed - count, 1);
    const played: WatchedFrame[] = [];
    while (played.length < count) played.push((await this.frames.next()).value);
    return played;
  }

  /** The next episode from its beginning. */
  async whole(): Promise<WatchedFrame[]> {
    const played: WatchedFrame[] = [];
    for await (const frame of this.frames) {
      if (frame.step === 0 || played.length > 0) played.push(frame);
      if (played.length === LONGEST_EPISODE || (frame.end && played.length > 0)) break;
    }
    return played;
  }

  close() {
    return this.frames.return(undefined);
  }
}

/** Of a turn that took long: training waits for them. */
const MOST_FRAMES = 150;
const LONGEST_EPISODE = 500;

function begunOf(
  { algorithm, environment }: Agent,
  { settings, steps, step }: AgentStart,
  logged: readonly Point[],
): Begun {
  const levels = anchorLines(environment).map(({ label, y }) => ({ label, value: y }));
  // A run that was killed has logged more than it has saved.
  const past = logged.filter((point) => point.step <= step);
  return { algorithm, environment, settings, steps, levels, past };
}

const pointOf = ({ step, return: mean, metrics }: AgentProgress): Point => ({
  step,
  return: mean,
  entropy: metrics.entropy ?? null,
  kl: metrics.approxKl ?? null,
});

/** What a run that goes on has logged. */
async function pastOf(folder: Folder): Promise<Point[]> {
  const number = (record: MetricRecord, key: string) =>
    typeof record[key] === 'number' ? record[key] : null;
  return (await readMetrics(folder)).map((record) => ({
    step: number(record, 'step') ?? 0,
    return: number(record, 'return'),
    entropy: number(record, 'entropy'),
    kl: number(record, 'approxKl'),
  }));
}

function statusOf({ stopped, steps, evaluation }: AgentResult): string {
  const how = `${stopped ? 'Stopped' : 'Done'} after ${steps.toLocaleString('en')} steps.`;
  if (!evaluation) return how;
  const { mean, std, returns } = evaluation;
  return `${how} Return ${mean.toFixed(1)} ± ${std.toFixed(1)} in ${returns.length} episodes of the likeliest actions.`;
}
