// The device of the tests that need none of their own. Files that share a process share it: a CPU takes up to half a
// second to compile a kernel, so it does so once. It lives as long as the process.

import { Device } from '../src/ops/device.ts';

export const device = await Device.open({ announce: null });
