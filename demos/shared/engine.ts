// The worker's side of a page: it opens the GPU, does what the page asks, and waits where the visitor pauses. A worker does
// one run, in one stage or several: ending it frees all that the run held.

import { Device, DeviceLostError } from '../../src/index.ts';
import type { Adapter, RunCommand, RunReport, Speed } from './protocol.ts';

export interface Engine<Report> {
  report(message: Report): void;
  /** A line for the page's status. */
  note(line: string): void;
  /** Aborted when the visitor stops what is under way; a stage that is begun after it has its own. */
  readonly signal: AbortSignal;
  /**
   * To be awaited after each turn of a run: tells the page that it runs, answers what was asked in between, waits while it is
   * paused, and keeps to its speed.
   */
  turn(): Promise<void>;
}

/**
 * Answers the page's commands. `obey` handles the page's own, one after another, and those that come during a run between
 * its turns; its status is what the page then shows, null for what the page has only told (`Run.tell`), and what it throws
 * reaches the page's error line.
 */
export function serve<Command extends { type: string }, Report extends { type: string }>(
  obey: (command: Command, device: Device, engine: Engine<Report>) => Promise<string | null>,
): void {
  const post = (message: Report | RunReport) => postMessage(message);
  let stop = new AbortController();
  const pace = new Pace((type) => post({ type }));
  const engine: Engine<Report> = {
    report: post,
    note: (line) => post({ type: 'note', line }),
    get signal() {
      return stop.signal;
    },
    turn: () => pace.turn(answerAll),
  };
  const device = open(post);
  const waiting: Command[] = [];
  let answering = false;

  addEventListener('message', ({ data }: MessageEvent<Command | RunCommand>) => {
    if (pace.obey(data as RunCommand)) return;
    if (data.type === 'stop') return stop.abort();
    waiting.push(data as Command);
    pace.wake();
    if (!answering) void begin();
  });

  async function begin(): Promise<void> {
    answering = true;
    stop = new AbortController();
    pace.begin(stop.signal);
    await answerAll();
    answering = false;
    pace.end();
  }

  async function answerAll(): Promise<void> {
    for (let next = waiting.shift(); next; next = waiting.shift()) await answer(next);
  }

  async function answer(command: Command): Promise<void> {
    const opened = await device;
    if (!opened) return;
    try {
      const status = await obey(command, opened, engine);
      if (status !== null) post({ type: 'ended', status });
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof DeviceLostError) post({ type: 'lost', message });
      else post({ type: 'error', opening: false, message });
    }
  }
}

/** What comes of `made`; null where it ended because the signal was aborted. */
export async function unlessStopped<T>(signal: AbortSignal, made: Promise<T>): Promise<T | null> {
  try {
    return await made;
  } catch (error) {
    if (signal.aborted && error === signal.reason) return null;
    throw error;
  }
}

/** Bytes of GPU memory: in use, and waiting to be used again. */
export function heldBytes(device: Device): number {
  const { bytesInUse, bytesPooled } = device.memory();
  return bytesInUse + bytesPooled;
}

/** Null, with the reason reported, when the browser gives no GPU. */
async function open(post: (message: RunReport) => void): Promise<Device | null> {
  const late = setTimeout(() => post({ type: 'note', line: NO_ANSWER }), LATE_MS);
  try {
    const device = await Device.open({ announce: null });
    post({ type: 'adapter', adapter: adapterOf(device) });
    return device;
  } catch (error) {
    post({ type: 'error', opening: true, message: (error as Error).message });
    return null;
  } finally {
    clearTimeout(late);
  }
}

const LATE_MS = 15_000;
/** A kernel that never ends can hold all that comes after it. */
const NO_ANSWER =
  'The browser does not answer about its GPU yet. If it stays so, close the browser, and open it again.';

function adapterOf({ adapter }: Device): Adapter {
  const { name, vendor, software, notice = null } = adapter;
  const told = name.toLowerCase().includes(vendor.toLowerCase());
  return { name: told ? name : `${vendor} ${name}`, software, notice };
}

/** Whether a run may go on: paused or not, for how many turns, how fast. */
class Pace {
  private state: 'idle' | 'running' | 'paused' = 'idle';
  private paused = false;
  /** Turns that a paused run may still take. */
  private steps = 0;
  private perSecond: Speed = null;
  private last = 0;
  private signal = new AbortController().signal;
  /** Ends a wait. */
  wake = () => {};

  constructor(private readonly report: (type: 'running' | 'paused') => void) {}

  /** What comes now ends when this is aborted, and a pause with it. */
  begin(signal: AbortSignal): void {
    [this.signal, this.state, this.steps] = [signal, 'idle', 0];
    signal.addEventListener('abort', () => {
      this.paused = false;
      this.wake();
    });
  }

  /** A pause that came too late is not for what comes next. */
  end(): void {
    this.paused = false;
  }

  /** Whether the command was about the pace. */
  obey(command: RunCommand): boolean {
    if (command.type === 'pause') this.paused = true;
    else if (command.type === 'resume') this.paused = false;
    else if (command.type === 'step') [this.paused, this.steps] = [true, this.steps + 1];
    else if (command.type === 'speed') this.perSecond = command.perSecond;
    else return false;
    this.wake();
    return true;
  }

  async turn(between: () => Promise<void>): Promise<void> {
    await this.slow();
    await between();
    while (this.paused && this.steps === 0 && !this.signal.aborted) {
      this.tell('paused');
      await this.command();
      await between();
    }
    this.steps = Math.max(0, this.steps - 1);
    this.last = performance.now();
    if (this.paused)
      this.state = 'idle'; // the turn after this one is paused again, and told
    else this.tell('running');
  }

  /** Waits until the turn before has lasted as long as the speed says; a command ends the wait. */
  private async slow(): Promise<void> {
    if (this.perSecond === null || this.paused || this.signal.aborted) return;
    const left = this.last + 1000 / this.perSecond - performance.now();
    if (left > 0) await Promise.race([this.command(), sleep(left)]);
  }

  private tell(state: 'running' | 'paused'): void {
    if (this.state === state) return;
    this.state = state;
    this.report(state);
  }

  private command(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}

const sleep = (milliseconds: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, milliseconds);
  });
