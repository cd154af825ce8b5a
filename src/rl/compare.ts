// Runs beside each other: those that differ in nothing but the seed make one curve, the mean with its 95 % interval.

import { CheckpointError, ConfigError } from '../errors.ts';
import { differences } from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import { readMetrics } from '../io/metrics.ts';
import { type PlotLibrary, type ReportSeries, renderReport } from '../io/report.ts';
import { anchorLines, environmentEntry } from './registry.ts';
import { type AboutRun, readAgentRun } from './run.ts';

export interface ComparedRun extends AboutRun {
  /** Environment steps, and the mean return of the last 100 episodes there. */
  readonly curve: { readonly x: readonly number[]; readonly y: readonly number[] };
}

export interface ComparedGroup {
  /** What it is, as far as it differs from the others. */
  readonly label: string;
  readonly seeds: readonly number[];
  readonly steps: readonly number[];
  readonly returns: readonly MeanInterval[];
  /** Of the last 100 episodes of training. */
  readonly final: MeanInterval;
}

export interface Comparison {
  readonly environment: string;
  readonly groups: readonly ComparedGroup[];
}

const POINTS = 200;

/** A run's settings and curve. @throws CheckpointError where the folder holds no agent's run, or one without episodes */
export async function readComparedRun(folder: Folder): Promise<ComparedRun> {
  const about = await readAgentRun(folder);
  if (!about) throw new CheckpointError(`${folder.location} holds no agent's run`);
  const points = (await readMetrics(folder)).filter((record) => typeof record.return === 'number');
  if (points.length === 0)
    throw new CheckpointError(`${folder.location}: no episode has ended in this run yet`);
  const x = points.map((record) => record.step as number);
  const y = points.map((record) => record.return as number);
  return { ...about, curve: { x, y } };
}

/** @throws ConfigError where there are none, or they are of several environments */
export function compareRuns(runs: readonly ComparedRun[]): Comparison {
  const environments = [...new Set(runs.map(({ environment }) => environment))];
  const [environment] = environments;
  if (environment === undefined || environments.length > 1)
    throw new ConfigError(
      `compare: expected runs in one environment, got ${environments.join(', ') || 'none'}`,
    );
  const groups = new Map<string, ComparedRun[]>();
  for (const run of runs) {
    const key = JSON.stringify(identity(run));
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const members = [...groups.values()];
  return {
    environment,
    groups: members.map((group) =>
      groupOf(
        group,
        labelOf(
          group[0]!,
          members.map(([one]) => one!),
        ),
      ),
    ),
  };
}

/** All that makes a run what it is, but for its seed and for when it reports. */
function identity({ algorithm, settings }: AboutRun): { algorithm: string; settings: object } {
  const { seed, evaluationEpisodes, checkpointEvery, ...rest } = settings;
  return { algorithm, settings: rest };
}

/** The algorithm, and the settings in which runs of it differ. */
function labelOf(run: ComparedRun, all: readonly ComparedRun[]): string {
  const own = identity(run).settings as Record<string, unknown>;
  const others = all.filter(({ algorithm }) => algorithm === run.algorithm);
  const names = new Set(others.flatMap((other) => differences(own, identity(other).settings)));
  const told = [...names].map((name) => `${name}=${JSON.stringify(own[name])}`);
  return [run.algorithm, ...told].join(' ');
}

function groupOf(runs: readonly ComparedRun[], label: string): ComparedGroup {
  const first = Math.max(...runs.map(({ curve }) => curve.x[0]!));
  const last = Math.min(...runs.map(({ curve }) => curve.x.at(-1)!));
  const steps = Array.from(
    { length: POINTS },
    (_, i) => first + ((last - first) * i) / (POINTS - 1),
  );
  const curves = runs.map(({ curve }) => resampled(curve, steps));
  const returns = steps.map((_, i) => meanInterval(curves.map((curve) => curve[i]!)));
  return {
    label,
    seeds: runs.map(({ settings }) => settings.seed),
    steps,
    returns,
    final: returns.at(-1)!,
  };
}

/** Straight between the points; both rise. */
function resampled({ x, y }: ComparedRun['curve'], steps: readonly number[]): number[] {
  let i = 0;
  return steps.map((step) => {
    while (i < x.length - 2 && x[i + 1]! < step) i++;
    const width = (x[i + 1] ?? x[i]!) - x[i]!;
    if (width === 0) return y[i]!;
    const share = Math.min(1, Math.max(0, (step - x[i]!) / width));
    return y[i]! + share * (y[i + 1]! - y[i]!);
  });
}

/** The page: the curves between the lines of the random, the scripted and the optimal policy. */
export function comparisonReport(
  { environment, groups }: Comparison,
  plots: PlotLibrary,
): Promise<string> {
  const { about } = environmentEntry(environment);
  const lines = anchorLines(environment);
  const series = groups.flatMap(({ label, steps, returns, seeds }): ReportSeries[] => {
    const bound = (sign: number) => returns.map(({ mean, margin }) => mean + sign * margin);
    const faint = (name: string, y: number[]) => ({ label: name, x: steps, y, faint: true });
    const interval = [faint(`${label}, lower`, bound(-1)), faint(`${label}, upper`, bound(1))];
    const mean = { label, x: steps, y: returns.map(({ mean }) => mean) };
    return seeds.length > 1 ? [...interval, mean] : [mean];
  });
  return renderReport(
    {
      title: environment,
      subtitle: `${about}; the mean of the last 100 episodes, over seeds, with its 95 % interval`,
      summary: lines.map(({ label, y }) => [label, y] as const),
      plots: [{ title: 'Return', xLabel: 'environment steps', yLabel: 'return', series, lines }],
      tables: [
        {
          title: 'At the end',
          columns: ['run', 'seeds', 'return', '± (95 %)'],
          rows: groups.map(({ label, seeds, final }) => [
            label,
            seeds.join(', '),
            Number(final.mean.toFixed(2)),
            seeds.length > 1 ? Number(final.margin.toFixed(2)) : 'one seed',
          ]),
        },
      ],
      samples: [],
      settings: {},
    },
    plots,
  );
}
