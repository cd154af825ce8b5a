// Tokens that are found in a text before it is cut into pieces, such as `<|endoftext|>`.

export interface AddedToken {
  readonly text: string;
  readonly id: number;
  /** It means something beside the text; see `EncodeOptions.specials`. Others are found in every text. */
  readonly special: boolean;
}

export interface Found {
  readonly token: AddedToken;
  /** Where in the text it begins. */
  readonly at: number;
}

interface Node {
  readonly next: Map<number, Node>;
  token: AddedToken | null;
}

/** Finds the tokens in a text from left to right, at each place the longest one. */
export function addedTokenFinder(
  tokens: readonly AddedToken[],
): (text: string) => Generator<Found, void, void> {
  const root: Node = { next: new Map(), token: null };
  const begins = new Uint8Array(1 << 16); // most places of a text are passed by with one look here
  for (const token of tokens) {
    let node = root;
    for (let i = 0; i < token.text.length; i++) {
      const unit = token.text.charCodeAt(i);
      if (!node.next.has(unit)) node.next.set(unit, { next: new Map(), token: null });
      node = node.next.get(unit)!;
    }
    node.token = token;
    begins[token.text.charCodeAt(0)] = 1;
  }
  return function* (text) {
    if (tokens.length === 0) return;
    for (let at = 0; at < text.length; at++) {
      if (begins[text.charCodeAt(at)] === 0) continue;
      const token = longestAt(root, text, at);
      if (token === null) continue;
      yield { token, at };
      at += token.text.length - 1;
    }
  };
}

function longestAt(root: Node, text: string, at: number): AddedToken | null {
  let token: AddedToken | null = null;
  let node = root.next.get(text.charCodeAt(at));
  while (node !== undefined) {
    token = node.token ?? token;
    node = node.next.get(text.charCodeAt(++at)); // NaN at the end: no child
  }
  return token;
}
