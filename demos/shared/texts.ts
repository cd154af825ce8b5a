// Texts that a model has written, the newest on top. They come from outside, like a visitor's file: `textContent` only.

export interface ShownText {
  readonly heading: string;
  /** Given to the model; it stands before the model's own text, marked. */
  readonly prompt?: string;
  readonly text: string;
}

/** More would make a long run's page slow. */
const MOST = 60;

/** The heading and the text, to stand in an item of such a list. */
export function headedText({ heading, prompt = '', text }: ShownText): HTMLElement[] {
  const title = document.createElement('h3');
  title.textContent = heading;
  const body = document.createElement('pre');
  const given = document.createElement('mark');
  given.textContent = prompt.trimStart();
  body.append(given, text);
  return [title, body];
}

/** A list that grows at its top; `empty` is shown while there is nothing in it. */
export function textList(list: HTMLElement, empty: HTMLElement) {
  list.classList.add('texts');
  return {
    show(shown: ShownText): void {
      const item = document.createElement('li');
      item.append(...headedText(shown));
      list.prepend(item);
      while (list.children.length > MOST) list.lastElementChild!.remove();
      empty.hidden = true;
    },
    clear(): void {
      list.replaceChildren();
      empty.hidden = false;
    },
  };
}
