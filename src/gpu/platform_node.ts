// Finding an adapter in Node, through Dawn (npm `webgpu`).
//
// 'auto' takes, in this order: a hardware adapter; the machine's own Vulkan driver for CPUs; the packaged SwiftShader.
// The environment variable SHADEGRAD_ADAPTER stands in for 'auto', so that tests and CI can name an adapter.

import { DeviceError } from '../errors.ts';
import { idle } from './idle_node.ts';
import type { AdapterChoice, AdapterOptions, FoundAdapter, Platform } from './platform.ts';
import { adapterLabel, isNamed, isSoftware } from './platform.ts';
import { store } from './store_node.ts';

export const platform: Platform = { name: 'node', store, findAdapter, idle, diagnose };

// Dawn's instances by their flags and drivers. When one is collected while a device lives, the process crashes
// (SIGSEGV, seen on two drivers and two versions), so each is kept for good and used again: five times as fast, too.
const instances = new Map<string, GPU>();

/** The instances that are kept alive. That this reads them keeps engines from seeing the map as unused. */
export function liveInstances(): ReadonlySet<GPU> {
  return new Set(instances.values());
}

/**
 * Dawn zeroes workgroup memory by a Vulkan extension where there is one. SwiftShader compiles that to a store per
 * element, which takes most of the compile time of any kernel that has tiles: 1.7 s becomes 0.2 s with a loop in its place.
 */
const SWIFTSHADER_FLAGS = [
  'disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
];

/** Environment variables that tell the Vulkan loader which drivers to take. */
type Drivers = Readonly<Record<string, string>>;

async function findAdapter(choice: AdapterChoice, options: AdapterOptions): Promise<FoundAdapter> {
  const wanted = (choice === 'auto' && process.env.SHADEGRAD_ADAPTER) || choice;
  if (wanted.toLowerCase() === 'swiftshader') return swiftShaderAdapter(options);

  const drivers = await ownDrivers();
  const first = drivers && (await request([], options, drivers));
  const byKind = wanted === 'auto' || wanted === 'hardware';
  if (byKind && first && !first.software) return first;

  const all = first && drivers ? await allAdapters(first, options, drivers) : [];
  const hardware = all.find((found) => !found.software);
  const software = all.find((found) => found.software);
  switch (wanted) {
    case 'auto':
      return hardware ?? announced(software ?? (await swiftShaderAdapter(options)));
    case 'software':
      return software ?? swiftShaderAdapter(options);
    case 'hardware':
      if (hardware) return hardware;
      throw await noHardware(all);
    default:
      return all.find(({ adapter }) => isNamed(adapter.info, wanted)) ?? unknownName(wanted, all);
  }
}

async function dawn(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu');
  } catch (cause) {
    const machine = `${process.platform} on ${process.arch}`;
    throw new DeviceError(
      `the npm package webgpu (Dawn) cannot be loaded on ${machine}: ${cause}. It supports Linux with glibc, macOS and Windows, on x64 and arm64`,
      { cause },
    );
  }
}

/** The adapter that Dawn prefers among those of `drivers`; null if there is none. */
async function request(
  flags: readonly string[],
  { featureLevel, toggles = [] }: AdapterOptions,
  drivers: Drivers,
): Promise<FoundAdapter | null> {
  const { create } = await dawn();
  const args = [...flags, ...toggles];
  const key = JSON.stringify([args, drivers, process.env.VK_DRIVER_FILES]);
  // Dawn asks the Vulkan loader for drivers within this synchronous call; nobody else sees the changed environment.
  const [gpu, requested] = withEnvironment(drivers, () => {
    const gpu = instances.get(key) ?? create(args);
    instances.set(key, gpu);
    return [gpu, gpu.requestAdapter({ featureLevel, powerPreference: 'high-performance' })];
  });
  const adapter = await requested;
  if (!adapter) return null;
  const { info } = adapter;
  const driver = info.description || info.device;
  return { adapter, software: isSoftware(info), driver, keepAlive: gpu };
}

/** All adapters of `drivers`, the one that Dawn prefers first. */
async function allAdapters(
  first: FoundAdapter,
  options: AdapterOptions,
  drivers: Drivers,
): Promise<FoundAdapter[]> {
  const names = await adapterList(options, drivers);
  if (names.length < 2) return [first];
  const found = await Promise.all(
    names.map((name) => request([`adapter=${name}`], options, drivers)),
  );
  return found.filter((candidate) => candidate !== null);
}

