// The same function in Chromium and in Node, each with its own bundle in dist/. Arguments and results are JSON.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { serveFolder } from '../../src/cli/demos.ts';
import { launchChromium } from './chromium.ts';

/** What a file of test/browser/ exports; it takes the library as its first argument. */
export interface Shared {
  readonly file: string;
  readonly name: string;
}

/** Long enough for kernels to compile on SwiftShader while another test file runs. */
const PATIENCE_MS = 90_000;
const ENTRIES = ['index', 'llm', 'rl'];

/** In a new browser. */
export async function inChromium<T>({ file, name }: Shared, ...args: unknown[]): Promise<T> {
  const server = await serveFolder('dist/browser');
  const { browser, close } = await launchChromium();
  try {
    const page = await browser.newPage();
    const source = await readFile(`test/browser/${file}`, 'utf8');
    await page.route(`**/${file}`, (route) =>
      route.fulfill({ contentType: 'text/javascript', body: source }),
    );
    await page.route('**/test.html', (route) =>
      route.fulfill({ contentType: 'text/html', body: `<title>${name}</title>` }),
    );
    await page.goto(`${server.url}test.html`);
    await page.addScriptTag({
      type: 'module',
      content: `${program(name, '.', `./${file}`)}
        globalThis.outcome = ${name}(library, ...${JSON.stringify(args)});`,
    });
    await page.waitForFunction('globalThis.outcome', null, { timeout: PATIENCE_MS });
    return await page.evaluate<T>('globalThis.outcome');
  } finally {
    await close();
    await server.close();
  }
}

/** In a process of its own: the driver is chosen when the first adapter is asked for. */
export async function inNode<T>({ file, name }: Shared, ...args: unknown[]): Promise<T> {
  const code = `${program(name, './dist/node', `./test/browser/${file}`)}
    console.log(JSON.stringify(await ${name}(library, ...${JSON.stringify(args)})));`;
  const stdout = await new Promise<string>((resolve, reject) => {
    const options = { maxBuffer: 2 ** 26 };
    const child = execFile(process.execPath, ['--input-type=module'], options, (error, out) =>
      error ? reject(error) : resolve(out),
    );
    child.stdin!.end(code);
  });
  return JSON.parse(stdout);
}

function program(name: string, bundles: string, file: string): string {
  const imports = ENTRIES.map((entry) => `import * as ${entry} from '${bundles}/${entry}.js';`);
  return `${imports.join('\n')}
    import { ${name} } from '${file}';
    const library = { ${ENTRIES.map((entry) => `...${entry}`).join(', ')} };`;
}
