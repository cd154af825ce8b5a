// What the bar of a page with a run does: start, pause, step, stop, reset, the speed, a link; the page's worker, and what is
// going on in it.

import { type Bar, type Button, buildBar } from './bar.ts';
import { keepInLink, restoreFromLink } from './form.ts';
import { clearError, element, keepForOffline, showError, showStatus, startWorker } from './page.ts';
import { isOpen, isResting, isTurning, PHASES, type Phase } from './phases.ts';
import type { Adapter, RunCommand, RunReport, SavedAt } from './protocol.ts';
import type { SavedRuns } from './saved_runs.ts';
import { whyNot } from './saving.ts';

const HIDDEN = 'Paused while this tab is hidden.';

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

/** Builds the bar in the element with the id `bar`, opens the page's worker, and keeps both in step. */
export class RunControls<Command extends { type: string }, Report extends { type: string }> {
  private readonly bar: Bar;
  private readonly verb: string;
  private worker: Worker;
  private current: Phase = 'opening';
  /** Where the page goes once what was asked beside a run is answered. */
  private afterTask: Phase = 'ready';
  /** Whether the worker has done a run, or lost its device: the next run needs a new one. */
  private begun = false;
  private heldByHiddenTab = false;
  private formIsFilled = false;
  /** Of the run under way. */
  private folder: string | null = null;

  constructor(private readonly options: RunOptions<Command, Report>) {
    const { form, saved, verb = 'Start' } = options;
    this.verb = verb;
    this.bar = buildBar(element('bar', HTMLElement), form.id);
    this.worker = this.connect();
    this.enter('opening');
    keepInLink(form);
    keepForOffline();
    this.listen();
    if (saved)
      saved.onContinue = (path) => {
        if (isOpen(this.phase)) void this.start(path);
      };
  }

  get phase(): Phase {
    return this.current;
  }

  /** Begins a stage of the run, after one that has ended: in the same worker, with what that holds. */
  go(command: Command): void {
    if (this.phase !== 'ended') return;
    clearError();
    this.progress(null);
    this.enter('preparing');
    this.tellSpeed();
    this.tell(command);
  }

  /** Asks something of the worker beside a run, in `ready`, `paused`, `ended`: the page is `busy` until it has answered. */
  ask(command: Command, status: string): void {
    clearError();
    this.afterTask = this.phase;
    this.tell(command);
    this.enter('busy', status);
  }

  /** Tells the worker something that it need not answer. */
  tell(command: Command): void {
    this.worker.postMessage(command);
  }

  /** The share of the run that is done, as a line under the bar; null where no end is known. */
  progress(share: number | null): void {
    const { progress } = this.bar;
    progress.hidden = share === null;
    progress.value = share ?? 0;
  }

