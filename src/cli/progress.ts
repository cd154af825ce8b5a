// How a training run looks in a terminal: a bar that is redrawn in place; in a log file, a line now and then; with --json,
// one object a line. Progress goes to stderr, so that stdout stays free for results; JSON goes to stdout.

import { MultiBar } from 'cli-progress';

export interface TrainingStatus {
  readonly loss?: number;
  readonly tokensPerSecond?: number;
  /** Of an agent: its mean return, the entropy of its policy, the KL from the one that acted, environment steps/s. */
  readonly return?: number;
  readonly entropy?: number;
  readonly kl?: number;
  readonly stepsPerSecond?: number;
  /** Of this step, where it was evaluated; in the JSON only, a terminal gets a note. */
  readonly validationLoss?: number;
}

export interface TrainingProgress {
  /** Steps done so far, and the newest figures; those left out keep what was shown last. */
  update(step: number, status?: TrainingStatus): void;
  /** A line above the bar: a validation loss, a sample, a checkpoint. */
  note(text: string): void;
  /** Draws the last state and gives the terminal back. Call it last and once, in `finally`: the bar's timer keeps the process alive. */
  finish(): void;
}

export interface ProgressOptions {
  /** Steps of the whole run. */
  readonly total: number;
  /** Steps done before, when a run is resumed; 0. */
  readonly start?: number;
  /** Print JSON only; false. */
  readonly json?: boolean;
  /** Where to print; stdout with `json`, else stderr. */
  readonly stream?: NodeJS.WriteStream | NodeJS.WritableStream;
  /** A clock in milliseconds; `performance.now`. */
  readonly now?: () => number;
}

/** What a line shows. */
interface Shown extends TrainingStatus {
  readonly step: number;
  readonly total: number;
  readonly secondsLeft: number | null;
}

/** A log gets a line when this much of the run, or this much time, has passed since the last one. */
const LOG_FRACTION = 0.1;
const LOG_INTERVAL_MS = 10_000;

const REDRAW_INTERVAL_MS = 100;

export function trainingProgress(options: ProgressOptions): TrainingProgress {
  const { json = false, stream = json ? process.stdout : process.stderr } = options;
  if (json) return jsonProgress(options.total, stream);
  const isTerminal = 'isTTY' in stream && stream.isTTY === true;
  return isTerminal ? barProgress(options, stream) : logProgress(options, stream);
}

function jsonProgress(total: number, stream: NodeJS.WritableStream): TrainingProgress {
  const print = (line: object) => void stream.write(`${JSON.stringify(line)}\n`);
  return {
    update: (step, status = {}) => print({ step, total, ...status }),
    note: (text) => print({ note: text }),
    finish: () => {},
  };
}

function logProgress(options: ProgressOptions, stream: NodeJS.WritableStream): TrainingProgress {
  const { total, start = 0, now = () => performance.now() } = options;
  const timeLeft = timeLeftEstimate(total, start, now());
  let shown: Shown = { step: start, total, secondsLeft: null };
  let printed = { step: start, time: now() };
  const print = () => {
    stream.write(`${logLine(shown)}\n`);
    printed = { step: shown.step, time: now() };
  };
  return {
    update(step, status = {}) {
      shown = { ...shown, ...status, step, secondsLeft: timeLeft(step, now()) };
      const due =
        step - printed.step >= LOG_FRACTION * total || now() - printed.time >= LOG_INTERVAL_MS;
      if (due) print();
    },
    note: (text) => void stream.write(`${withoutControls(text)}\n`),
    finish() {
      if (shown.step !== printed.step) print();
    },
  };
}

// A MultiBar with one bar: unlike SingleBar it can print lines above the bar, and it does not save and restore the cursor's
// place on the screen, which is another place once those lines have scrolled it.
function barProgress(options: ProgressOptions, stream: NodeJS.WritableStream): TrainingProgress {
  const { total, start = 0, now = () => performance.now() } = options;
  const color = process.env.NO_COLOR === undefined;
  const timeLeft = timeLeftEstimate(total, start, now());
  let shown: Shown = { step: start, total, secondsLeft: null };
  const bars = new MultiBar({
    stream,
    forceRedraw: true, // else a note leaves the line below it empty until the next step
    hideCursor: true,
    gracefulExit: false, // the command decides what Ctrl-C does, and calls finish()
    format: (_, { maxWidth }) => barLine(shown, maxWidth, color),
  });
  const bar = bars.create(total, start);
  let drawn = now();
  const finish = () => {
    process.off('exit', finish);
    bars.stop();
  };
  process.once('exit', finish); // an uncaught error must not leave the terminal without a cursor
  return {
    update(step, status = {}) {
      shown = { ...shown, ...status, step, secondsLeft: timeLeft(step, now()) };
      bar.update(step);
      if (now() - drawn < REDRAW_INTERVAL_MS) return;
      drawn = now();
      bars.update(); // its timer is late while steps keep the thread busy
    },
    note(text) {
      bars.log(`${withoutControls(text)}\n`);
      bars.update();
    },
    finish,
  };
}

