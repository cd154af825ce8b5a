// Problems with an answer that can be checked: what a model reads, and the one line that it is to write after it.

export interface Problem {
  readonly prompt: string;
  /** Without the end of the line. */
  readonly completion: string;
}

/** Every character of the problems, and the end of a line: an alphabet for `characterTokenizer`. */
export function textOf(problems: readonly Problem[]): string {
  return problems.map(({ prompt, completion }) => `${prompt}${completion}\n`).join('');
}