/** The names of all adapters. Dawn tells them only in the message about a name that it does not find. */
async function adapterList(options: AdapterOptions, drivers: Drivers): Promise<string[]> {
  const listed = await request(['adapter=(none has this name)'], options, drivers).then(
    () => '',
    (error: unknown) => String(error),
  );
  return [...listed.matchAll(/ \* backend: '.*', name: '(.*)'/g)].map((match) => match[1]!);
}

/** Runs `fn` with environment variables set, and puts them back. */
function withEnvironment<T>(variables: Drivers, fn: () => T): T {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    return fn();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/**
 * What the Vulkan loader needs to find all of the machine's drivers; loads the packaged loader if there is none.
 * Null where there is no driver: Dawn need not be asked, which would print warnings.
 */
async function ownDrivers(): Promise<Drivers | null> {
  if (process.platform !== 'linux') return {};
  const { systemLoader, unlistedDriverFiles, vulkanFacts } = await import('./vulkan_linux.ts');
  const { loadLibrary, swiftShader, swiftShaderMissing } = await import('./swiftshader.ts');
  // A GPU container often has the driver and no loader: the one beside SwiftShader then serves the GPU.
  if (!systemLoader() && !swiftShaderMissing()) loadLibrary((await swiftShader()).loader);
  const unlisted = unlistedDriverFiles();
  if (unlisted.length + vulkanFacts().driverFiles.length === 0) return null;
  return unlisted.length ? { VK_ADD_DRIVER_FILES: unlisted.join(':') } : {};
}

async function swiftShaderAdapter(options: AdapterOptions): Promise<FoundAdapter> {
  const { swiftShader, swiftShaderMissing } = await import('./swiftshader.ts');
  const missing = swiftShaderMissing();
  if (missing) throw await noAdapter(missing);
  await ownDrivers();
  const { driverFile } = await swiftShader();
  // Vulkan loaders before 1.3.207 know only the older name of the variable.
  const drivers = { VK_DRIVER_FILES: driverFile, VK_ICD_FILENAMES: driverFile };
  const found = await request(SWIFTSHADER_FLAGS, options, drivers);
  if (!found) throw await noAdapter(`Dawn refused SwiftShader (${driverFile})`);
  return found;
}

async function announced(found: FoundAdapter): Promise<FoundAdapter> {
  const notice = `no GPU is used: ${found.driver} computes on the CPU, slowly. For a GPU: ${await wayOut()}`;
  return { ...found, notice };
}

async function noHardware(all: readonly FoundAdapter[]): Promise<DeviceError> {
  const seen = all.length
    ? `only software adapters were found: ${labels(all)}`
    : 'no adapter was found';
  return new DeviceError(`adapter 'hardware': ${seen}. For a GPU: ${await wayOut()}`);
}

async function noAdapter(why: string): Promise<DeviceError> {
  return new DeviceError(`no adapter was found. For a GPU: ${await wayOut()}. For the CPU: ${why}`);
}

function unknownName(wanted: string, all: readonly FoundAdapter[]): never {
  const seen = all.length
    ? `the adapters are ${labels(all)}`
    : 'this machine has no adapter of its own';
  throw new DeviceError(
    `adapter '${wanted}': ${seen}; give a part of such a name, 'swiftshader', 'auto', 'hardware' or 'software'`,
  );
}

function labels(all: readonly FoundAdapter[]): string {
  return all.map(({ adapter }) => `'${adapterLabel(adapter.info)}'`).join(', ');
}

async function wayOut(): Promise<string> {
  const missing = await diagnose();
  return missing.join('; ') || GENERAL_ADVICE[process.platform] || GENERAL_ADVICE.linux!;
}

const GENERAL_ADVICE: Readonly<Record<string, string>> = {
  linux:
    "update the GPU's Vulkan driver (Mesa must be newer than 22.3); `vulkaninfo --summary` shows it",
  darwin: 'Dawn uses Metal: macOS 11 or newer on a machine, or a virtual machine, with a Metal GPU',
  win32:
    "Dawn uses Direct3D 12: update the GPU's driver; `dxdiag` shows its feature level (11_0 or newer)",
};

async function diagnose(): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const { missingForHardware, vulkanFacts } = await import('./vulkan_linux.ts');
  return missingForHardware(vulkanFacts());
}
