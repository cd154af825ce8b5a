// The file server behind `shadegrad demos` and the browser tests.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FileServer, serveFolder } from '../../src/cli/demos.ts';

let folder: string;
let server: FileServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shadegrad-demos-'));
  await mkdir(join(folder, 'pages', 'train'), { recursive: true });
  await writeFile(join(folder, 'secret.txt'), 'secret');
  await mkdir(join(folder, 'pages-private'));
  await writeFile(join(folder, 'pages-private', 'secret.txt'), 'secret');
  await writeFile(join(folder, 'pages', 'index.html'), '<p>pages</p>');
  await writeFile(join(folder, 'pages', 'train', 'index.html'), '<p>train</p>');
  await writeFile(join(folder, 'pages', 'train', 'main.js'), 'export {};');
  await symlink(join(folder, 'secret.txt'), join(folder, 'pages', 'link.txt'));
  server = await serveFolder(join(folder, 'pages'));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

test('files come with their type and length of life, and a security policy', async () => {
  const page = await ask('/');
  expect(page).toMatchObject({ status: 200, body: '<p>pages</p>' });
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(page.headers['x-content-type-options']).toBe('nosniff');
  expect(page.headers['cache-control']).toBe('no-cache');
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");

  const script = await ask('/train/main.js?v=1');
  expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8');
});

test('a folder is its index.html, under an address that ends in a slash', async () => {
  expect(await ask('/train/')).toMatchObject({ status: 200, body: '<p>train</p>' });
  const moved = await ask('/train');
  expect(moved.status).toBe(301);
  expect(moved.headers.location).toBe('/train/');
});

test.each([
  '/../secret.txt',
  '/..%2fsecret.txt',
  '/%2e%2e/secret.txt',
  '/train/..%2f..%2fsecret.txt',
  '/../pages-private/secret.txt',
  '/..%2fpages-private%2fsecret.txt',
  '/..%5csecret.txt',
  '/link.txt',
])('%s is not served: nothing outside the folder is', async (path) => {
  const { status, body } = await ask(path);
  expect(status).toBe(404);
  expect(body).not.toContain('secret');
});

test('a malformed address is refused, and the server goes on', async () => {
  expect((await ask('/%E0%A4%A')).status).toBe(400);
  expect((await ask('/%00')).status).toBe(400);
  expect((await ask('//example.org/')).status).toBe(400);
  expect((await ask('/missing.js')).status).toBe(404);
  expect((await ask('/')).status).toBe(200);
});

test('only GET and HEAD are answered', async () => {
  expect(await ask('/', 'HEAD')).toMatchObject({ status: 200, body: '' });
  const refused = await ask('/', 'POST');
  expect(refused.status).toBe(405);
  expect(refused.headers.allow).toBe('GET, HEAD');
});

test('a port in use is one line that says so', async () => {
  const { port } = new URL(server.url);
  await expect(serveFolder(folder, Number(port))).rejects.toThrow(
    `port ${port} is in use; choose another with --port, 0 for a free one`,
  );
  const { code, stderr } = await command('--port', port);
  expect(code).toBe(1);
  expect(stderr).toBe(
    `ConfigError: port ${port} is in use; choose another with --port, 0 for a free one\n`,
  );
});

test('a port that is none is refused', async () => {
  const { stderr } = await command('--port', '99999');
  expect(stderr).toContain('--port is 99999; expected an integer from 0 to 65535');
});

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends the path as it is: `fetch` would tidy it. */
function ask(path: string, method = 'GET'): Promise<Reply> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method }, async (reply) => {
      const chunks = await reply.toArray();
      const body = Buffer.concat(chunks).toString();
      resolve({ status: reply.statusCode!, headers: reply.headers, body });
    });
    sent.on('error', reject).end();
  });
}

function command(...flags: string[]): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['dist/cli.js', 'demos', ...flags],
      (_, _stdout, stderr) => resolve({ code: child.exitCode ?? -1, stderr }),
    );
  });
}
