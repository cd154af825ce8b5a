// The script of the page that plays episodes. `showEpisodes` goes into the page as its own source text, so it uses nothing
// from outside itself but the page.

import type { Picture, ShapesPicture } from './picture.ts';

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
export function showEpisodes(): void {
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
    if (picture?.kind === 'shapes') draw(picture);
    if (picture?.kind === 'text') text.textContent = picture.lines.join('\n');
    const did = action === null ? 'begins' : `action ${action.join(', ')}, reward ${reward}`;
    const over = end === null ? '' : `, ${end}`;
    element('#status').textContent = `step ${step}: ${did}, return ${earned}${over}`;
    at.value = String(index);
    play.textContent = playing ? 'Pause' : 'Play';
  }

  /** The picture's rectangle in the middle of the canvas, as large as fits. */
  function draw({ left, right, bottom, top, shapes }: ShapesPicture): void {
    const ratio = devicePixelRatio;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
    if (canvas.width !== Math.round(width)) canvas.width = Math.round(width);
    if (canvas.height !== Math.round(height)) canvas.height = Math.round(height);
    const scale = Math.min(width / (right - left), height / (top - bottom));
    const colors = getComputedStyle(document.documentElement);
    const context = canvas.getContext('2d')!;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.translate(width / 2, height / 2);
    context.scale(scale, -scale);
    context.translate(-(left + right) / 2, -(bottom + top) / 2);
    context.lineCap = context.lineJoin = 'round';
    for (const shape of shapes) {
      context.beginPath();
      if (shape.kind === 'circle')
        context.arc(shape.centre[0], shape.centre[1], shape.radius, 0, 2 * Math.PI);
      else for (const [x, y] of shape.points) context.lineTo(x, y);
      context.fillStyle = context.strokeStyle = colors.getPropertyValue(`--${shape.role}`).trim();
      if (shape.kind === 'line') {
        context.lineWidth = shape.width;
        context.stroke();
      } else context.fill();
    }
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