/**
 * Seconds left = steps left · T / S, where T and S sum the time and the steps of the past, with the weight exp(-age/h) by age in
 * steps. h is a twentieth of the run, so that one slow step (a validation, a checkpoint) moves the estimate little and a
 * lasting change soon. The first step compiles the pipelines: it counts only until there is a second.
 */
export function timeLeftEstimate(
  total: number,
  start: number,
  startTime: number,
): (step: number, time: number) => number | null {
  const horizon = Math.max(20, total / 20);
  let [lastStep, lastTime] = [start, startTime];
  let [time, steps] = [0, 0];
  let updates = 0;
  return (step, now) => {
    const ahead = step - lastStep;
    if (ahead > 0) {
      updates++;
      const keep = updates === 2 ? 0 : Math.exp(-ahead / horizon);
      time = time * keep + (now - lastTime) / 1000;
      steps = steps * keep + ahead;
      [lastStep, lastTime] = [step, now];
    }
    return steps === 0 ? null : (Math.max(total - step, 0) * time) / steps;
  };
}

const BAR_WIDTH = 24;
const CYAN = '\x1b[36m';
const DIM = '\x1b[2m';
const RED = '\x1b[31m';
const PLAIN = '\x1b[0m';

/** `━━━━━━────── 42%  420/1,000  loss 2.314  12.4k tok/s  1:23 left`, less the last parts where the terminal is narrow. */
export function barLine(shown: Shown, columns: number, color: boolean): string {
  const paint = (style: string, text: string) => (color ? style + text + PLAIN : text);
  const fraction = shown.total > 0 ? Math.min(1, shown.step / shown.total) : 1;
  const full = Math.floor(fraction * BAR_WIDTH);
  const bar = paint(CYAN, '━'.repeat(full)) + paint(DIM, '─'.repeat(BAR_WIDTH - full));
  let line = `${bar} ${percent(fraction)}`;
  let width = BAR_WIDTH + 5;
  for (const part of parts(shown)) {
    width += part.length + 2;
    if (width >= columns) break;
    line += `  ${part.includes('NaN') || part.includes('∞') ? paint(RED, part) : part}`;
  }
  return line;
}

function logLine(shown: Shown): string {
  const fraction = shown.total > 0 ? Math.min(1, shown.step / shown.total) : 1;
  return [percent(fraction), ...parts(shown)].join('  ');
}

function parts({ step, total, secondsLeft, ...figures }: Shown): string[] {
  const { loss, entropy, kl, tokensPerSecond, stepsPerSecond } = figures;
  const count = total.toLocaleString('en-US');
  const steps = [`${step.toLocaleString('en-US').padStart(count.length)}/${count}`];
  if (loss !== undefined) steps.push(`loss ${formatLoss(loss)}`);
  if (figures.return !== undefined) steps.push(`return ${figures.return.toFixed(1)}`);
  if (entropy !== undefined) steps.push(`entropy ${formatLoss(entropy)}`);
  if (kl !== undefined) steps.push(`KL ${formatLoss(kl)}`);
  if (tokensPerSecond !== undefined) steps.push(`${formatRate(tokensPerSecond)} tok/s`);
  if (stepsPerSecond !== undefined) steps.push(`${formatRate(stepsPerSecond)} steps/s`);
  if (secondsLeft !== null && step < total) steps.push(`${formatDuration(secondsLeft)} left`);
  return steps;
}

function percent(fraction: number): string {
  return `${Math.floor(fraction * 100)}%`.padStart(4);
}

/** Three decimals; four digits below 0.1; a divergence in full view. */
export function formatLoss(loss: number): string {
  if (!Number.isFinite(loss)) return Number.isNaN(loss) ? 'NaN' : `${loss < 0 ? '-' : ''}∞`;
  const size = Math.abs(loss);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return loss.toExponential(2);
  return size !== 0 && size < 0.1 ? loss.toPrecision(3) : loss.toFixed(3);
}

/** Three digits: `950`, `12.4k`, `1.20M`. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 999.5e3) return `${(perSecond / 1e6).toPrecision(3)}M`;
  if (perSecond >= 999.5) return `${(perSecond / 1e3).toPrecision(3)}k`;
  return perSecond >= 99.5 ? perSecond.toFixed(0) : perSecond.toPrecision(3);
}

/** `42s`, `1:23` (minutes), `2h 05m`, `3d 04h`. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const pad = (n: number) => String(n).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}:${pad(whole % 60)}`;
  const hours = Math.floor(whole / 3600);
  if (hours < 48) return `${hours}h ${pad(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(hours / 24)}d ${pad(hours % 24)}h`;
}

/** A model's text could hold escape sequences that move the cursor or rename the window; they become visible marks. */
export function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  return text.replace(/\r\n/g, '\n').replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd');
}
