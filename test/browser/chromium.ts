// Chromium with WebGPU for tests, on a machine that has nothing but Node: CHROME=/path/to/chrome, or the headless
// Chromium that the npm package @sparticuz/chromium carries (Linux on x86-64), with the libraries and fonts it needs.

import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import type { PackedFile } from '../../src/gpu/archive.ts';
import { cached, chromiumPackage, readBrotli, tarFiles } from '../../src/gpu/archive.ts';

// The sandbox needs what containers withhold, and the pages are our own. WebGPU on Linux, and on SwiftShader
// everywhere, counts as unsafe. The last flag is what Node's SwiftShader runs with, too (platform_node.ts).
const FLAGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
];

// With the POSIX locale, Chromium tells pages a language that JavaScript's Intl refuses.
const LANGUAGE = 'en_US.UTF-8';

/** Starts Chromium without a window; `close` ends it. Its adapter is SwiftShader where the machine has no GPU. */
export async function launchChromium(): Promise<{ browser: Browser; close: () => Promise<void> }> {
  const { executablePath, env } = process.env.CHROME
    ? { executablePath: process.env.CHROME, env: {} }
    : await packagedChromium();
  const browser = await chromium.launch({
    executablePath,
    args: FLAGS,
    env: { ...process.env, ...env, LANG: LANGUAGE, LC_ALL: LANGUAGE },
  });
  return { browser, close: () => browser.close() };
}

interface Executable {
  readonly executablePath: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Unpacks it once per user and version: 220 MB. */
async function packagedChromium(): Promise<Executable> {
  const source = chromiumPackage();
  if (!source || process.platform !== 'linux' || process.arch !== 'x64') {
    const machine = `${process.platform} on ${process.arch}`;
    throw new Error(
      `no Chromium for ${machine}: @sparticuz/chromium is for Linux on x86-64 and must be installed; else set CHROME=/path/to/chrome`,
    );
  }
  const needed = ['chromium', 'libvk_swiftshader.so', 'lib/libnss3.so', FONT_CONFIGURATION.path];
  const bin = join(source.folder, 'bin');
  const folder = await cached(`chromium-${source.version}`, needed, () => unpack(bin));
  const libraries = [join(folder, 'lib'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  const fonts = join(folder, FONT_CONFIGURATION.path);
  return {
    executablePath: join(folder, 'chromium'),
    env: { LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: fonts },
  };
}

// The package's own configuration names folders of AWS Lambda. Without any font Chromium does not lay out text, and
// with these alone pages look the same on every machine.
const FONT_CONFIGURATION: PackedFile = {
  path: 'shadegrad_fonts.conf',
  mode: 0o644,
  bytes: new TextEncoder().encode(
    `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`,
  ),
};

async function* unpack(bin: string): AsyncGenerator<PackedFile> {
  yield { path: 'chromium', mode: 0o755, bytes: await readBrotli(join(bin, 'chromium.br')) };
  for (const name of ['swiftshader', 'al2023', 'fonts']) {
    yield* tarFiles(await readBrotli(join(bin, `${name}.tar.br`)));
  }
  yield FONT_CONFIGURATION;
}
