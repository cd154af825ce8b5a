// What `shadegrad finetune` prints.

import type { Completion } from '../llm/completions.ts';
import type { FinetuneData, FinetuneResult, FinetuneStart } from '../llm/finetune.ts';
import type { FinetuneBase } from '../llm/finetune_base.ts';
import type { FinetuneSettings } from '../llm/finetune_settings.ts';
import { countedIn } from '../llm/supervised.ts';
import type { Device } from '../ops/device.ts';
import { formatDuration, formatRate, withoutControls } from './progress.ts';

export function printStart(
  { trained, parameters, first }: FinetuneStart,
  {
    train,
    heldOut,
    settings,
    device,
    out,
  }: FinetuneData & { settings: FinetuneSettings; device: Device; out: string },
): void {
  const count = (n: number) => n.toLocaleString('en');
  const counted = countedIn([...train, ...heldOut]);
  console.error(
    `examples ${count(train.length)} to train on, ${count(heldOut.length)} held out, ${count(counted)} counted tokens`,
  );
  console.error(`trained  ${count(trained)} of ${count(parameters)} values (${settings.method})`);
  console.error(`adapter  ${device.adapter.name}`);
  console.error(`run      ${out}${first > 0 ? `, resumed after step ${count(first)}` : ''}\n`);
}

/** What --json prints last. */
export function summary(
  { evaluations, step, ...rest }: FinetuneResult,
  { samples, device, out }: { samples: readonly Completion[]; device: Device; out: string },
) {
  const losses = evaluations.map(({ loss }) => loss);
  return {
    bestValLoss: losses.length > 0 ? Math.min(...losses) : null,
    valLoss: losses.at(-1) ?? null,
    ...rest,
    steps: step,
    evaluations,
    samples,
    adapter: device.adapter.name,
    out,
  };
}

export function printResult(
  result: FinetuneResult,
  { savesMerged }: FinetuneBase,
  { samples, out }: { samples: readonly Completion[]; out: string },
): void {
  const { evaluations, step, seconds, tokensPerSecond, settings } = result;
  const shown = (text: string) => JSON.stringify(withoutControls(text));
  for (const { prompt, written, expected } of samples)
    console.log(`${shown(prompt)} ${shown(written)}, expected ${shown(expected)}`);
  const last = evaluations.at(-1);
  const before = evaluations[0]?.loss.toFixed(4);
  if (last)
    console.log(
      `\nvalidation loss ${last.loss.toFixed(4)} nats per counted token, ${before} before`,
    );
  console.log(
    `${step} steps in ${formatDuration(seconds)}, ${formatRate(tokensPerSecond)} tokens/s`,
  );
  const kept = {
    lora: `${savesMerged ? 'the model, and ' : ''}the adapter in PEFT's format`,
    adapter: 'the bottlenecks',
  };
  const { method } = settings;
  console.log(`${method in kept ? kept[method as keyof typeof kept] : 'the model'}: ${out}`);
}
