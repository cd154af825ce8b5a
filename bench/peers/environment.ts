// Where the peers run: on the adapter that our Device chose, through the same Dawn, as if in a browser.

import { globals } from 'webgpu';
import { swiftShader } from '../../src/gpu/swiftshader.ts';
import { Device } from '../../src/ops/device.ts';

/** As much of a device as is watched. */
interface Watched extends EventTarget {
  createBuffer(descriptor: { size: number }): { destroy(): void };
}

/** What devices do that users do not see: bytes of buffers (created minus destroyed) and errors, by who made them. */
export class Watch {
  /** The first error of each; libraries seldom tell. */
  readonly errors = new Map<string, string>();
  private owner = '';
  private readonly now = new Map<string, number>();
  private readonly peaks = new Map<string, number>();

  /** From here on, buffers and errors belong to `owner`. */
  enter(owner: string): void {
    this.owner = owner;
  }

  peak(owner: string): number {
    return this.peaks.get(owner) ?? 0;
  }

  /** Counts what is created and destroyed, and hears errors, of all devices whose prototype is that of this one. */
  devices(prototype: Watched): void {
    const create = prototype.createBuffer;
    const heard = new WeakSet<Watched>();
    const listen = (device: Watched) => {
      if (heard.has(device)) return;
      heard.add(device);
      device.addEventListener('uncapturederror', (event) => {
        const { message } = (event as GPUUncapturedErrorEvent).error;
        if (!this.errors.has(this.owner)) this.errors.set(this.owner, message.split('\n')[0]!);
      });
    };
    const count = (buffer: { destroy(): void }, bytes: number) => this.count(buffer, bytes);
    prototype.createBuffer = function (this: Watched, descriptor) {
      listen(this);
      const buffer = create.call(this, descriptor);
      count(buffer, descriptor.size);
      return buffer;
    };
  }

  private count(buffer: { destroy(): void }, bytes: number): void {
    const { owner } = this;
    const destroy = buffer.destroy;
    let held = bytes;
    this.add(owner, held);
    buffer.destroy = () => {
      this.add(owner, -held);
      held = 0; // a second call is allowed, and frees nothing
      destroy.call(buffer);
    };
  }

  private add(owner: string, bytes: number): void {
    const total = (this.now.get(owner) ?? 0) + bytes;
    this.now.set(owner, total);
    this.peaks.set(owner, Math.max(this.peak(owner), total));
  }
}

export interface Environment {
  readonly device: Device;
  readonly watch: Watch;
}

/** Opens our device, and gives the peers a `navigator.gpu` that finds the same adapter. */
export async function openEnvironment(): Promise<Environment> {
  const device = await Device.open({ announce: null });
  if (device.adapter.name.includes('SwiftShader')) {
    // Peers ask for adapters later, and onnxruntime brings a Dawn of its own: the driver stays named.
    const { driverFile } = await swiftShader();
    Object.assign(process.env, { VK_DRIVER_FILES: driverFile, VK_ICD_FILENAMES: driverFile });
  }
  Object.assign(globalThis, globals);
  const gpu = device.gpu.keepAlive as GPU;
  // jax-js asks for the browser's name, and for the number of cores.
  const navigator = { gpu, userAgent: 'node', hardwareConcurrency: 2 };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  const watch = new Watch();
  watch.devices(await devicePrototype(gpu));
  return { device, watch };
}

async function devicePrototype(gpu: GPU): Promise<Watched> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('the adapter of our device is not found again');
  const probe = await adapter.requestDevice();
  probe.destroy();
  return Object.getPrototypeOf(probe) as Watched;
}
