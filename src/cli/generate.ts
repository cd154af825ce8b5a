// shadegrad generate: continues a prompt with a trained model.

import type { Command } from 'commander';
import { openFolder } from '#folder';
import { ConfigError } from '../errors.ts';
import { generateBeams } from '../llm/beam_search.ts';
import {
  type GeneratedText,
  type GenerateTextOptions,
  generateText,
} from '../llm/generate_text.ts';
import { applyAdapter, type OpenedModel, openModel } from '../llm/open_model.ts';
import { Device } from '../ops/device.ts';
import { withoutControls } from './progress.ts';

export interface SamplingFlags {
  readonly greedy?: boolean;
  readonly temperature: string;
  readonly topK?: string;
  readonly topP: string;
  readonly minP: string;
  readonly repetitionPenalty: string;
  readonly seed: string;
  readonly stop?: string[];
  readonly maxNewTokens?: string;
}

export interface ModelFlags {
  readonly model: string;
  readonly lora?: string;
  readonly weights: string;
  readonly adapter: string;
}

interface GenerateFlags extends SamplingFlags, ModelFlags {
  readonly prompt: string;
  readonly samples: string;
  readonly beams?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  shadegrad generate --model runs/train-1 --prompt 'Once upon a time'
  shadegrad generate --model runs/train-1 --prompt 'Once' --greedy --max-new-tokens 40 --json
  shadegrad generate --model SmolLM-135M --prompt 'The capital of France is' --top-p 0.9 --samples 4
  shadegrad generate --model SmolLM-135M --prompt 'To be' --beams 4
  shadegrad generate --model SmolLM-135M --prompt 'To be' --weights 8bit
  shadegrad generate --model SmolLM-135M --lora runs/finetune-1 --prompt 'To be'     tuned, by an adapter`;

export function addGenerate(program: Command): void {
  const command = program
    .command('generate')
    .description(
      'continue a prompt with a model: a run of shadegrad train, or a Hugging Face folder',
    )
    .requiredOption('--prompt <text>', 'the text to continue')
    .option('--samples <n>', 'continuations, drawn with seed, seed + 1, …', '1')
    .option('--beams <n>', 'beam search instead of drawing; the best sequence is shown');
  addModelOptions(command);
  addSamplingOptions(command)
    .option('--json', 'print JSON only, one object per continuation; the last line is the result')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

/** What `openModelOf` takes. */
export function addModelOptions(command: Command): Command {
  return command
    .requiredOption('--model <folder>', "the model's folder")
    .option(
      '--lora <folder>',
      "an adapter over the model, as shadegrad finetune leaves it: a LoRA in PEFT's format, or bottlenecks",
    )
    .option(
      '--weights <kind>',
      'stored: as the folder has them; 8bit: rounded, a quarter of the memory of f32',
      'stored',
    )
    .option(
      '--adapter <name>',
      'of the GPU: auto, hardware, software, or a part of its name',
      'auto',
    );
}

/** The model that the flags name, with its adapter at work. @throws CheckpointError or DataError that says what is amiss. */
export async function openModelOf(
  device: Device,
  { model, lora, weights }: ModelFlags,
): Promise<OpenedModel> {
  if (weights !== 'stored' && weights !== '8bit')
    throw new ConfigError(`--weights is ${weights}, expected stored or 8bit`);
  const frozen = weights === '8bit' ? weights : true;
  const opened = await openModel(device, await openFolder(model), { frozen });
  if (lora !== undefined) await applyAdapter(device, opened, await openFolder(lora));
  return opened;
}

/** The options of drawing, which `chat` has as well. */
export function addSamplingOptions(command: Command): Command {
  return command
    .option(
      '--max-new-tokens <n>',
      'most tokens to add (default: 256, or what the context has room for)',
    )
    .option('--greedy', 'always the likeliest token')
    .option('--temperature <t>', 'divides the logits; 0 is greedy', '1')
    .option('--top-k <k>', 'only the k likeliest tokens')
    .option('--top-p <p>', 'only the fewest tokens that hold this share', '1')
    .option('--min-p <p>', 'only tokens at least so likely as this share of the likeliest', '0')
    .option('--repetition-penalty <r>', 'makes tokens that occurred rarer', '1')
    .option(
      '--stop <text>',
      'end before this text; may be repeated',
      (text, list: string[] = []) => [...list, text],
    )
    .option('--seed <n>', 'of the draws', '0');
}

const DEFAULT_NEW_TOKENS = 256;

/** The flags as options. `room`: how many tokens the context has left. @throws ConfigError for a flag that is no number. */
export function samplingOptions(
  flags: SamplingFlags,
  { ends, room }: { ends: readonly number[]; room: number },
): Omit<GenerateTextOptions, 'onText'> & { readonly seed: number } {
  const { maxNewTokens, greedy, topK, stop = [] } = flags;
  return {
    maxNewTokens:
      maxNewTokens === undefined
        ? Math.max(0, Math.min(DEFAULT_NEW_TOKENS, room))
        : number('max-new-tokens', maxNewTokens),
    temperature: greedy ? 0 : number('temperature', flags.temperature),
    ...(topK !== undefined && { topK: number('top-k', topK) }),
    topP: number('top-p', flags.topP),
    minP: number('min-p', flags.minP),
    repetitionPenalty: number('repetition-penalty', flags.repetitionPenalty),
    seed: number('seed', flags.seed),
    stopTexts: stop,
    ends,
  };
}

function number(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value))
    throw new ConfigError(`--${flag} is ${JSON.stringify(text)}, expected a number`);
  return value;
}

async function run(flags: GenerateFlags): Promise<void> {
  const count = number('samples', flags.samples);
  if (!Number.isInteger(count) || count < 1)
    throw new ConfigError(`--samples is ${flags.samples}, expected a whole number from 1 on`);
  const device = await Device.open({
    adapter: flags.adapter,
    ...(flags.json && { announce: null }),
  });
  try {
    const opened = await openModelOf(device, flags);
    const promptIds = opened.tokenizer.encode(flags.prompt, { specials: 'allow' });
    const room = opened.model.config.context + 1 - promptIds.length;
    const options = samplingOptions(flags, { ends: opened.ends, room });
    if (flags.beams !== undefined) return await beams(device, opened, flags, options);
    await draw(device, opened, flags, count, options);
  } finally {
    device.destroy();
  }
}

async function draw(
  device: Device,
  opened: OpenedModel,
  { prompt, json }: GenerateFlags,
  count: number,
  options: GenerateTextOptions,
): Promise<void> {
  // One text is written as it comes; several only when they are whole.
  const live = !json && count === 1;
  let begun = false;
  const show = (text: string) => {
    // The prompt stands in front of the first text: options that do not fit are refused before.
    process.stdout.write(withoutControls(begun ? text : prompt + text));
    begun = true;
  };
  const results = await generateText(device, opened, new Array(count).fill(prompt), {
    ...options,
    ...(live && {
      readEvery: 4,
      onText: (_, text) => show(text),
    }),
  });
  if (live) console.log();
  else if (json) for (const result of results) console.log(JSON.stringify(shown(prompt, result)));
  else
    for (const [i, { text }] of results.entries())
      console.log(`--- sample ${i + 1}\n${withoutControls(prompt + text)}\n`);
}

/** What `--json` prints. */
function shown(prompt: string, { promptIds, newIds, logProbs, text, finishReason }: GeneratedText) {
  return { ids: [...promptIds, ...newIds], newIds, text, prompt, logProbs, finishReason };
}

async function beams(
  device: Device,
  { model, tokenizer, ends }: OpenedModel,
  { prompt, beams, json }: GenerateFlags,
  { maxNewTokens }: GenerateTextOptions,
): Promise<void> {
  const promptIds = Array.from(tokenizer.encode(prompt, { specials: 'allow' }));
  const found = await generateBeams(device, model, promptIds, {
    beams: number('beams', beams!),
    maxNewTokens,
    ends,
  });
  const text = (ids: readonly number[]) => tokenizer.decode(ids.filter((id) => !ends.includes(id)));
  if (!json) return console.log(withoutControls(prompt + text(found[0]!.newIds)));
  for (const { newIds, logProb, score } of found.toReversed()) {
    const ids = [...promptIds, ...newIds];
    console.log(JSON.stringify({ ids, newIds, text: text(newIds), prompt, logProb, score }));
  }
}
