// shadegrad scaling: a scaling law, fitted to models that are trained here, against a source whose entropy is known.

import type { Command } from 'commander';
import { type FittedLaw, scalingExperiment } from '../llm/scaling.ts';
import { sizeExponent } from '../llm/scaling_analysis.ts';
import type { Interval } from '../llm/scaling_fit.ts';
import { SCALING_PRESETS } from '../llm/scaling_settings.ts';
import { addExperiment } from './experiment.ts';

export function addScaling(program: Command): void {
  addExperiment(program, {
    name: 'scaling',
    description: 'a scaling law, fitted to a grid of models, on text whose entropy is known',
    about:
      'Models of several sizes learn a Markov chain, each for several amounts of text, and L(N, D) = E + A/N^a + B/D^b is fitted\n' +
      "to their losses: E should come out as the chain's entropy, and a larger model's loss within the predicted interval.\n" +
      'About eight minutes on two cores. With several architectures, each gets its grid and its law.',
    examples: [
      ["shadegrad scaling --set 'widths=[8,16,32]'", 'fewer sizes'],
      [`shadegrad scaling --set 'architectures=["transformer","mixer"]'`, 'two laws to compare'],
    ],
    presets: SCALING_PRESETS,
    experiment: scalingExperiment,
    lines: ({ laws, truth }) =>
      laws.flatMap((law) => [
        ...(laws.length > 1 ? [`--- ${law.architecture}`] : []),
        ...lawLines(law, truth),
      ]),
  });
}

const between = ([low, high]: Interval) => `95 % in ${low.toFixed(4)} to ${high.toFixed(4)}`;

function lawLines({ analysis, differences }: FittedLaw, truth: number): string[] {
  const { law, intervals, heldOut } = analysis;
  const off = (100 * (law.E / truth - 1)).toFixed(2);
  const verdict = heldOut.inside ? 'inside' : 'outside';
  return [
    `E            ${law.E.toFixed(4)}  ${between(intervals.E)}; the source's entropy is ${truth.toFixed(4)} (${off} %)`,
    `alpha        ${law.alpha.toFixed(4)}  ${between(intervals.alpha)}`,
    `beta         ${law.beta.toFixed(4)}  ${between(intervals.beta)}`,
    `N* ~ C^      ${sizeExponent(law).toFixed(4)}  ${between(intervals.sizeExponent)}`,
    `larger model ${heldOut.loss.toFixed(4)}  predicted ${heldOut.predicted.toFixed(4)}, ${between(heldOut.interval)}: ${verdict}`,
    ...(differences
      ? [`less the first: alpha ${between(differences.alpha)}, beta ${between(differences.beta)}`]
      : []),
  ];
}
