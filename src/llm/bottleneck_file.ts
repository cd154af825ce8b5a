// Bottleneck adapters in a file of their own, since PEFT has no format for them: bottlenecks.safetensors holds their tensors by
// the layer's name, such as `bottlenecks.blocks.0.mlp.down.up.weight`.

import { DataError } from '../errors.ts';
import type { Folder } from '../io/folder.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts';
import { Bottleneck } from '../nn/bottleneck.ts';
import type { Initialiser } from '../nn/initialiser.ts';
import { linearLayers } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';

export const BOTTLENECKS = 'bottlenecks.safetensors';

class Bottlenecks extends Module {
  constructor(readonly bottlenecks: ReadonlyMap<string, Bottleneck>) {
    super();
  }
}

/** Writes the model's bottlenecks of a name, default 'default'. */
export async function saveBottlenecks(
  folder: Folder,
  model: Module,
  { name = 'default' }: { name?: string } = {},
): Promise<void> {
  const found = linearLayers(model).flatMap(([path, layer]) => {
    const adapter = layer.adapters.get(name);
    return adapter instanceof Bottleneck ? [[path, adapter] as const] : [];
  });
  const tensors = new Map<string, HostTensor>();
  for (const [path, x] of new Bottlenecks(new Map(found)).namedTensors())
    tensors.set(path, { dtype: 'f32', shape: x.shape, data: await x.data() });
  await folder.write(BOTTLENECKS, writeSafetensors(tensors));
}

/**
 * Reads bottlenecks into the model, under a name, default 'default'.
 * @throws DataError, with nothing added to the model, for a file that is malformed or of another model.
 */
export async function loadBottlenecks(
  folder: Folder,
  model: Module,
  init: Initialiser,
  { name = 'default' }: { name?: string } = {},
): Promise<void> {
  const what = `${folder.location}/${BOTTLENECKS}`;
  const { tensors } = readSafetensors(await folder.read(BOTTLENECKS), what);
  const values = new Map(
    [...tensors].map(([path, { dtype, shape, data }]) => {
      if (dtype !== 'f32') throw new DataError(`${what}: tensor ${path} is ${dtype}, expected f32`);
      return [path, { shape, data: data as Float32Array }];
    }),
  );
  const layers = linearLayers(model);
  const added = new Map(
    layers.flatMap(([path, layer]) => {
      const size = values.get(`bottlenecks.${path}.down.weight`)?.shape[0];
      return size ? [[path, new Bottleneck(init, layer, { size })]] : [];
    }),
  );
  const all = new Bottlenecks(added);
  try {
    const places = all.namedTensors();
    const stray = [...values.keys()].find((path) => !places.has(path));
    if (stray) throw new DataError(`${what}: the model has no place for ${stray}`);
    all.load(values);
  } catch (error) {
    all.dispose();
    throw error;
  }
  for (const [path, layer] of layers) {
    const bottleneck = added.get(path);
    if (bottleneck) layer.adapters.set(name, bottleneck);
  }
}
