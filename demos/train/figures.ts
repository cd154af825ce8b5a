// The figures above the plot: where the run is, how well it does, how fast, how long still.

import type { TrainProgress } from '../../src/llm/index.ts';
import { element } from '../shared/page.ts';
import type { Facts, Report } from './protocol.ts';

const facts = element('facts', HTMLElement);
const figures = {
  step: element('step', HTMLElement),
  training: element('training-loss', HTMLElement),
  validation: element('validation-loss', HTMLElement),
  bits: element('bits', HTMLElement),
  speed: element('speed', HTMLElement),
  stepTime: element('step-time', HTMLElement),
  memory: element('memory', HTMLElement),
  left: element('left', HTMLElement),
};
const floorHint = element('floor-hint', HTMLElement);
const beforeRun = facts.textContent;

/** Steps and seconds of the run so far, without the first report, which compiles, and without pauses. */
let timed = { steps: 0, seconds: 0 };
let last: { step: number; time: number } | null = null;

export function clearFigures(): void {
  floorHint.hidden = false;
  for (const figure of Object.values(figures)) figure.textContent = '–';
  figures.memory.title = '';
  facts.textContent = beforeRun;
  timed = { steps: 0, seconds: 0 };
  last = null;
}

/** The time until the next report is not the run's. */
export function pauseClock(): void {
  last = null;
}

export function showFacts({ source, parameters, trained, heldOut, ...rest }: Facts): void {
  const { vocabulary, entropyFloor, unit, charactersPerToken, first } = rest;
  floorHint.hidden = entropyFloor === null; // a visitor's text has no known entropy
  const n = (count: number) => count.toLocaleString('en');
  facts.textContent =
    `A model of ${n(parameters)} parameters on ${source}: ${n(trained)} ${unit}s to learn from, ` +
    `${n(heldOut)} held out, ${n(vocabulary.length)} different ones` +
    `${unit === 'token' ? `, of ${charactersPerToken.toFixed(2)} characters on average` : ''}.` +
    `${first > 0 ? ` It goes on after step ${n(first)}.` : ''}`;
}

/** @param positions of a step's batch */
export function showProgress(
  { progress, bitsPerByte, memory }: Extract<Report, { type: 'progress' }>,
  positions: number,
): void {
  const { step, steps, losses, tokensPerSecond, evaluation }: TrainProgress = progress;
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  figures.step.textContent = `${step.toLocaleString('en')} / ${steps.toLocaleString('en')}`;
  figures.training.textContent = formatLoss(mean);
  if (evaluation) figures.validation.textContent = formatLoss(evaluation.loss);
  if (bitsPerByte !== null) figures.bits.textContent = bitsPerByte.toFixed(3);
  figures.speed.textContent = threeDigits.format(tokensPerSecond);
  figures.stepTime.textContent = `${threeDigits.format((1000 * positions) / tokensPerSecond)} ms`;
  figures.memory.textContent = `${(memory / 2 ** 20).toFixed(1)} MB`;
  figures.memory.title = `${memory.toLocaleString('en')} bytes`;
  figures.left.textContent = timeLeft(step, steps);
}

export const formatLoss = (loss: number) => loss.toFixed(3);

function timeLeft(step: number, steps: number): string {
  const time = performance.now();
  if (last) {
    const seconds = (time - last.time) / 1000;
    timed = { steps: timed.steps + step - last.step, seconds: timed.seconds + seconds };
  }
  last = { step, time };
  return timed.steps === 0 ? '–' : duration(((steps - step) * timed.seconds) / timed.steps);
}

const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** `0:42`, `12:05`, `1:02:05`. */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}
