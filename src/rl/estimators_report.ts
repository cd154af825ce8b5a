// report.html of the estimators experiment: learning curves, and the variance of each estimate's gradient.

import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Report, ReportSeries } from '../io/report.ts';
import { ALSO_MEASURED, CHOICES } from './estimator_choices.ts';
import type {
  EstimatorsResults,
  EstimatorsSettings,
  LearningResult,
} from './estimators_experiment.ts';

/** Of one estimate, over the seeds, with half the 95 % interval. */
export interface EstimatorSummary {
  readonly label: string;
  /** Variance by that of the whole return; the mean of its logarithm and the interval's ends, as numbers again. */
  readonly ratio: number;
  readonly ratioFrom: number;
  readonly ratioTo: number;
  /** Mean return over the training; null where none was trained with it. */
  readonly area: MeanInterval | null;
}

const MEASURED = [...CHOICES, ...ALSO_MEASURED];

export function summarise({ variances, learning }: EstimatorsResults): EstimatorSummary[] {
  return MEASURED.map(({ label }, i) => {
    const logs = variances.map(({ variances: of }) => Math.log(of[i]! / of[0]!));
    const { mean, margin } = meanInterval(logs);
    const areas = learning.filter((each) => each.label === label).map(({ area }) => area);
    const area = areas.length > 0 ? meanInterval(areas) : null;
    return {
      label,
      ratio: Math.exp(mean),
      ratioFrom: Math.exp(mean - margin),
      ratioTo: Math.exp(mean + margin),
      area,
    };
  });
}

/** "0.31 (0.27 to 0.36)". */
export const ratioText = ({ ratio, ratioFrom, ratioTo }: EstimatorSummary): string =>
  ratioTo > ratioFrom
    ? `${ratio.toFixed(3)} (${ratioFrom.toFixed(3)} to ${ratioTo.toFixed(3)})`
    : ratio.toFixed(3);

/** "120.3 ± 4.5". */
export const areaText = ({ area }: EstimatorSummary): string =>
  area ? `${area.mean.toFixed(1)} ± ${area.margin.toFixed(1)}` : '';

export function estimatorsReport(
  results: EstimatorsResults,
  settings: EstimatorsSettings,
): Omit<Report, 'settings'> {
  const summary = summarise(results);
  return {
    title: 'What makes a policy gradient less noisy',
    subtitle: `REINFORCE on ${settings.environment}, ${settings.episodes} episodes a step, ${settings.seeds.length} seeds`,
    summary: summary
      .slice(0, CHOICES.length)
      .map((each) => [each.label, `${each.ratio.toFixed(3)} of the first's variance`]),
    plots: [
      {
        title: 'Learning, mean over the seeds',
        xLabel: 'environment steps',
        yLabel: 'return',
        fromZero: true,
        series: CHOICES.map(({ label }) => meanCurve(results.learning, label, settings.steps)),
      },
      {
        title: 'Variance of the gradient, by that of the whole return',
        xLabel: 'seed',
        yLabel: 'share of it',
        logY: true,
        series: MEASURED.map(({ label }, i) => ({
          label,
          x: results.variances.map(({ seed }) => seed),
          y: results.variances.map(({ variances }) => variances[i]! / variances[0]!),
          points: true,
        })),
      },
    ],
    tables: [
      {
        title: 'Over the seeds, with 95 % intervals',
        columns: ['estimate', 'variance by the first', 'mean return over the training'],
        rows: summary.map((each) => [each.label, ratioText(each), areaText(each)]),
      },
    ],
    samples: [],
  };
}

const CURVE_POINTS = 80;

function meanCurve(
  learning: readonly LearningResult[],
  label: string,
  steps: number,
): ReportSeries {
  const curves = learning.filter((each) => each.label === label).map(({ curve }) => curve);
  const x = Array.from({ length: CURVE_POINTS }, (_, i) => (steps * (i + 1)) / CURVE_POINTS);
  const at = (curve: LearningResult['curve'], step: number) =>
    (curve.findLast(([taken]) => taken <= step) ?? curve[0]!)[1];
  const y = x.map(
    (step) => curves.reduce((sum, curve) => sum + at(curve, step), 0) / curves.length,
  );
  return { label, x, y };
}
