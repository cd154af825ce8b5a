// What a hardware adapter needs on Linux: a GPU device, its Vulkan driver with an ICD file, and the Vulkan loader.

import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { loadLibrary } from './swiftshader.ts';

export interface VulkanFacts {
  /** libvulkan.so.1 can be loaded. */
  readonly loader: boolean;
  /** The ICD files that the loader finds, or that `VK_DRIVER_FILES` names. */
  readonly driverFiles: readonly string[];
  /** Those of `VK_DRIVER_FILES` that do not exist. */
  readonly missingFiles: readonly string[];
  /** ICD files in folders where the loader does not look. */
  readonly unlistedFiles: readonly string[];
  readonly nvidia: boolean;
  /** Render nodes, `/dev/dri/renderD*`, and whether this user may open one. */
  readonly renderNodes: readonly string[];
  readonly renderAccess: boolean;
  readonly container: boolean;
  /** `NVIDIA_DRIVER_CAPABILITIES`; NVIDIA's container runtime takes `utility,compute` where it is not set. */
  readonly nvidiaCapabilities: string | undefined;
}

/** Where container runtimes put NVIDIA's driver without telling the Vulkan loader. */
const UNLISTED_FOLDERS = ['/usr/local/nvidia/share/vulkan/icd.d'];
/** ICD files of drivers that compute on the CPU, or that need a GPU of the host of a virtual machine. */
const NO_HARDWARE = /lvp_|swiftshader|gfxstream|virtio/;

/** One line for each thing that keeps a hardware adapter away, with what to do about it. */
export function missingForHardware(facts: VulkanFacts): string[] {
  const lines: string[] = [];
  if (!facts.loader) {
    lines.push(
      'no Vulkan loader (libvulkan.so.1): apt-get install libvulkan1 (Fedora: dnf install vulkan-loader; Arch: pacman -S vulkan-icd-loader)',
    );
  }
  for (const file of facts.missingFiles) {
    lines.push(`VK_DRIVER_FILES names ${file}, which does not exist: unset VK_DRIVER_FILES`);
  }
  if (!facts.nvidia && facts.renderNodes.length === 0) {
    lines.push(noGpu(facts));
  } else if (facts.nvidia && !facts.driverFiles.some((file) => /nvidia/i.test(file))) {
    lines.push(noNvidiaDriver(facts));
  } else if (!facts.nvidia && !facts.driverFiles.some((file) => !NO_HARDWARE.test(file))) {
    lines.push(
      'no Vulkan driver for the GPU (no ICD file): apt-get install mesa-vulkan-drivers (Fedora: dnf install mesa-vulkan-drivers; Arch: pacman -S vulkan-radeon or vulkan-intel)',
    );
  } else if (!facts.nvidia && !facts.renderAccess) {
    lines.push(
      `${facts.renderNodes[0]} cannot be opened: usermod -aG render "$USER", then log in again`,
    );
  }
  return lines;
}

function noGpu({ container }: VulkanFacts): string {
  const seen = 'no GPU (/dev/nvidia0, /dev/dri/renderD*) is visible';
  return container
    ? `${seen} in this container: docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all (NVIDIA) or --device /dev/dri (AMD, Intel)`
    : `${seen} on this machine: a GPU and its kernel driver are needed`;
}

function noNvidiaDriver(facts: VulkanFacts): string {
  const [unlisted] = facts.unlistedFiles;
  if (unlisted) {
    return `NVIDIA's ICD file is where the Vulkan loader does not look: export VK_DRIVER_FILES=${unlisted}`;
  }
  const capabilities = facts.nvidiaCapabilities ?? 'utility,compute';
  if (facts.container && !/\b(all|graphics)\b/.test(capabilities)) {
    return `this container has NVIDIA's driver without its graphics part (NVIDIA_DRIVER_CAPABILITIES=${capabilities}): docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all`;
  }
  return "NVIDIA's kernel driver is there, its Vulkan driver (nvidia_icd.json) is not: apt-get install libnvidia-gl-<version that nvidia-smi shows>";
}

let systemLoaderFound: boolean | undefined;

/** Loads the system's Vulkan loader; false if there is none. Asked once, before another one is loaded in its place. */
export function systemLoader(): boolean {
  systemLoaderFound ??= loadLibrary('libvulkan.so.1') === null;
  return systemLoaderFound;
}

/** Looks at this machine. */
export function vulkanFacts(): VulkanFacts {
  const named = (process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES || '').split(
    delimiter,
  );
  const forced = named.filter(Boolean);
  const renderNodes = list('/dev/dri').filter((path) => path.includes('renderD'));
  return {
    loader: systemLoader(),
    driverFiles: forced.length ? forced.filter(existsSync) : driverFolders().flatMap(list),
    missingFiles: forced.filter((file) => !existsSync(file)),
    unlistedFiles: unlistedDriverFiles(),
    nvidia: existsSync('/dev/nvidia0'),
    renderNodes,
    renderAccess: renderNodes.some(canOpen),
    container: existsSync('/.dockerenv') || existsSync('/run/.containerenv') || inOrchestrator(),
    nvidiaCapabilities: process.env.NVIDIA_DRIVER_CAPABILITIES,
  };
}

/** ICD files that exist in folders where the loader does not look. */
export function unlistedDriverFiles(): string[] {
  return UNLISTED_FOLDERS.flatMap(list).filter((path) => path.endsWith('.json'));
}

function inOrchestrator(): boolean {
  return Boolean(process.env.KUBERNETES_SERVICE_HOST || process.env.NVIDIA_VISIBLE_DEVICES);
}

/** The folders in which the Vulkan loader looks for ICD files, in its order. */
function driverFolders(): string[] {
  const { XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS, HOME } = process.env;
  const home = HOME ?? homedir();
  const roots = [
    XDG_CONFIG_HOME || join(home, '.config'),
    ...(XDG_CONFIG_DIRS || '/etc/xdg').split(delimiter),
    '/etc',
    XDG_DATA_HOME || join(home, '.local/share'),
    ...(XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(delimiter),
  ];
  return roots.map((root) => join(root, 'vulkan/icd.d'));
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function canOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
