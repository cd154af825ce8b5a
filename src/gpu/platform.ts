// What the GPU layer asks of the place it runs in: an adapter, and what is missing when there is none.
// `#platform` (package.json, "imports") is platform_node.ts in Node and platform_browser.ts everywhere else.

/**
 * Which adapter to use: `'auto'` takes a hardware adapter, else a software one; `'hardware'` and `'software'` take only
 * that kind; anything else is a part of the adapter's name, in any case, such as `'nvidia'`, `'llvmpipe'`, `'swiftshader'`.
 * In Node the environment variable `SHADEGRAD_ADAPTER` stands in for `'auto'` and takes the same values.
 */
export type AdapterChoice = 'auto' | 'hardware' | 'software' | (string & {});

export interface AdapterOptions {
  /** WebGPU's feature level. Default: `'core'`, WebGPU's own. */
  readonly featureLevel?: string;
  /** Passed to Dawn's `create()` as they are, such as `'enable-dawn-features=allow_unsafe_apis'`; unused in a browser. */
  readonly toggles?: readonly string[];
}

export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  /** True if the adapter computes on the CPU. */
  readonly software: boolean;
  /** The driver and its version, as it names itself. */
  readonly driver: string;
  /** One line to announce: that `'auto'` fell back to software, and what a real GPU needs. */
  readonly notice?: string;
  /** Must stay reachable as long as a device of this adapter lives: the process crashes when it is collected. */
  readonly keepAlive: unknown;
}

/** Keeps small texts by name. */
export interface Store {
  /** Null where there is none, or none can be read. */
  read(name: string): Promise<string | null>;
  /** Resolves to where the text is. */
  write(name: string, text: string): Promise<string>;
}

export interface Platform {
  readonly name: 'node' | 'browser';
  readonly store: Store;
  /** Throws `DeviceError` if no adapter fits `choice`, with what to install or which names there are. */
  findAdapter(choice: AdapterChoice, options: AdapterOptions): Promise<FoundAdapter>;
  /** Told of what is awaited from an adapter that computes on the CPU. */
  idle?(work: Promise<unknown>): void;
  /** What is missing for a hardware adapter, one line each with how to get it; empty if nothing seems to be. */
  diagnose(): Promise<string[]>;
}

/** The names by which the drivers for CPUs are known: Mesa's, Google's, Microsoft's. */
const CPU_DRIVERS = /llvmpipe|lavapipe|swiftshader|basic render|\bwarp\b/i;

/** True if the adapter computes on the CPU. Some drivers say so, others are known by their names. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || CPU_DRIVERS.test(adapterLabel(info));
}

/** Everything an adapter calls itself, in one line. */
export function adapterLabel({
  vendor,
  architecture,
  device,
  description,
}: GPUAdapterInfo): string {
  return [vendor, architecture, device, description].filter(Boolean).join(' ');
}

/** True if `part` is a part of the adapter's name; case and punctuation do not count, since WebGPU rewrites them. */
export function isNamed(info: GPUAdapterInfo, part: string): boolean {
  return plain(adapterLabel(info)).includes(plain(part));
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}
