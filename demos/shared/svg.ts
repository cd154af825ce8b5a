// Drawing in SVG: elements with attributes; colours are the style sheet's, by class.

export type Attributes = Readonly<Record<string, string | number>>;

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (SVGElement | string)[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** Redraws when the element's width changes. */
export function onResize(target: HTMLElement, draw: () => void): void {
  let width = 0;
  new ResizeObserver(() => {
    if (target.clientWidth === width) return;
    width = target.clientWidth;
    requestAnimationFrame(draw); // what it changes now would be told to the observer again
  }).observe(target);
}
