// One environment, drawn as the policy plays it, with what the policy said before the action.

import { drawShapes } from '../../src/rl/draw_shapes.ts';
import type { Outlook, WatchedFrame } from '../../src/rl/watch.ts';
import { element } from '../shared/page.ts';
import { GAMES, type Game } from './games.ts';
import { FRAMES_PER_SECOND } from './protocol.ts';

export interface Stage {
  /** An empty stage for this environment. */
  set(environment: string): void;
  /** What comes next, in order. */
  add(frames: readonly WatchedFrame[]): void;
  /** Whether the episode on stage begins again where nothing comes next: nothing will. */
  repeats: boolean;
}

/** Frames that may wait: those of a page that draws slower than they come are left out. */
const MOST_WAITING = 20 * FRAMES_PER_SECOND;
const REST_MS = 1000;

export function buildStage(): Stage {
  const canvas = element('picture', HTMLCanvasElement);
  const text = element('cells', HTMLElement);
  const line = element('moment', HTMLElement);
  const moving = element('moving', HTMLInputElement);
  const outlook = buildOutlook(element('outlook', HTMLElement));
  // Who asks for less motion sees a picture now and then, until they ask for more.
  moving.checked = !matchMedia('(prefers-reduced-motion: reduce)').matches;
  let game: Game = GAMES['CartPole-v1']!;
  let waiting: WatchedFrame[] = [];
  /** The episode on stage so far. */
  let episode: WatchedFrame[] = [];
  let at = 0;
  let due = 0;
  const stage: Stage = {
    repeats: false,
    set(environment) {
      game = GAMES[environment]!;
      [waiting, episode] = [[], []];
      element('game', HTMLElement).textContent = game.about;
      outlook.set(game);
      canvas.hidden = false;
      text.hidden = true;
      canvas.getContext('2d')!.clearRect(0, 0, canvas.width, canvas.height);
      canvas.ariaLabel = text.ariaLabel = `The environment ${environment}`;
      line.textContent = 'Nothing is played yet.';
    },
    add(frames) {
      waiting.push(...frames);
      if (waiting.length > MOST_WAITING) waiting = waiting.slice(-MOST_WAITING);
      if (!moving.checked) jump();
    },
  };

  /** To the newest frame. */
  function jump(): void {
    for (const frame of waiting) follow(frame);
    waiting = [];
    if (episode.length > 0) show(episode.at(-1)!);
  }

  function follow(frame: WatchedFrame): void {
    if (frame.step === 0) episode = [];
    episode.push(frame);
    at = episode.length - 1;
  }

  function show({ picture, outlook: said, ...frame }: WatchedFrame): void {
    canvas.hidden = picture?.kind !== 'shapes';
    text.hidden = picture?.kind !== 'text';
    if (picture?.kind === 'shapes') drawShapes(canvas, picture);
    else text.textContent = picture?.lines.join('\n') ?? '';
    line.textContent = momentOf(frame, game);
    if (said) outlook.show(said, frame.action!);
  }

  function tick(now: number): void {
    requestAnimationFrame(tick);
    if (!moving.checked || now < due) return;
    const next = waiting.shift();
    if (next) {
      follow(next);
      show(next);
    } else if (stage.repeats && episode.length > 1) {
      at = (at + 1) % episode.length;
      show(episode[at]!);
    } else return;
    const ends = episode[at]!.end !== null && waiting.length < FRAMES_PER_SECOND;
    due = now + (ends ? REST_MS : 1000 / FRAMES_PER_SECOND - 4); // less than two of the screen's own frames
  }

  const again = () => {
    const frame = episode[at];
    if (frame) show(frame);
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
  new ResizeObserver(again).observe(canvas);
  requestAnimationFrame(tick);
  return stage;
}

function momentOf(
  { step, action, return: earned, end }: Omit<WatchedFrame, 'picture' | 'outlook'>,
  { actions, unit }: Game,
): string {
  const name = (action: number | Float64Array) =>
    typeof action === 'number' ? actions![action]! : `${action[0]!.toFixed(2)} ${unit}`;
  const did = action === null ? 'begins' : name(action);
  const over = { terminated: ': the end', truncated: ': out of time' };
  return `Step ${step}: ${did}, return ${Number(earned.toFixed(1))}${end ? over[end] : ''}`;
}

/** A bar per action as long as its probability, or the normal distribution in words. */
function buildOutlook(list: HTMLElement) {
  let rows: { item: HTMLElement; bar: HTMLProgressElement | null; value: HTMLElement }[] = [];

  function row(label: string, hasBar: boolean) {
    const item = document.createElement('li');
    const name = document.createElement('span');
    name.textContent = label;
    const bar = hasBar ? document.createElement('progress') : null;
    if (bar) [bar.ariaLabel, bar.value] = [`Probability of ${label}`, 0];
    const value = document.createElement('span');
    value.className = 'value';
    item.append(name, ...(bar ? [bar] : []), value);
    return { item, bar, value };
  }

  return {
    set({ actions, unit }: Game): void {
      rows = actions
        ? actions.map((label) => row(label, true))
        : ['mean', 'deviation', 'drawn'].map((label) => row(`${label} (${unit})`, false));
      list.replaceChildren(...rows.map(({ item }) => item));
    },
    show(said: Outlook, action: number | Float64Array): void {
      const values =
        said.kind === 'discrete'
          ? said.probabilities
          : [said.mean[0]!, said.deviation[0]!, (action as Float64Array)[0]!];
      for (const [i, { item, bar, value }] of rows.entries()) {
        item.classList.toggle('taken', i === action);
        if (bar) bar.value = values[i]!;
        value.textContent = bar ? `${(100 * values[i]!).toFixed(0)} %` : values[i]!.toFixed(2);
      }
    },
  };
}
