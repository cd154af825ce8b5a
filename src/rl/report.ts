// report.html of an agent's run: the return between its anchors, and what the algorithm tells of itself.

import { columnOf, type MetricRecord } from '../io/metrics.ts';
import { type PlotLibrary, type ReportPlot, renderReport } from '../io/report.ts';
import { anchorLines, environmentEntry } from './registry.ts';
import type { AgentResult } from './train_agent.ts';

/** Names for people; a metric without one keeps its own. */
const TITLES: Readonly<Record<string, readonly [title: string, unit: string]>> = {
  loss: ['Loss (it means little: watch the return)', 'loss'],
  policyLoss: ['Policy loss', 'loss'],
  valueLoss: ['Value loss', '½ squared error'],
  entropy: ['Entropy of the policy', 'nats'],
  approxKl: ['KL from the policy that acted', 'nats'],
  kl: ['KL(π_old ‖ π) of each update', 'nats'],
  surrogateGain: ['Gain of the surrogate objective, measured', 'objective'],
  expectedGain: ['Gain of the surrogate objective, to first order', 'objective'],
  stepShare: ['Share of the natural step that was taken', 'share'],
  solverResidual: ['What conjugate gradients left of the residual', 'share'],
  criticLoss: ['Loss of the critics', '½ squared errors'],
  alpha: ['Temperature α', 'per nat'],
  clipFraction: ['Share of clipped samples', 'share'],
  gradNorm: ['Norm of the gradient', 'norm'],
  stepsPerSecond: ['Speed', 'environment steps/s'],
};

/** The page's text. `metrics` are the run's lines of metrics.jsonl. */
export function agentReport(
  result: AgentResult,
  metrics: readonly MetricRecord[],
  plots: PlotLibrary,
): Promise<string> {
  const { algorithm, environment, settings, steps, evaluation, seconds, adapter } = result;
  const { about } = environmentEntry(environment);
  const lines = anchorLines(environment);
  const named = new Set(metrics.flatMap((record) => Object.keys(record)));
  for (const key of ['step', 'return', 'episodes']) named.delete(key);
  const curves = [...named].map((key): ReportPlot => {
    const [title, yLabel] = TITLES[key] ?? [key, key];
    return {
      title,
      xLabel: 'environment steps',
      yLabel,
      series: [{ label: key, ...columnOf(metrics, key) }],
    };
  });
  const returns = {
    title: 'Return',
    xLabel: 'environment steps',
    yLabel: 'mean of the last 100 episodes',
    series: [{ label: algorithm, ...columnOf(metrics, 'return') }],
    lines,
  };
  const shown = (mean: number, std: number) => `${mean.toFixed(2)} ± ${std.toFixed(2)} per episode`;
  return renderReport(
    {
      title: `${algorithm} in ${environment}`,
      subtitle: about,
      summary: [
        [
          'return after training',
          evaluation ? shown(evaluation.mean, evaluation.std) : 'not evaluated',
        ],
        ['episodes evaluated', evaluation?.returns.length ?? 0],
        ...lines.map(({ label, y }) => [label, y] as const),
        ['environment steps', steps.toLocaleString('en')],
        ['time', `${seconds.toFixed(0)} s`],
        ['speed', `${Math.round(result.stepsPerSecond).toLocaleString('en')} steps/s`],
        ['seed', settings.seed],
        ['adapter', adapter],
      ],
      plots: [returns, ...curves],
      samples: [],
      settings,
    },
    plots,
  );
}
