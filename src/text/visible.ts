// What a user sees of a text that comes bit by bit: all but what stands between two tags, and the tags themselves.

export interface VisibleStream {
  /** What can be shown with this piece. What may be the beginning of a tag waits until it is known. */
  push(text: string): string;
  /** What waited, where it turned out to be no tag. What a tag opened and none closed is never shown. */
  end(): string;
}

export interface HiddenTags {
  readonly open: string;
  readonly close: string;
  /** Whether the text begins between the tags: a prompt may have opened them. Default false. */
  readonly inside?: boolean;
}

export function visibleStream({ open, close, inside = false }: HiddenTags): VisibleStream {
  let waiting = '';
  return {
    push(text) {
      waiting += text;
      let shown = '';
      for (;;) {
        // A close that nothing opened is no text either.
        const tags = inside ? [close] : [open, close];
        const found = tags.map((tag) => ({ tag, at: waiting.indexOf(tag) }));
        const [first] = found.filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at);
        const ready =
          first?.at ?? waiting.length - Math.max(...tags.map((tag) => begun(waiting, tag)));
        if (!inside) shown += waiting.slice(0, ready);
        waiting = waiting.slice(ready + (first?.tag.length ?? 0));
        if (!first) return shown;
        inside = first.tag === open;
      }
    },
    end: () => (inside ? '' : waiting),
  };
}

/** Characters at the end of the text that the tag begins with. */
function begun(text: string, tag: string): number {
  let length = Math.min(text.length, tag.length - 1);
  while (!text.endsWith(tag.slice(0, length))) length--;
  return length;
}

/** The whole text, as a user sees it. */
export function visibleText(text: string, tags: HiddenTags): string {
  const stream = visibleStream(tags);
  return stream.push(text) + stream.end();
}
