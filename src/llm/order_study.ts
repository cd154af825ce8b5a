// How much the order of the examples in a prompt matters, and what calibration does about it (Zhao et al. 2021; Lu et al. 2022).

import type { Device } from '../ops/device.ts';
import { bestLabel, calibrateScores, labelProbabilities } from './classify.ts';
import { type LabelledInput, scoreInContext, type TextTask } from './classify_methods.ts';
import type { Transformer } from './transformer.ts';

/** Over all orders of the examples. */
export interface OrderSensitivity {
  /** One for each order. */
  readonly accuracies: readonly number[];
  readonly meanAccuracy: number;
  readonly accuracyVariance: number;
  /** Of the probability of a label: the mean over queries and labels of the variance over orders. */
  readonly probabilityVariance: number;
}

/**
 * Asks the queries after the examples in every order, and calibrates with inputs without content.
 * @param shots a few: k of them have k! orders
 */
export async function orderStudy(
  device: Device,
  model: Transformer,
  task: TextTask,
  { shots, queries, contentFree }: OrderStudyData,
): Promise<{ readonly raw: OrderSensitivity; readonly calibrated: OrderSensitivity }> {
  const inputs = [...queries.map(({ input }) => input), ...contentFree];
  const raw: Float64Array[][] = [];
  for (const order of permutations(shots))
    raw.push(await scoreInContext(device, model, task, order, inputs));
  const own = raw.map((scores) => scores.slice(0, queries.length));
  const better = raw.map((scores) => {
    const free = scores.slice(queries.length);
    return scores.slice(0, queries.length).map((each) => calibrateScores(each, free));
  });
  const names = Object.keys(task.verbaliser);
  const right = queries.map(({ label }) => names.indexOf(label));
  return { raw: sensitivity(own, right), calibrated: sensitivity(better, right) };
}

export interface OrderStudyData {
  readonly shots: readonly LabelledInput[];
  readonly queries: readonly LabelledInput[];
  /** Such as "N/A". */
  readonly contentFree: readonly string[];
}

/** @param scores by order, query and label */
function sensitivity(
  scores: readonly (readonly Float64Array[])[],
  right: readonly number[],
): OrderSensitivity {
  const accuracies = scores.map((each) =>
    mean(each.map((x, q) => Number(bestLabel(x) === right[q]))),
  );
  const shares = scores.map((each) => each.map(labelProbabilities));
  const variances = right.flatMap((_, q) =>
    shares[0]![q]!.map((_, label) => variance(shares.map((each) => each[q]![label]!))),
  );
  return {
    accuracies,
    meanAccuracy: mean(accuracies),
    accuracyVariance: variance(accuracies),
    probabilityVariance: mean(variances),
  };
}

/** All orders, the given one first. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first, i) =>
    permutations(items.filter((_, j) => j !== i)).map((rest) => [first, ...rest]),
  );
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, x) => sum + x, 0) / values.length;

/** Of all there are, not of a sample. */
function variance(values: readonly number[]): number {
  const middle = mean(values);
  return mean(values.map((x) => (x - middle) ** 2));
}
