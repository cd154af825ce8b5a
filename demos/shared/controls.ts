// What the bar of a page with a run does: start, pause, step, stop, reset, the speed, a link; the page's worker, and what is
// going on in it.

import { type Button, buildBar } from './bar.ts';
import { keepInLink, restoreFromLink } from './form.ts';
import { clearError, element, keepForOffline, showError, showStatus, startWorker } from './page.ts';
import type { Adapter, RunCommand, RunReport, SavedAt } from './protocol.ts';
import type { SavedRuns } from './saved_runs.ts';
import { whyNot } from './saving.ts';

/** What the page is doing; the buttons follow from it. */
export type Phase = keyof typeof PHASES;

/** `go` is the first button's label, null where it stays; `can` lists the buttons that do something. */
const PHASES = {
  opening: { status: 'Looking for a GPU…', go: 'Start', can: [] },
  unavailable: { status: 'Nothing can run without WebGPU.', go: 'Start', can: [] },
  ready: { status: 'Ready.', go: 'Start', can: ['go', 'step', 'reset'] },
  preparing: { status: 'Compiling kernels…', go: 'Pause', can: ['stop', 'reset'] },
  running: { status: 'Running.', go: 'Pause', can: ['go', 'stop', 'reset'] },
  pausing: { status: 'Pausing after this step…', go: null, can: ['stop', 'reset'] },
  paused: { status: 'Paused.', go: 'Continue', can: ['go', 'step', 'stop', 'reset'] },
  stopping: { status: 'Stopping after this step…', go: null, can: ['reset'] },
  busy: { status: 'Working…', go: null, can: ['reset'] },
  ended: { status: 'Done.', go: 'Start again', can: ['go', 'reset'] },
  lost: { status: 'The GPU was lost.', go: 'Continue', can: ['go', 'reset'] },
  failed: { status: 'Ended by an error.', go: 'Start again', can: ['go', 'reset'] },
} as const satisfies Record<string, { status: string; go: string | null; can: readonly Button[] }>;

/** Phases in which the settings may be changed. */
const OPEN: readonly Phase[] = ['ready', 'ended', 'failed'];
export const isOpen = (phase: Phase): boolean => OPEN.includes(phase);
/** Phases in which a run takes turns, so that a hidden tab must hold it. */
const TURNING: readonly Phase[] = ['preparing', 'running'];

export interface RunOptions<Command, Report> {
  /** The settings; its fieldset is locked while a run holds them. Enter in it presses the first button. */
  readonly form: HTMLFormElement;
  /** What begins a run, or goes on with a saved one; null where the form does not allow it, with the reason on the error line. */
  begin(where: SavedAt): Command | null | Promise<Command | null>;
  /** Where runs are kept; null for a page whose runs are not. */
  readonly saved: SavedRuns | null;
  /** Of a run in stages: what the first button does once one has ended. Null, or nothing given: it starts a new run. */
  next?(): { readonly label: string; readonly command: Command } | null;
  /** What the first button does, where that is not 'Start'. */
  readonly verb?: string;
  /** Empties what a run has shown. */
  clear(): void;
  /** Of each new worker, before anything else: the form takes its defaults from it, once. */
  onAdapter(adapter: Adapter): void;
  /** The page's own reports. */
  onReport(report: Report): void;
  /** Told of each change, after the bar follows it. */
  onPhase?(phase: Phase): void;
}

export interface Run<Command> {
  readonly phase: Phase;
  /** Begins a stage of the run, after one that has ended: in the same worker, with what that holds. */
  go(command: Command): void;
  /** Asks something of the worker beside a run, in `ready`, `paused`, `ended`: the page is `busy` until it has answered. */
  ask(command: Command, status: string): void;
  /** Tells the worker something that it need not answer. */
  tell(command: Command): void;
  /** The share of the run that is done, as a line under the bar; null where no end is known. */
  progress(share: number | null): void;
}

