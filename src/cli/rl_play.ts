// shadegrad rl play: episodes of a trained agent, in the terminal or as a page.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { openFolder } from '#folder';
import { ConfigError } from '../errors.ts';
import { Device } from '../ops/device.ts';
import type { Value } from '../rl/environment.ts';
import { type Frame, openPlayer, type Player, playEpisodes } from '../rl/play.ts';
import { renderPlay } from '../rl/play_page.ts';
import { environmentEntry } from '../rl/registry.ts';

interface PlayFlags {
  readonly episodes: string;
  readonly seed: string;
  readonly sampled?: boolean;
  readonly delay: string;
  readonly page?: string;
  readonly adapter: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Grids are shown in the terminal. What moves is written as an animated page, play.html in the run's folder; --page
writes one for grids too.

Examples:
  shadegrad rl play runs/rl-1                       one episode
  shadegrad rl play runs/rl-1 --episodes 3 --seed 7 --page episodes.html
  shadegrad rl play runs/rl-1 --json                a line per step; the last line is the result`;

export function addRlPlay(rl: Command): void {
  rl.command('play')
    .description('show episodes of a trained agent')
    .argument('<run>', "the run's folder")
    .option('--episodes <n>', 'how many', '1')
    .option('--seed <n>', 'of the environment, and of the actions where they are drawn', '0')
    .option('--sampled', 'draw the actions instead of taking the likeliest ones')
    .option('--delay <ms>', 'between the frames in a terminal', '200')
    .option('--page <file>', 'write the episodes as a page')
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json', 'print JSON only, one object a line; the last line is the result')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(folder: string, flags: PlayFlags): Promise<void> {
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  try {
    const options = { seed: Number(flags.seed), sampled: flags.sampled === true };
    const player = await openPlayer(device, await openFolder(folder), options);
    try {
      await show(player, folder, flags);
    } finally {
      player.dispose();
    }
  } finally {
    device.destroy();
  }
}

async function show(player: Player, folder: string, flags: PlayFlags): Promise<void> {
  const { algorithm, environment } = player;
  const [episodes, seed] = [Number(flags.episodes), Number(flags.seed)];
  const frames: Frame[] = [];
  const print = flags.json ? printJson : printer(Number(flags.delay));
  if (!flags.json)
    console.log(`${algorithm} in ${environment}: ${environmentEntry(environment).about}`);
  for await (const frame of playEpisodes(player.makeEnvironment(), player.act, {
    episodes,
    seed,
  })) {
    frames.push(frame);
    await print(frame);
  }
  const moves = frames[0]!.picture?.kind === 'shapes';
  const page = flags.page ?? (moves ? join(folder, 'play.html') : null);
  if (page !== null) {
    const title = `${algorithm} in ${environment}`;
    const subtitle = environmentEntry(environment).about;
    const framesPerSecond = moves ? 30 : 4;
    await writeFile(page, await renderPlay({ title, subtitle, frames, framesPerSecond }));
  }
  const returns = frames.filter(({ end }) => end !== null).map((frame) => frame.return);
  const mean = returns.reduce((a, b) => a + b) / returns.length;
  if (flags.json)
    console.log(JSON.stringify({ algorithm, environment, seed, episodes, mean, returns, page }));
  else {
    if (episodes > 1) console.log(`mean return ${shown(mean)} of ${episodes} episodes`);
    if (page !== null) console.log(`page: ${page}`);
  }
}

function printJson({ picture, action, ...frame }: Frame): void {
  const lines = picture?.kind === 'text' ? picture.lines : undefined;
  const taken = action instanceof Float64Array ? [...action] : action;
  console.log(JSON.stringify({ ...frame, action: taken, lines }));
}

/** Text is drawn over the frame before it where there is a terminal; of what moves, the end of each episode is told. */
function printer(delay: number): (frame: Frame) => Promise<void> {
  if (!(delay >= 0)) throw new ConfigError(`--delay is ${delay}; expected milliseconds, 0 or more`);
  const terminal = process.stdout.isTTY === true;
  let height = 0;
  return async ({ episode, step, picture, action, reward, return: earned, end }) => {
    const did = action === null ? '' : `, action ${actionText(action)}, reward ${shown(reward)}`;
    const status = `episode ${episode}, step ${step}${did}, return ${shown(earned)}${end ? `, ${end}` : ''}`;
    if (picture?.kind === 'shapes') {
      if (end) console.log(status);
      return;
    }
    const lines = [...(picture?.lines ?? []), status, ''];
    if (terminal && height > 0) process.stdout.write(`\x1b[${height}F\x1b[J`);
    console.log(lines.join('\n'));
    height = end ? 0 : lines.length;
    if (terminal) await sleep(delay);
  };
}

const actionText = (action: Value) =>
  typeof action === 'number' ? String(action) : [...action].map(shown).join(', ');
const shown = (x: number) => String(Number(x.toFixed(3)));
