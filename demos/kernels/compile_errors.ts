// Where a kernel does not compile, from the text of the error. Ours, of the file by itself, is `file:line:column message`, with
// the line and a caret below; the driver's, once constants are replaced for a launch, has `:line:column error: message`.

import type { CompileError } from './protocol.ts';

const PLACE = /(?:^[^\n:]*|WGSL: ):(\d+):(\d+) (?:error: )?(.*)$/gm;

/** Empty where the error is about no place. @param lines how many the visitor's text has: the library's follow it */
export function compileErrors(message: string, lines: number): CompileError[] {
  return [...message.matchAll(PLACE)].map(([, line, column, text]) =>
    Number(line) <= lines
      ? { line: Number(line), column: Number(column), message: text! }
      : { line: 0, column: 0, message: `${text} (in kernels/lib, which follows your text)` },
  );
}
