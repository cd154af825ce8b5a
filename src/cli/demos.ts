// shadegrad demos: serves the built pages on this machine.

import { existsSync } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { ConfigError } from '../errors.ts';

const DEFAULT_PORT = 8080;

const HELP = `
The pages train models in the browser: open the printed address in Chrome or Edge 113, Safari 26 or Firefox 141, or newer.
They are static files in dist/demos; any web server with https can serve them as well.

Examples:
  shadegrad demos
  shadegrad demos --port 3000`;

export function addDemos(program: Command): void {
  program
    .command('demos')
    .description('serve the demo pages on this machine')
    .option('--port <n>', 'port to listen on; 0 takes a free one', String(DEFAULT_PORT))
    .addHelpText('after', HELP)
    .action(async ({ port }: { port: string }) => {
      const folder = join(dirname(fileURLToPath(import.meta.url)), 'demos');
      if (!existsSync(join(folder, 'index.html'))) {
        throw new ConfigError(`${folder} holds no pages; build them with: npm run demos`);
      }
      const { url } = await serveFolder(folder, portNumber(port));
      console.log(`demo pages: ${url}  (Ctrl-C ends)`);
    });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new ConfigError(`--port is ${text}; expected an integer from 0 to 65535`);
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.wgsl': 'text/plain; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
};

// Each page carries its policy in a <meta>, for hosts that set no headers; workers are bound by that of their own file
// only, and `frame-ancestors` works in a header only.
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
};

export interface FileServer {
  /** Ends in a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the files of a folder, and nothing outside it, on the loopback address. Port 0 takes a free one.
 * @throws ConfigError for a port that is in use or not allowed.
 */
export async function serveFolder(folder: string, port = 0): Promise<FileServer> {
  const root = await realpath(folder);
  const server = createServer(async (request, response) => {
    const { status, headers, body } = await answer(root, request);
    response.writeHead(status, { ...HEADERS, ...headers });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  await listen(server, port);
  const close = () =>
    new Promise<void>((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((listening, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const reasons: Record<string, string> = {
        EADDRINUSE: 'is in use',
        EACCES: 'needs more rights',
      };
      const why = reasons[code ?? ''] ?? `cannot be used (${message})`;
      reject(new ConfigError(`port ${port} ${why}; choose another with --port, 0 for a free one`));
    });
    server.listen(port, '127.0.0.1', listening);
  });
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

async function answer(root: string, { method, url = '/' }: IncomingMessage): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return refusal(405, { allow: 'GET, HEAD' });
  const path = requestedPath(url);
  if (path === null) return refusal(400);
  const file = await fileInside(root, path);
  if (file === null) return refusal(404);
  if ((await stat(file)).isFile()) return fileAnswer(file);
  // Relative addresses in a page need the slash.
  if (!path.endsWith('/')) return refusal(301, { location: `${encodeURI(path)}/` });
  const index = await fileInside(root, join(path, 'index.html'));
  return index === null ? refusal(404) : fileAnswer(index);
}

/** What `path` names in the folder, links followed; null if that does not exist or is outside. */
async function fileInside(root: string, path: string): Promise<string | null> {
  const file = await realpath(join(root, path)).catch(() => null);
  return file === root || file?.startsWith(root + sep) ? file : null;
}

/** The decoded path of a request; null if it is malformed. */
function requestedPath(url: string): string | null {
  try {
    const path = decodeURIComponent(new URL(`http://localhost${url}`).pathname);
    return path.includes('\0') || path.startsWith('//') ? null : path;
  } catch {
    return null;
  }
}

async function fileAnswer(file: string): Promise<Answer> {
  const body = await readFile(file).catch(() => null);
  const type = MEDIA_TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream';
  return body ? { status: 200, headers: { 'content-type': type }, body } : refusal(404);
}

const REASONS: Readonly<Record<number, string>> = {
  301: 'moved',
  400: 'bad request',
  404: 'not found',
  405: 'method not allowed',
};

function refusal(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  const body = `${status} ${REASONS[status]}\n`;
  return { status, headers: { ...headers, 'content-type': MEDIA_TYPES['.txt']! }, body };
}
