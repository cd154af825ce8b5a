// The points of a run's curves, kept beside its checkpoints: a run that goes on shows them again.

import { type Folder, subfolder } from '../../src/io/folder.ts';
import {
  type MetricRecord,
  MetricsLog,
  readMetrics,
  truncateMetrics,
} from '../../src/io/metrics.ts';
import type { Engine } from '../shared/engine.ts';
import type { Point, Report } from './protocol.ts';

export type Draw = (point: Point) => Promise<void>;

/** Reports the points up to the rollout `step` that a run goes on from. @returns what reports and keeps one more */
export async function drawing(
  folder: Folder | null,
  step: number,
  { report }: Engine<Report>,
): Promise<Draw> {
  if (!folder) return async (point) => report(point);
  const kept = subfolder(folder, 'points');
  if (step === 0) await kept.remove('');
  await truncateMetrics(kept, step);
  for (const point of (await readMetrics(kept)).flatMap(pointOf)) report(point);
  const log = new MetricsLog(kept, { bufferedLines: 1 });
  return (point) => {
    report(point);
    return log.append({ ...point });
  };
}

const TYPES: readonly unknown[] = ['warmed', 'rollout', 'measured', 'budget'];

/** None of what is no point. */
function pointOf({ type, ...values }: MetricRecord): Point[] {
  const numbers = Object.values(values).every((value) => typeof value === 'number');
  return numbers && TYPES.includes(type) ? [{ type, ...values } as unknown as Point] : [];
}
