// The script of the page that plays episodes. `showEpisodes` goes into the page as its own source text, so it uses nothing
// from outside itself but the page and what it is called with.

import type { drawShapes } from './draw_shapes.ts';
import type { Picture } from './picture.ts';

export interface PlayedEpisode {
  readonly frames: readonly {
    readonly step: number;
    readonly picture: Picture | null;
    readonly action: readonly number[] | null;
    readonly reward: number;
    readonly return: number;
    readonly end: string | null;
  }[];
}

/** Runs in the page. */
export function showEpisodes(draw: typeof drawShapes): void {
  const { framesPerSecond, episodes }: { framesPerSecond: number; episodes: PlayedEpisode[] } =
    JSON.parse(document.querySelector('#episodes')!.textContent!);
  const element = <T extends Element>(selector: string) => document.querySelector<T>(selector)!;
  const canvas = element<HTMLCanvasElement>('canvas');
  const text = element<HTMLElement>('pre');
  const play = element<HTMLButtonElement>('#play');
  const at = element<HTMLInputElement>('#at');
  const choice = element<HTMLSelectElement>('#episode');
  let frames = episodes[0]!.frames;
  let index = 0;
  // Who asks for less motion begins with a still picture.
  let playing = !matchMedia('(prefers-reduced-motion: reduce)').matches;

  function show(): void {
    const { picture, step, action, reward, return: earned, end } = frames[index]!;
    canvas.hidden = picture?.kind !== 'shapes';
    text.hidden = picture?.kind !== 'text';
    if (picture?.kind === 'shapes') draw(canvas, picture);
    if (picture?.kind === 'text') text.textContent = picture.lines.join('\n');
    const did = action === null ? 'begins' : `action ${action.join(', ')}, reward ${reward}`;
    const over = end === null ? '' : `, ${end}`;
    element('#status').textContent = `step ${step}: ${did}, return ${earned}${over}`;
    at.value = String(index);
    play.textContent = playing ? 'Pause' : 'Play';
  }

  function choose(episode: number): void {
    frames = episodes[episode]!.frames;
    at.max = String(frames.length - 1);
    index = 0;
    show();
  }

  /** The last frame stays a second; then the next episode begins, after the last one the first. */
  let due = 0;
  function tick(now: number): void {
    if (playing && now >= due) {
      if (index === frames.length - 1) {
        choice.selectedIndex = (choice.selectedIndex + 1) % episodes.length;
        choose(choice.selectedIndex);
      } else {
        index++;
        show();
      }
      due = now + (index === frames.length - 1 ? 1000 : 1000 / framesPerSecond);
    }
    requestAnimationFrame(tick);
  }

  play.addEventListener('click', () => {
    playing = !playing;
    show();
  });
  element('#step').addEventListener('click', () => {
    playing = false;
    index = Math.min(index + 1, frames.length - 1);
    show();
  });
  at.addEventListener('input', () => {
    playing = false;
    index = Number(at.value);
    show();
  });
  choice.addEventListener('change', () => choose(choice.selectedIndex));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
  new ResizeObserver(show).observe(canvas);
  choose(0);
  requestAnimationFrame(tick);
}
