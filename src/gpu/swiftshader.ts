// SwiftShader: a Vulkan driver that computes on the CPU, for machines whose own drivers give no adapter.
//
// The npm package @sparticuz/chromium (an optional dependency, Linux on x86-64) carries it in bin/swiftshader.tar.br,
// together with a Vulkan loader, so that neither has to be installed in the system.

import { constants } from 'node:os';
import { join } from 'node:path';
import { DeviceError } from '../errors.ts';
import { cached, chromiumPackage, readBrotli, tarFiles } from './archive.ts';

export interface SwiftShader {
  /** The ICD file: what `VK_DRIVER_FILES` must name for the Vulkan loader to take this driver. */
  readonly driverFile: string;
  /** The Vulkan loader that comes with it. */
  readonly loader: string;
}

const DRIVER_FILE = 'vk_swiftshader_icd.json';
const LOADER = 'libvulkan.so.1';
const NODELETE = 0x1000; // dlopen's RTLD_NODELETE, which node:os does not list

let unpacked: Promise<SwiftShader> | undefined;

/** Why `swiftShader()` has nothing to give on this machine; null if it has. */
export function swiftShaderMissing(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `SwiftShader is packaged for Linux on x86-64 only, this is ${process.platform} on ${process.arch}`;
  }
  if (chromiumPackage()) return null;
  return 'SwiftShader comes with an npm package that is not installed: npm install @sparticuz/chromium@147.0.0';
}

/** The packaged driver, unpacked once per user and version (9 MB). Throws `DeviceError` if it cannot be had. */
export function swiftShader(): Promise<SwiftShader> {
  unpacked ??= unpack();
  return unpacked;
}

async function unpack(): Promise<SwiftShader> {
  const source = chromiumPackage();
  const missing = swiftShaderMissing();
  if (missing || !source) throw new DeviceError(`swiftshader: ${missing}`);
  const needed = [DRIVER_FILE, LOADER, 'libvk_swiftshader.so'];
  const folder = await cached(`swiftshader-${source.version}`, needed, async function* () {
    const archive = await readBrotli(join(source.folder, 'bin/swiftshader.tar.br'));
    for (const file of tarFiles(archive)) if (needed.includes(file.path)) yield file;
  });
  return { driverFile: join(folder, DRIVER_FILE), loader: join(folder, LOADER) };
}

/**
 * Loads a shared library for the whole process and for good: Dawn's own dlopen of a library of that name then finds it.
 * Returns what went wrong, null if nothing did.
 */
export function loadLibrary(path: string): string | null {
  const flags = constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | NODELETE;
  try {
    process.dlopen({ exports: {} }, path, flags);
  } catch (error) {
    // Node has loaded it, and then misses what its own addons declare.
    const message = String(error);
    return message.includes('did not self-register') ? null : message;
  }
  return null;
}
