// Faults of the machine, put below a page: scripts that run in its worker before the page's own.

import type { CDPSession, Page } from 'playwright-core';

/** Runs `script` in each worker of the page, after its imports and before its own first line, which `edit` may change. */
export async function inWorker(
  page: Page,
  script: string,
  edit = (body: string) => body,
): Promise<void> {
  await page.route('**/worker.js', async (route) => {
    const body = await (await route.fetch()).text();
    await route.fulfill({ contentType: 'text/javascript', body: `${script}\n${edit(body)}` });
  });
}

/** What WebGPU promises of any adapter, and no feature. */
export const LOWEST_LIMITS = `
  const lowest = {
    maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27, maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupsPerDimension: 65535, maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupSizeX: 256,
  };
  Object.defineProperty(GPUAdapter.prototype, 'limits', { get: () => lowest });
  Object.defineProperty(GPUAdapter.prototype, 'features', { get: () => new Set() });`;

/** Lets `loseDevice` end the worker's device. */
export const CAN_LOSE_DEVICE = `
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (description) {
    const device = await requestDevice.call(this, description);
    globalThis.loseDevice = () => device.destroy();
    return device;
  };`;

export async function loseDevice(page: Page): Promise<void> {
  for (const worker of page.workers()) await worker.evaluate('globalThis.loseDevice?.()');
}

/**
 * The longest task of the page's own thread while `action` runs, which may be repeated, in milliseconds of its processor: what else the machine
 * does at the time is not the page's.
 */
export async function longestTask(page: Page, action: () => Promise<void>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  const { thread, events } = await tracedThread(page, session, action);
  await session.detach();
  const durations = events
    .filter(({ tdur, ...event }) => tdur !== undefined && threadOf(event) === thread)
    .map(({ tdur }) => tdur! / 1000);
  if (durations.length === 0) throw new Error('the trace holds no task of the page');
  return Math.max(...durations);
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of the thread's processor. */
  readonly tdur?: number;
}

const threadOf = ({ pid, tid }: Pick<TraceEvent, 'pid' | 'tid'>) => `${pid} ${tid}`;

/** Found by marks that the page makes. A trace that begins too late for the first is made again, with the action. */
async function tracedThread(page: Page, session: CDPSession, action: () => Promise<void>) {
  const mark = (name: string) => page.evaluate((name) => void performance.mark(name), name);
  for (let attempt = 0; attempt < 20; attempt++) {
    const events = await traced(session, async () => {
      await mark('action begins');
      await action();
      await mark('action ends');
    });
    const begin = events.find(({ name }) => name === 'action begins');
    const end = events.find(({ name }) => name === 'action ends');
    if (begin && end) return { thread: threadOf(begin), events };
  }
  throw new Error('no trace holds the marks of the page');
}

async function traced(session: CDPSession, action: () => Promise<void>): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  const collect = ({ value }: { value: object[] }) => events.push(...(value as TraceEvent[]));
  session.on('Tracing.dataCollected', collect);
  const complete = new Promise<void>((resolve) => {
    session.once('Tracing.tracingComplete', () => resolve());
  });
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', 'blink.user_timing'] },
  });
  await action();
  await session.send('Tracing.end');
  await complete;
  session.off('Tracing.dataCollected', collect);
  return events;
}
