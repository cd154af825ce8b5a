// report.html of the DAgger experiment: returns by seed, and PPO from a clone against PPO from scratch.

import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Report } from '../io/report.ts';
import type { DaggerExperimentSettings, DaggerResults } from './dagger_experiment.ts';
import { signFlipTest } from './sign_flip.ts';

export interface DaggerSummary {
  readonly cloning: MeanInterval;
  readonly dagger: MeanInterval;
  /** Of "DAgger is better", by pairs of one seed. */
  readonly p: number;
  readonly noisyExpert: MeanInterval;
  readonly noisyClone: MeanInterval;
  /** Steps to the threshold. */
  readonly fromClone: MeanInterval;
  readonly fromScratch: MeanInterval;
}

export function summarise({ imitation, clones, starts }: DaggerResults): DaggerSummary {
  const means = (method: 'cloning' | 'dagger') =>
    imitation.filter((each) => each.method === method).map(({ mean }) => mean);
  const steps = (from: 'clone' | 'scratch') =>
    meanInterval(starts.filter((start) => start.from === from).map(({ steps }) => steps));
  return {
    cloning: meanInterval(means('cloning')),
    dagger: meanInterval(means('dagger')),
    p: signFlipTest(means('dagger'), means('cloning')),
    noisyExpert: meanInterval(clones.map(({ expert }) => expert)),
    noisyClone: meanInterval(clones.map(({ clone }) => clone)),
    fromClone: steps('clone'),
    fromScratch: steps('scratch'),
  };
}

/** `412.3 ± 20.1`. */
export const shown = ({ mean, margin }: MeanInterval, digits = 1): string =>
  `${mean.toFixed(digits)}${Number.isFinite(margin) ? ` ± ${margin.toFixed(digits)}` : ''}`;

export function daggerReport(
  results: DaggerResults,
  { environment, rounds, labels, threshold, noise }: DaggerExperimentSettings,
): Omit<Report, 'settings'> {
  const { imitation, clones, starts } = results;
  const found = summarise(results);
  const total = rounds * labels;
  return {
    title: 'Imitation: cloning, DAgger, and PPO from a clone',
    subtitle: `${environment}, a scripted expert, ${total} labels each`,
    summary: [
      ['cloning', shown(found.cloning)],
      ['DAgger', shown(found.dagger)],
      ['p, by pairs of seeds', found.p.toFixed(4)],
      [`expert, ${100 * noise} % at random`, shown(found.noisyExpert)],
      ['its clone', shown(found.noisyClone)],
      [`PPO to ${threshold} from the clone, steps`, shown(found.fromClone, 0)],
      [`PPO to ${threshold} from scratch, steps`, shown(found.fromScratch, 0)],
    ],
    plots: [
      {
        title: `Return after ${total} labels`,
        xLabel: 'seed',
        yLabel: 'mean return',
        fromZero: true,
        series: (['cloning', 'dagger'] as const).map((method) => {
          const own = imitation.filter((each) => each.method === method);
          return {
            label: method === 'dagger' ? 'DAgger' : 'cloning',
            x: own.map(({ seed }) => seed),
            y: own.map(({ mean }) => mean),
            points: true,
          };
        }),
      },
      {
        title: 'PPO from a clone of a noisy expert, and from scratch',
        xLabel: 'environment steps',
        yLabel: 'mean return of 20 episodes',
        fromZero: true,
        series: starts.map(({ seed, from, curve }) => {
          const known = curve.filter(({ mean }) => mean !== null);
          return {
            label: `${from === 'clone' ? 'from the clone' : 'from scratch'}, seed ${seed}`,
            x: known.map(({ step }) => step),
            y: known.map(({ mean }) => mean!),
            faint: from === 'scratch',
          };
        }),
      },
    ],
    tables: [
      {
        title: 'Noisy experts and their clones; steps of PPO until the threshold',
        columns: ['seed', 'expert', 'clone', 'from the clone', 'from scratch'],
        rows: clones.map(({ seed, expert, clone }) => [
          seed,
          expert.toFixed(1),
          clone.toFixed(1),
          ...(['clone', 'scratch'] as const).map((from) => {
            const start = starts.find((each) => each.seed === seed && each.from === from)!;
            return `${start.reached ? '' : 'over '}${start.steps}`;
          }),
        ]),
      },
    ],
    samples: [],
  };
}
