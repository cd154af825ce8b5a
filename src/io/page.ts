// Pages that are one file: they open from disk and never use the network.
// Everything in them that comes from a model or a file is text: escaped in the markup, and in JSON with `<` escaped. The
// content security policy runs the scripts whose hashes it lists and nothing else.

import { DataError } from '../errors.ts';

export interface Page {
  readonly title: string;
  readonly style: string;
  /** Markup, in which all text is escaped. */
  readonly body: string;
  /** JSON for the scripts, in an element of this id. */
  readonly data: { readonly id: string; readonly value: unknown };
  readonly scripts: readonly string[];
}

/** The whole page as text. @throws DataError when a script or style could end its own element */
export async function renderPage({ title, style, body, data, scripts }: Page): Promise<string> {
  const look = inlined('style', style);
  const code = scripts.map((script) => inlined('script', script));
  const hashes = await Promise.all(code.map(async (script) => `'${await sha256(script)}'`));
  const policy =
    `default-src 'none'; script-src ${hashes.join(' ')}; style-src '${await sha256(look)}'; ` +
    `base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${look}</style>
</head>
<body>
${body}
<script type="application/json" id="${data.id}">${escapedJson(data.value)}</script>
${code.map((script) => `<script>${script}</script>`).join('\n')}
</body>
</html>
`;
}

const HTML_ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML_ESCAPES[character]!);
}

/** JSON that cannot end the script element that holds it, nor open a comment in it. */
function escapedJson(value: unknown): string {
  return JSON.stringify(value).replace(/</g, '\\u003c');
}

/** `text`, which is our own or a library's, as the content of a style or script element. */
function inlined(element: string, text: string): string {
  if (/<\/(script|style)|<!--/i.test(text)) {
    throw new DataError(`page: the text for <${element}> contains "</${element}" or "<!--"`);
  }
  return text.replace(/\r\n?/g, '\n'); // as the page's parser reads it, and so as it is hashed
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}
