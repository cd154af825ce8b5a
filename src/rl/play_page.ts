// A page that plays episodes: text or shapes, at their pace, step by step or anywhere in between.

import { escapeHtml, renderPage } from '../io/page.ts';
import { reportStyle } from '../io/report_style.ts';
import { drawShapes } from './draw_shapes.ts';
import type { Frame } from './play.ts';
import { type PlayedEpisode, showEpisodes } from './play_script.ts';

export interface PlayPage {
  readonly title: string;
  readonly subtitle: string;
  readonly frames: readonly Frame[];
  /** Default 30. */
  readonly framesPerSecond?: number;
}

const style = `
${reportStyle}
:root { --agent: var(--series-0); --part: var(--series-1); --ground: var(--soft); --goal: var(--series-2); --danger: #d33a2c; --prize: var(--series-5); }
@media (prefers-color-scheme: dark) { :root { --danger: #ff7a6b; } }
.stage { margin: 24px 0 16px; padding: 16px; }
canvas { display: block; width: 100%; height: min(60vh, 480px); }
.stage pre { max-height: none; min-height: 240px; font-size: 17px; line-height: 1.4; white-space: pre; }
.controls { display: flex; flex-wrap: wrap; gap: 10px; align-items: center; }
.controls input[type=range] { flex: 1 1 200px; accent-color: var(--series-0); }
button, select { font: inherit; color: var(--ink); background: var(--page); border: 1px solid var(--edge); border-radius: 8px; padding: 6px 14px; }
button:focus-visible, select:focus-visible, input:focus-visible { outline: 2px solid var(--series-0); outline-offset: 2px; }
#status { margin: 12px 0 0; font-variant-numeric: tabular-nums; }
[hidden] { display: none !important; }
`;

/** The whole page as text: one file that uses no network. */
export function renderPlay({
  title,
  subtitle,
  frames,
  framesPerSecond = 30,
}: PlayPage): Promise<string> {
  const episodes = byEpisode(frames);
  const options = episodes.map(({ frames }, i) => {
    const { return: earned, step } = frames.at(-1)!;
    return `<option value="${i}">episode ${i + 1}: return ${rounded(earned)}, ${step} steps</option>`;
  });
  return renderPage({
    title,
    style,
    body: `<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(subtitle)}</p>
</header>
<div class="stage card">
<canvas role="img" aria-label="the environment" hidden></canvas>
<pre aria-label="the environment" hidden></pre>
<p id="status" aria-live="off"></p>
</div>
<div class="controls">
<button id="play" type="button">Pause</button>
<button id="step" type="button">Step</button>
<input id="at" type="range" min="0" value="0" step="1" aria-label="step">
<select id="episode" aria-label="episode">${options.join('')}</select>
</div>
<footer>Made by shadegrad. This page is one file and uses no network.</footer>
</main>`,
    data: { id: 'episodes', value: { framesPerSecond, episodes } },
    scripts: [`(${showEpisodes})(${drawShapes});`],
  });
}

function byEpisode(frames: readonly Frame[]): PlayedEpisode[] {
  const episodes: { frames: PlayedEpisode['frames'][number][] }[] = [];
  for (const { episode, step, picture, action, reward, return: earned, end } of frames) {
    const shown = picture && (JSON.parse(JSON.stringify(picture, shorter)) as typeof picture);
    const taken =
      action === null ? null : [action].flatMap((a) => (typeof a === 'number' ? a : [...a]));
    const frame = {
      step,
      picture: shown,
      action: taken?.map(rounded) ?? null,
      reward: rounded(reward),
      return: rounded(earned),
      end,
    };
    (episodes[episode - 1] ??= { frames: [] }).frames.push(frame);
  }
  return episodes;
}

const rounded = (x: number) => Number(x.toPrecision(5));
/** No screen shows more digits. */
const shorter = (_: string, value: unknown) => (typeof value === 'number' ? rounded(value) : value);