  private listen(): void {
    const { form } = this.options;
    const { buttons, speed, link } = this.bar;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.can('go')) this.pressFirst();
    });
    form.addEventListener('input', () => this.labelFirst());
    buttons.step.addEventListener('click', () => {
      if (this.can('step')) this.takeStep();
    });
    buttons.stop.addEventListener('click', () => {
      if (this.can('stop')) this.send({ type: 'stop' }, 'stopping');
    });
    buttons.reset.addEventListener('click', () => {
      if (this.can('reset')) this.reset();
    });
    speed.addEventListener('change', () => this.tellSpeed());
    link.addEventListener('click', () => copyLink(form));
    document.addEventListener('visibilitychange', () => this.followVisibility());
  }

  private pressFirst(): void {
    const stage = this.nextStage();
    if (this.phase === 'running') this.send({ type: 'pause' }, 'pausing');
    else if (this.phase === 'paused') this.send({ type: 'resume' }, 'running');
    else if (stage) this.go(stage.command);
    else void this.start(this.phase === 'lost' ? this.folder : null);
  }

  private takeStep(): void {
    if (this.phase === 'paused') this.send({ type: 'step' }, 'pausing');
    else if (this.options.form.reportValidity()) void this.start(null, { paused: true });
  }

  private reset(): void {
    this.reconnect();
    this.clear();
    this.options.form.reset();
    this.formIsFilled = false;
    history.replaceState(null, '', location.pathname);
    this.enter('opening');
  }

  /** A new run, or one that goes on from its last checkpoint, if it has come so far. */
  private async start(resumed: string | null, { paused = false } = {}): Promise<void> {
    const { saved, begin } = this.options;
    this.clear();
    if (this.begun) this.reconnect();
    this.enter('preparing');
    this.begun = true;
    const { worker } = this;
    let command: Command | null = null;
    let folder: string | null = null;
    try {
      const resume = resumed !== null && (await saved?.resumable(resumed)) === true;
      folder = resume ? resumed : ((await saved?.fresh()) ?? null);
      command = await begin({ folder, resume });
      if (command && folder !== null) await saved?.take(folder);
    } catch (error) {
      showError(whyNot(error));
    }
    if (this.worker !== worker) return; // reset meanwhile
    this.folder = folder;
    // `stop` may have been pressed while this waited.
    if (this.phase === 'stopping') this.enter('ready');
    else if (command === null) this.enter('failed');
    else {
      this.tellSpeed();
      if (paused) this.post({ type: 'pause' }); // after its first turn
      this.tell(command);
    }
  }

  private connect(): Worker {
    this.begun = false;
    return startWorker<Report | RunReport>(
      (message) => this.receive(message),
      (message) => {
        showError(message);
        this.enter('failed');
      },
    );
  }

  private reconnect(): void {
    this.worker.terminate();
    this.worker = this.connect();
  }

  private receive(message: Report | RunReport): void {
    const report = message as RunReport;
    switch (report.type) {
      case 'adapter':
        this.takeAdapter(report.adapter);
        break;
      case 'running':
        if (this.phase === 'preparing') this.enter('running');
        break;
      case 'paused':
        this.enter('paused', this.heldByHiddenTab ? HIDDEN : undefined);
        break;
      case 'ended':
        this.enter(this.phase === 'busy' ? this.afterTask : 'ended', report.status);
        break;
      case 'note':
        showStatus(report.line);
        break;
      case 'lost':
        this.begun = true; // the worker's device is gone, whatever it was doing
        showError(report.message);
        this.enter('lost', this.whatAfterLoss());
        break;
      case 'error':
        showError(report.message);
        if (this.phase === 'busy') this.enter(this.afterTask);
        else this.enter(report.opening ? 'unavailable' : 'failed');
        break;
      default:
        this.options.onReport(message as Report);
    }
  }

  private whatAfterLoss(): string {
    return this.options.saved
      ? 'The GPU was lost. Continue begins again where the run was last saved.'
      : `The GPU was lost. ${this.verb} again opens it anew.`;
  }

  private takeAdapter(adapter: Adapter): void {
    showAdapter(adapter);
    if (!this.formIsFilled) {
      this.options.onAdapter(adapter);
      restoreFromLink(this.options.form);
      this.formIsFilled = true;
    }
    if (this.phase === 'opening') this.enter('ready');
  }

  private send(command: RunCommand, next: Phase): void {
    this.post(command);
    this.enter(next);
  }

  private post(command: RunCommand): void {
    this.worker.postMessage(command);
  }

  private tellSpeed(): void {
    const { value } = this.bar.speed;
    this.post({ type: 'speed', perSecond: value === '' ? null : Number(value) });
  }

  /** A hidden tab does not use the GPU: the run is held, and goes on when the visitor comes back. */
  private followVisibility(): void {
    if (document.hidden && isTurning(this.phase)) {
      this.heldByHiddenTab = true;
      this.post({ type: 'pause' });
    } else if (!document.hidden && this.heldByHiddenTab) {
      this.heldByHiddenTab = false;
      if (this.phase === 'paused') this.send({ type: 'resume' }, 'running');
      else this.post({ type: 'resume' });
    }
  }

  private clear(): void {
    clearError();
    this.options.clear();
    this.progress(null);
  }

  private can(button: Button): boolean {
    return (PHASES[this.phase].can as readonly string[]).includes(button);
  }

  private enter(next: Phase, status: string = PHASES[next].status): void {
    const { form, saved, onPhase } = this.options;
    const { buttons } = this.bar;
    this.current = next;
    showStatus(status);
    this.labelFirst();
    // A disabled button would lose the keyboard's focus; these only say that they do nothing now.
    for (const [name, button] of Object.entries(buttons)) {
      button.ariaDisabled = String(!this.can(name as Button));
    }
    const focused = form.contains(document.activeElement);
    for (const fields of form.querySelectorAll('fieldset')) fields.disabled = !isOpen(next);
    if (focused && !isOpen(next)) buttons.go.focus();
    if (saved) {
      saved.busy = !isOpen(next);
      if (isResting(next)) void saved.refresh();
    }
    onPhase?.(next);
  }

  private nextStage() {
    return this.phase === 'ended' ? (this.options.next?.() ?? null) : null;
  }

  private labelFirst(): void {
    const { go } = this.bar.buttons;
    // A run that is not kept cannot go on.
    const forgotten = this.phase === 'lost' && !this.options.saved;
    const label = forgotten ? 'Start again' : PHASES[this.phase].go;
    go.textContent =
      this.nextStage()?.label ?? label?.replace('Start', this.verb) ?? go.textContent;
  }
}

function showAdapter({ name, software, notice }: Adapter): void {
  element('adapter', HTMLElement).textContent = software ? `${name}, on the CPU` : name;
  element('notice', HTMLElement).textContent = notice;
  element('no-gpu', HTMLElement).hidden = notice === null;
}

async function copyLink(form: HTMLFormElement): Promise<void> {
  form.dispatchEvent(new Event('change'));
  try {
    await navigator.clipboard.writeText(location.href);
    showStatus('A link to this page with these settings is copied.');
  } catch {
    showStatus("The page's address now holds these settings; copy it from there.");
  }
}
