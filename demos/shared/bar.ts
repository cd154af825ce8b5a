// How the bar of a page with a run looks: its buttons, the speed, a line for the status, a line for the progress.

export type Button = 'go' | 'step' | 'stop' | 'reset';

export interface Bar {
  readonly buttons: Readonly<Record<Button, HTMLButtonElement>>;
  /** Updates a second; '' for as many as there can be. */
  readonly speed: HTMLSelectElement;
  readonly link: HTMLButtonElement;
  readonly progress: HTMLProgressElement;
}

const SPEEDS = [
  ['', 'full speed'],
  ['10', '10 updates a second'],
  ['3', '3 a second'],
  ['1', '1 a second'],
] as const;

/** Fills the bar; its first button submits the form with this id. */
export function buildBar(bar: HTMLElement, form: string): Bar {
  const buttons = {
    go: button('go', 'Start'),
    step: button('one-step', 'Step'),
    stop: button('stop', 'Stop'),
    reset: button('reset', 'Reset'),
  };
  buttons.step.title = 'Goes on to the next update, and pauses again';
  buttons.go.className = 'primary';
  buttons.go.type = 'submit';
  buttons.go.setAttribute('form', form);
  const link = button('link', 'Copy link');
  link.title = 'A link that opens this page with these settings';
  const speed = document.createElement('select');
  speed.id = 'speed-limit';
  speed.ariaLabel = 'Speed';
  for (const [value, label] of SPEEDS) speed.add(new Option(label, value));
  const row = document.createElement('div');
  row.className = 'buttons';
  row.append(...Object.values(buttons), speed, link);
  const status = document.createElement('p');
  status.id = 'status';
  status.role = 'status';
  const progress = document.createElement('progress');
  progress.id = 'progress';
  progress.ariaLabel = 'Share of the run that is done';
  progress.hidden = true;
  bar.replaceChildren(row, status, progress);
  return { buttons, speed, link, progress };
}

function button(id: string, label: string): HTMLButtonElement {
  const made = document.createElement('button');
  made.id = id;
  made.type = 'button';
  made.textContent = label;
  return made;
}
