// The style sheet's colours, for what is drawn on a canvas.

/** As it is now, light or dark: `color('series-0')` is the variable --series-0. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