/** Builds the bar in the element with the id `bar`, opens the page's worker, and keeps both in step. */
export function runControls<Command extends { type: string }, Report extends { type: string }>(
  options: RunOptions<Command, Report>,
): Run<Command> {
  const { form, saved, verb = 'Start' } = options;
  const { buttons, speed, link, progress } = buildBar(element('bar', HTMLElement), form.id);
  let phase: Phase = 'opening';
  let afterTask: Phase = 'ready';
  let begun = false;
  let hidden = false;
  let filled = false;
  let folder: string | null = null;
  let worker = connect();
  enter('opening');
  keepInLink(form);
  keepForOffline();

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!can('go')) return;
    if (phase === 'running') send({ type: 'pause' }, 'pausing');
    else if (phase === 'paused') send({ type: 'resume' }, 'running');
    else if (phase === 'ended' && options.next?.()) go(options.next()!.command);
    else start(phase === 'lost' ? folder : null);
  });
  form.addEventListener('input', labelFirst);
  if (saved)
    saved.onContinue = (path) => {
      if (isOpen(phase)) start(path);
    };
  buttons.step.addEventListener('click', () => {
    if (!can('step')) return;
    if (phase === 'paused') send({ type: 'step' }, 'pausing');
    else if (form.reportValidity()) start(null, { paused: true });
  });
  buttons.stop.addEventListener('click', () => {
    if (can('stop')) send({ type: 'stop' }, 'stopping');
  });
  buttons.reset.addEventListener('click', () => {
    if (!can('reset')) return;
    reconnect();
    clearError();
    options.clear();
    progress.hidden = true;
    form.reset();
    filled = false;
    history.replaceState(null, '', location.pathname);
    enter('opening');
  });
  speed.addEventListener('change', tellSpeed);
  link.addEventListener('click', copyLink);
  document.addEventListener('visibilitychange', followVisibility);

  function connect(): Worker {
    begun = false;
    return startWorker<Report | RunReport>(receive, (message) => {
      showError(message);
      enter('failed');
    });
  }

  function reconnect(): void {
    worker.terminate();
    worker = connect();
  }

  function send(command: RunCommand, next: Phase): void {
    worker.postMessage(command);
    enter(next);
  }

  function can(button: Button): boolean {
    return (PHASES[phase].can as readonly string[]).includes(button);
  }

  function enter(next: Phase, status: string = PHASES[next].status): void {
    phase = next;
    showStatus(status);
    labelFirst();
    // A disabled button would lose the keyboard's focus; these only say that they do nothing now.
    for (const [name, button] of Object.entries(buttons)) {
      button.ariaDisabled = String(!can(name as Button));
    }
    const focused = form.contains(document.activeElement);
    for (const fields of form.querySelectorAll('fieldset')) fields.disabled = !isOpen(next);
    if (focused && !isOpen(next)) buttons.go.focus();
    if (saved) {
      saved.busy = !isOpen(next);
      if (['paused', 'ended', 'failed', 'lost'].includes(next)) void saved.refresh();
    }
    options.onPhase?.(next);
  }

  function labelFirst(): void {
    const stage = phase === 'ended' ? options.next?.() : null;
    // A run that is not kept cannot go on.
    const go = phase === 'lost' && !saved ? 'Start again' : PHASES[phase].go;
    buttons.go.textContent = stage?.label ?? go?.replace('Start', verb) ?? buttons.go.textContent;
  }

  /** A new run, or one that goes on from its last checkpoint, if it has come so far. */
  async function start(resumed: string | null, { paused = false } = {}): Promise<void> {
    clearError();
    options.clear();
    progress.hidden = true;
    if (begun) reconnect();
    enter('preparing');
    begun = true;
    const mine = worker;
    let command: Command | null = null;
    try {
      const resume = resumed !== null && (await saved?.resumable(resumed)) === true;
      folder = resume ? resumed : ((await saved?.fresh()) ?? null);
      command = await options.begin({ folder, resume });
      if (command && folder !== null) await saved?.take(folder);
    } catch (error) {
      showError(whyNot(error));
    }
    if (worker !== mine) return; // reset meanwhile
    if (phase === 'stopping') return enter('ready');
    if (command === null) return enter('failed');
    tellSpeed();
    if (paused) worker.postMessage({ type: 'pause' } satisfies RunCommand); // after its first turn
    worker.postMessage(command);
  }

  function go(command: Command): void {
    if (phase !== 'ended') return;
    clearError();
    progress.hidden = true;
    enter('preparing');
    tellSpeed();
    worker.postMessage(command);
  }

  function receive(message: Report | RunReport): void {
    const report = message as RunReport;
    switch (report.type) {
      case 'adapter':
        showAdapter(report.adapter);
        return;
      case 'running':
        if (phase === 'preparing') enter('running');
        return;
      case 'paused':
        enter('paused', hidden ? 'Paused while this tab is hidden.' : undefined);
        return;
      case 'ended':
        if (phase === 'busy') enter(afterTask, report.status);
        else enter('ended', report.status);
        return;
      case 'note':
        showStatus(report.line);
        return;
      case 'lost':
        begun = true; // the worker's device is gone, whatever it was doing
        showError(report.message);
        enter(
          'lost',
          saved
            ? 'The GPU was lost. Continue begins again where the run was last saved.'
            : `The GPU was lost. ${verb} again opens it anew.`,
        );
        return;
      case 'error':
        showError(report.message);
        if (phase === 'busy') enter(afterTask);
        else enter(report.opening ? 'unavailable' : 'failed');
        return;
      default:
        options.onReport(message as Report);
    }
  }

  function showAdapter(adapter: Adapter): void {
    const { name, software, notice } = adapter;
    element('adapter', HTMLElement).textContent = software ? `${name}, on the CPU` : name;
    element('notice', HTMLElement).textContent = notice;
    element('no-gpu', HTMLElement).hidden = notice === null;
    if (!filled) {
      options.onAdapter(adapter);
      restoreFromLink(form);
      filled = true;
    }
    if (phase === 'opening') enter('ready');
  }

  function tellSpeed(): void {
    const perSecond = speed.value === '' ? null : Number(speed.value);
    worker.postMessage({ type: 'speed', perSecond } satisfies RunCommand);
  }

  async function copyLink(): Promise<void> {
    form.dispatchEvent(new Event('change'));
    try {
      await navigator.clipboard.writeText(location.href);
      showStatus('A link to this page with these settings is copied.');
    } catch {
      showStatus("The page's address now holds these settings; copy it from there.");
    }
  }

  /** A hidden tab does not use the GPU: the run is held, and goes on when the visitor comes back. */
  function followVisibility(): void {
    if (document.hidden && TURNING.includes(phase)) {
      hidden = true;
      worker.postMessage({ type: 'pause' } satisfies RunCommand);
    } else if (!document.hidden && hidden) {
      hidden = false;
      if (phase === 'paused') send({ type: 'resume' }, 'running');
      else worker.postMessage({ type: 'resume' } satisfies RunCommand);
    }
  }

  return {
    get phase() {
      return phase;
    },
    go,
    ask(command, status) {
      clearError();
      afterTask = phase;
      worker.postMessage(command);
      enter('busy', status);
    },
    tell: (command) => worker.postMessage(command),
    progress(share) {
      progress.hidden = share === null;
      progress.value = share ?? 0;
    },
  };
}
