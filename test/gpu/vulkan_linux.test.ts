import { describe, expect, test } from 'vitest';
import type { VulkanFacts } from '../../src/gpu/vulkan_linux.ts';
import { missingForHardware } from '../../src/gpu/vulkan_linux.ts';

const amdDesktop: VulkanFacts = {
  loader: true,
  driverFiles: ['/usr/share/vulkan/icd.d/lvp_icd.json', '/usr/share/vulkan/icd.d/radeon_icd.json'],
  missingFiles: [],
  unlistedFiles: [],
  nvidia: false,
  renderNodes: ['/dev/dri/renderD128'],
  renderAccess: true,
  container: false,
  nvidiaCapabilities: undefined,
};
const nvidiaContainer: VulkanFacts = {
  ...amdDesktop,
  driverFiles: ['/usr/share/vulkan/icd.d/lvp_icd.json'],
  nvidia: true,
  renderNodes: [],
  renderAccess: false,
  container: true,
};

describe('what a hardware adapter lacks on Linux', () => {
  test('is nothing where loader, driver and device are there', () => {
    expect(missingForHardware(amdDesktop)).toEqual([]);
    const driverFiles = ['/etc/vulkan/icd.d/nvidia_icd.json'];
    expect(missingForHardware({ ...nvidiaContainer, driverFiles })).toEqual([]);
  });

  const llvmpipeOnly = { driverFiles: ['/usr/share/vulkan/icd.d/lvp_icd.json'] };
  const unlistedFiles = ['/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json'];
  test.each([
    ['the loader', { ...amdDesktop, loader: false }, 'install libvulkan1'],
    ["Mesa's driver", { ...amdDesktop, ...llvmpipeOnly }, 'install mesa-vulkan-drivers'],
    ['the right to open the device', { ...amdDesktop, renderAccess: false }, 'usermod -aG render'],
    ['a GPU', { ...amdDesktop, renderNodes: [] }, 'no GPU'],
    ['a file', { ...amdDesktop, missingFiles: ['/x.json'] }, '/x.json, which does not exist'],
    ['the graphics part', nvidiaContainer, 'NVIDIA_DRIVER_CAPABILITIES=all'],
    ["NVIDIA's Vulkan driver", { ...nvidiaContainer, container: false }, 'libnvidia-gl'],
    ['an entry in the search path', { ...nvidiaContainer, unlistedFiles }, 'VK_DRIVER_FILES='],
  ])('is one line with a way out for %s', (_, facts, wayOut) => {
    const lines = missingForHardware(facts);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(wayOut);
  });
});
