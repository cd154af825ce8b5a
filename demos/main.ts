// The list of pages: what this browser and its GPU can do, and what to do where WebGPU is missing.

import { Device } from '../src/index.ts';
import { element, keepForOffline, showError, showUncaughtErrors } from './shared/page.ts';

const MB = 2 ** 20;

showUncaughtErrors();
keepForOffline();
const list = element('abilities', HTMLElement);
const status = element('status', HTMLElement);
void describe();

async function describe(): Promise<void> {
  try {
    const device = await Device.open({ announce: null });
    for (const [label, value] of abilities(device)) addRow(label, value);
    const { software, notice = null } = device.adapter;
    status.textContent = software
      ? 'WebGPU works here, on the CPU: every page runs, with small models.'
      : 'WebGPU works here. Every page runs on this GPU.';
    element('notice', HTMLElement).textContent = notice;
    device.destroy();
  } catch (error) {
    status.textContent = 'WebGPU is missing here, so no page can train.';
    showError((error as Error).message);
    element('help', HTMLDetailsElement).open = true;
  }
}

function abilities({ adapter, features, limits }: Device): [label: string, value: string][] {
  const yes = (name: string) => (features.has(name) ? 'yes' : 'no');
  return [
    ['Adapter', adapter.name],
    ['Kind', adapter.software ? 'software: computes on the CPU' : 'hardware'],
    ['Half precision (shader-f16)', yes('shader-f16')],
    ['Subgroups', yes('subgroups')],
    ['GPU time of kernels (timestamp-query)', yes('timestamp-query')],
    [
      'Largest tensor',
      `${Math.floor(limits.maxStorageBufferBindingSize / MB).toLocaleString('en')} MB`,
    ],
    ['Workgroup memory', `${(limits.maxComputeWorkgroupStorageSize / 1024).toFixed(0)} KB`],
    ['Threads of a workgroup', limits.maxComputeInvocationsPerWorkgroup.toLocaleString('en')],
  ];
}

function addRow(label: string, value: string): void {
  const term = document.createElement('dt');
  term.textContent = label;
  const detail = document.createElement('dd');
  detail.textContent = value;
  list.append(term, detail);
}
