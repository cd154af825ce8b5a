// The third part of the page: how noisy the estimates are, measured round by round as the command `estimators` does.

import type { Device } from '../../src/index.ts';
import type { VarianceResult } from '../../src/rl/estimators_experiment.ts';
import { summarise } from '../../src/rl/estimators_report.ts';
import { returnOf } from '../../src/rl/reinforce.ts';
import { VarianceProbe } from '../../src/rl/variance_probe.ts';
import { type Engine, serve, unlessStopped } from '../shared/engine.ts';
import { BATCHES, probeSettings } from './probe_settings.ts';
import type { Command, Report } from './protocol.ts';

serve<Command, Report>((command, device, engine) => measure(device, engine, command));

async function measure(
  device: Device,
  { report, note, signal, turn }: Engine<Report>,
  { environment, episodes, rounds, seed }: Command,
): Promise<string> {
  await turn();
  note('Running: first a policy and its critic are trained half-way…');
  const { software } = device.adapter;
  const settings = probeSettings({ environment, episodes, software });
  const turnOrStop = async () => {
    await turn();
    signal.throwIfAborted();
  };
  const opened = VarianceProbe.open(device, settings, seed, turnOrStop);
  const probe = await unlessStopped(signal, opened);
  if (!probe) return 'Stopped before there was a policy.';
  note('Running.');
  const found: VarianceResult[] = [];
  let [played, earned] = [0, 0];
  while (found.length < rounds && !signal.aborted) {
    const batches = await probe.play(BATCHES);
    const measured = await probe.measure(batches);
    const returns = batches.flat().map(returnOf);
    played += returns.length;
    earned += returns.reduce((a, b) => a + b, 0);
    found.push({
      seed: found.length,
      return: earned / played,
      variances: measured.map(({ variance }) => variance),
      squaredMeans: measured.map(({ squaredMean }) => squaredMean),
      explained: Number.NaN,
    });
    const summary = summarise({ variances: found, learning: [] });
    report({
      type: 'round',
      round: found.length,
      episodes: played,
      return: earned / played,
      summary,
    });
    await turn();
  }
  probe.dispose();
  return `${signal.aborted ? 'Stopped' : 'Done'} after ${played.toLocaleString('en')} episodes.`;
}
