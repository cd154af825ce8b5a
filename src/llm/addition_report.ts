// report.html of the addition experiment: exact sums while learning, and right digits by place.

import type { Report } from '../io/report.ts';
import type { AdditionResult, AdditionResults, AdditionSettings } from './addition_experiment.ts';

const nameOf = ({ reversed }: AdditionResult): string => (reversed ? 'reversed' : 'plain');

export function additionReport(
  { results }: AdditionResults,
  { digits, examples, heldOut, watched, steps, seeds }: AdditionSettings,
): Omit<Report, 'settings'> {
  const sums = (reversed: boolean) => results.filter((result) => result.reversed === reversed);
  const shares = (reversed: boolean) =>
    sums(reversed).map(({ exact }) => `${(100 * exact).toFixed(1)}`);
  return {
    title: 'Sums, their digits in reverse and as usual',
    subtitle: `${digits}-digit addition by ${results[0]!.parameters.toLocaleString('en')} parameters, ${examples.toLocaleString('en')} examples, ${steps.toLocaleString('en')} steps`,
    summary: [
      ['reversed digits, exact', `${shares(true).join(', ')} %`],
      ['plain digits, exact', `${shares(false).join(', ')} %`],
      ['held-out sums', heldOut],
      ['seeds', seeds.join(', ')],
    ],
    plots: [
      {
        title: 'Held-out sums with all digits right',
        xLabel: 'step',
        yLabel: `share of ${watched} sums`,
        fromZero: true,
        series: results.map((result) => ({
          label: `${nameOf(result)}, seed ${result.seed}`,
          x: result.curve.map(({ step }) => step),
          y: result.curve.map(({ exact }) => exact),
        })),
      },
      {
        title: 'Right digits in the end',
        xLabel: 'place, from the lowest',
        yLabel: `share of ${heldOut} sums`,
        series: results.map((result) => ({
          label: `${nameOf(result)}, seed ${result.seed}`,
          x: result.places.map((_, place) => place),
          y: result.places,
        })),
      },
    ],
    samples: [],
  };
}
