import type { Device } from '../../src/ops/device.ts';

/** The GPU object underneath, to break things with. */
export const under = (of: Device): GPUDevice => Reflect.get(of.gpu, 'device');
