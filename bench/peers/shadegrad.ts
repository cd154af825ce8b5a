// We ourselves, in the form of a peer.

import type { Device } from '../../src/ops/device.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import type { HostArrays, Item, Results, Tensors } from '../item.ts';
import type { Peer, PeerWork } from './peer.ts';

export const OURS = 'shadegrad';

export function shadegrad(device: Device, version: string): Peer {
  return {
    name: OURS,
    version,
    cannot: () => null,
    open: async () => {},
    start: async (item, inputs) => start(device, item, inputs),
  };
}

function start(device: Device, item: Item, inputs: HostArrays): PeerWork {
  const upload = Object.entries(inputs).map(
    ([name, { data, shape, dtype }]) => [name, device.tensor(data, { shape, dtype })] as const,
  );
  const work = item.start(device, Object.fromEntries(upload));
  let last: Tensors = {};
  return {
    async sample(calls) {
      for (let i = 0; i < calls; i++) {
        for (const x of Object.values(last)) x.dispose();
        last = work.run();
      }
      await device.sync();
      return calls;
    },
    async results() {
      const read = async ([name, x]: [string, Tensor]) => [name, await x.data()] as const;
      const values = await Promise.all(Object.entries(last).map(read));
      return { ...Object.fromEntries(values), ...(await work.read?.()) } satisfies Results;
    },
  };
}
