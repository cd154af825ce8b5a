// Which tokens of an example count in the loss, as lines to print.

import type { Example } from '../llm/supervised.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { withoutControls } from './progress.ts';

interface Run {
  readonly counted: boolean;
  readonly ids: number[];
}

/** For each example its place and numbers, then its runs of masked and counted tokens; with `json` one object an example. */
export function maskLines(
  examples: readonly Example[],
  tokenizer: Tokenizer,
  { json = false }: { readonly json?: boolean },
): string[] {
  return examples.flatMap((example) => {
    const { place, ids, counted } = example;
    const runs = runsOf(example).map((run) => ({ ...run, text: tokenizer.decode(run.ids) }));
    if (json) return [JSON.stringify({ place, runs })];
    const count = counted.filter((each) => each).length;
    return [
      `${place}: ${ids.length} tokens, ${count} counted`,
      ...runs.map(
        ({ counted, text }) =>
          `  ${counted ? 'counted' : 'masked '}  ${JSON.stringify(withoutControls(text))}`,
      ),
    ];
  });
}

function runsOf({ ids, counted }: Example): Run[] {
  const runs: Run[] = [];
  for (const [i, id] of ids.entries()) {
    const last = runs.at(-1);
    if (last && last.counted === counted[i]) last.ids.push(id);
    else runs.push({ counted: counted[i]!, ids: [id] });
  }
  return runs;
}
