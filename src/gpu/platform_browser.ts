// Finding an adapter in a browser: `navigator.gpu`.

import { DeviceError } from '../errors.ts';
import type { AdapterChoice, AdapterOptions, FoundAdapter, Platform } from './platform.ts';
import { adapterLabel, isNamed, isSoftware } from './platform.ts';
import { store } from './store_browser.ts';

export const platform: Platform = { name: 'browser', store, findAdapter, diagnose };

async function findAdapter(choice: AdapterChoice, options: AdapterOptions): Promise<FoundAdapter> {
  // Workers have `navigator` too; other runtimes may have none.
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) throw new DeviceError(`WebGPU is not available: ${(await diagnose()).join('; ')}`);

  const adapter = await gpu.requestAdapter({
    featureLevel: options.featureLevel,
    powerPreference: 'high-performance',
    forceFallbackAdapter: choice === 'software',
  });
  const kind = choice === 'software' ? 'no software adapter' : 'no adapter';
  if (!adapter) throw new DeviceError(`the browser has WebGPU, but gives ${kind}: ${NO_ADAPTER}`);

  const { info } = adapter;
  const driver = info.description || [info.vendor, info.architecture].filter(Boolean).join(' ');
  const software = isSoftware(info);
  checkChoice(choice, info, software);
  const notice = software
    ? `no GPU is used: ${driver} computes on the CPU, slowly. ${NO_ADAPTER}`
    : undefined;
  return {
    adapter,
    software,
    driver,
    notice: choice === 'auto' ? notice : undefined,
    keepAlive: gpu,
  };
}

/** A page cannot list adapters: it has the one that the browser gives. */
function checkChoice(choice: AdapterChoice, info: GPUAdapterInfo, software: boolean): void {
  const given = `the browser gives '${adapterLabel(info)}'`;
  if (choice === 'hardware' && software) {
    throw new DeviceError(`adapter 'hardware': ${given}. ${NO_ADAPTER}`);
  }
  const named = !['auto', 'hardware', 'software'].includes(choice);
  if (named && !isNamed(info, choice)) {
    throw new DeviceError(
      `adapter '${choice}': ${given} and lets a page choose no other; try 'auto'`,
    );
  }
}

const NO_ADAPTER =
  "Open chrome://gpu to see why; update the GPU's driver, turn on 'Use graphics acceleration' in the browser's settings, " +
  'and on Linux turn on chrome://flags/#enable-unsafe-webgpu and chrome://flags/#enable-vulkan';

async function diagnose(): Promise<string[]> {
  if (globalThis.navigator?.gpu) {
    const adapter = await navigator.gpu.requestAdapter();
    return adapter && !isSoftware(adapter.info) ? [] : [NO_ADAPTER];
  }
  if (globalThis.isSecureContext === false) {
    return ['WebGPU needs a secure context: serve the page from https:// or http://localhost'];
  }
  return [
    'WebGPU needs Chrome or Edge 113, Safari 26 or Firefox 141 or newer; ' +
      'on Linux turn on chrome://flags/#enable-unsafe-webgpu in Chrome',
  ];
}
