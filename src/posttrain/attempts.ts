// Several answers to each of a family's tasks, drawn and judged.

import type { Device } from '../ops/device.ts';
import { type DrawInPartsOptions, drawInParts, type TextCodec } from './answers.ts';
import type { Attempt } from './pass_at_k.ts';
import type { Speaker } from './speaker.ts';
import { attempt, type TaskFamily, type VerifiableTask } from './tasks/task_family.ts';

/** @returns n answers to each task. @throws signal's reason when it is stopped */
export async function attemptTasks<T extends VerifiableTask>(
  device: Device,
  speaker: Speaker,
  codec: TextCodec,
  family: TaskFamily<T>,
  tasks: readonly T[],
  { attempts: n, ...drawing }: DrawInPartsOptions & { readonly attempts: number },
): Promise<Attempt[][]> {
  const asked = tasks.flatMap((task) => Array<T>(n).fill(task));
  const answers = await drawInParts(device, speaker, codec, asked, drawing);
  const judged = answers.map(({ text, task }) => attempt(family, text, task));
  return tasks.map((_, i) => judged.slice(i * n, (i + 1) * n));
}
