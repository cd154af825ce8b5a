// report.html of the DAgger experiment: returns by seed, and PPO from a clone against PPO from scratch.

import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Report } from '../io/report.ts';
import type { DaggerExperimentSettings, DaggerResults, Method } from './dagger_experiment.ts';
import { signFlipTest } from './sign_flip.ts';

export interface DaggerSummary {
  readonly cloning: MeanInterval;
  readonly sameStarts: MeanInterval;
  readonly dagger: MeanInterval;
  /** Of "DAgger is better than the clone of one demonstration", by pairs of one seed. */
  readonly p: number;
  /** Of "it is better than the clone with the same starts". */
  readonly pSameStarts: number;
  readonly noisyExpert: MeanInterval;
  readonly noisyClone: MeanInterval;
  /** Steps to the threshold. */
  readonly fromClone: MeanInterval;
  readonly fromScratch: MeanInterval;
  /** Of "it takes more steps from scratch". */
  readonly pScratch: number;
}

export function summarise({ imitation, clones, starts }: DaggerResults): DaggerSummary {
  const means = (method: Method) =>
    imitation.filter((each) => each.method === method).map(({ mean }) => mean);
  const steps = (from: 'clone' | 'scratch') =>
    starts.filter((start) => start.from === from).map(({ steps }) => steps);
  const p = (a: readonly number[], b: readonly number[]) =>
    a.length > 0 ? signFlipTest(a, b) : Number.NaN;
  return {
    cloning: meanInterval(means('cloning')),
    sameStarts: meanInterval(means('same-starts')),
    dagger: meanInterval(means('dagger')),
    p: p(means('dagger'), means('cloning')),
    pSameStarts: p(means('dagger'), means('same-starts')),
    noisyExpert: meanInterval(clones.map(({ expert }) => expert)),
    noisyClone: meanInterval(clones.map(({ clone }) => clone)),
    fromClone: meanInterval(steps('clone')),
    fromScratch: meanInterval(steps('scratch')),
    pScratch: p(steps('scratch'), steps('clone')),
  };
}

export const LABELS: Readonly<Record<Method, string>> = {
  cloning: 'cloning one demonstration',
  'same-starts': "cloning from DAgger's starts",
  dagger: 'DAgger',
};

/** `412.3 ± 20.1`. */
export const shown = ({ mean, margin }: MeanInterval, digits = 1): string =>
  `${mean.toFixed(digits)}${Number.isFinite(margin) ? ` ± ${margin.toFixed(digits)}` : ''}`;

export function daggerReport(
  results: DaggerResults,
  { environment, warmEnvironment, rounds, labels, threshold, noise }: DaggerExperimentSettings,
): Omit<Report, 'settings'> {
  const { imitation, clones, starts } = results;
  const found = summarise(results);
  const total = rounds * labels;
  return {
    title: 'Imitation: cloning, DAgger, and PPO from a clone',
    subtitle: `Scripted experts; ${environment} with ${total} labels each, and ${warmEnvironment}`,
    summary: [
      [LABELS.cloning, `${shown(found.cloning)}, p ${found.p.toFixed(4)}`],
      [LABELS['same-starts'], `${shown(found.sameStarts)}, p ${found.pSameStarts.toFixed(4)}`],
      [LABELS.dagger, shown(found.dagger)],
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
        series: (Object.keys(LABELS) as Method[]).map((method) => {
          const own = imitation.filter((each) => each.method === method);
          return {
            label: LABELS[method],
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
        // The faint curve goes before the one whose colour it has.
        series: starts.toReversed().map(({ seed, from, curve }) => {
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
