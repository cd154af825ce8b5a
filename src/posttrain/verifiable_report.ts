// report.html of learning from verifiable rewards: pass@1, pass@k and the majority along training.

import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Report, ReportSeries } from '../io/report.ts';
import type {
  VerifiablePoint,
  VerifiableResults,
  VerifiableSettings,
} from './verifiable_experiment.ts';

/** A share along training: of each seed, and over the seeds with the interval that they give. */
export interface Curve {
  readonly label: string;
  readonly iterations: readonly number[];
  readonly seeds: readonly (readonly number[])[];
  readonly means: readonly MeanInterval[];
}

/** pass@1, the other k, then the majority; of longer tasks before and after. */
export function verifiableCurves({ results }: VerifiableResults): {
  readonly heldOut: readonly Curve[];
  readonly longer: readonly Curve[];
} {
  const first = results[0]!.points[0]!;
  const most = Math.max(...Object.keys(first.pass).map(Number));
  const shares = [
    ...Object.keys(first.pass).map((k) => ({
      label: `pass@${k}`,
      of: ({ pass }: VerifiablePoint) => pass[Number(k)]!.mean,
    })),
    { label: `majority of ${most}`, of: ({ majority }: VerifiablePoint) => majority.mean },
  ];
  const curves = (pointsOf: (result: (typeof results)[number]) => readonly VerifiablePoint[]) =>
    shares.map(({ label, of }): Curve => {
      const seeds = results.map((result) => pointsOf(result).map(of));
      const iterations = pointsOf(results[0]!).map(({ iteration }) => iteration);
      const means = iterations.map((_, i) => meanInterval(seeds.map((values) => values[i]!)));
      return { label, iterations, seeds, means };
    });
  return { heldOut: curves(({ points }) => points), longer: curves(({ longer }) => longer) };
}

/** `41.2 %`, with its interval where there is more than one seed. */
export function shown({ mean, margin }: MeanInterval): string {
  const interval = Number.isFinite(margin) ? ` ± ${(100 * margin).toFixed(1)}` : '';
  return `${(100 * mean).toFixed(1)}${interval} %`;
}

export function verifiableReport(
  experiment: VerifiableResults,
  { task, seeds, attempts, heldOut, slips, warmSteps, prompts, groupSize }: VerifiableSettings,
): Omit<Report, 'settings'> {
  const { results } = experiment;
  const curves = verifiableCurves(experiment);
  const [one] = curves.heldOut as [Curve];
  const series = curves.heldOut.flatMap(
    ({ label, iterations, seeds: rows, means }, i): ReportSeries[] => [
      ...(i === 0
        ? rows.map((y, s) => ({
            label: `${label}, seed ${seeds[s]}`,
            x: iterations,
            y,
            faint: true,
          }))
        : []),
      { label, x: iterations, y: means.map(({ mean }) => mean) },
    ],
  );
  return {
    title: 'A model learns from answers that a program checks',
    subtitle: `${task}: ${results[0]!.parameters.toLocaleString('en')} parameters, warmed up for ${warmSteps.toLocaleString('en')} steps on solutions of which ${(100 * slips).toFixed(0)} % have a slip, then GRPO with ${prompts} prompts of ${groupSize} answers each`,
    summary: [
      ['pass@1 before', shown(one.means[0]!)],
      ['pass@1 after', shown(one.means.at(-1)!)],
      ['majority after', shown(curves.heldOut.at(-1)!.means.at(-1)!)],
      ['seeds', seeds.join(', ')],
    ],
    plots: [
      {
        title: `${heldOut} held-out tasks, ${attempts} answers to each`,
        xLabel: 'rollouts learned from',
        yLabel: 'share of tasks solved',
        series,
        fromZero: true,
      },
    ],
    tables: [
      {
        title: 'Longer tasks than any of training',
        columns: ['', 'before', 'after'],
        rows: curves.longer.map(({ label, means }) => [label, ...means.map(shown)]),
      },
    ],
    samples: results
      .filter(({ seed }) => seed === seeds[0])
      .flatMap(({ samples }) => samples)
      .map(({ prompt, before, after }) => ({
        title: prompt,
        text: `before: ${before}\nafter:  ${after}`,
      })),
  };
}
