// The model of a run's folder, ready to use.

import { CheckpointError, DataError } from '../errors.ts';
import { loadCheckpoint } from '../io/checkpoint.ts';
import { checkSettings, resolveSettings } from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import { decodeUtf8, parseJson, toPlain } from '../io/json.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { readTokenizer } from '../text/read_tokenizer.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { modelConfig, TRAIN_CHECKS, TRAIN_DEFAULTS, type TrainSettings } from './settings.ts';
import { Transformer } from './transformer.ts';

export interface SavedModel {
  readonly model: Transformer;
  readonly tokenizer: Tokenizer;
  readonly settings: TrainSettings;
  /** Steps that it was trained for. */
  readonly step: number;
}

/**
 * The model of a run of `shadegrad train`: of its best checkpoint, or its latest where no evaluation was made.
 * @throws CheckpointError where the folder holds no run, or none that is whole.
 */
export async function loadRun(device: Device, folder: Folder): Promise<SavedModel> {
  const { settings, tokenizer } = await readRun(folder);
  const checkpoint =
    (await loadCheckpoint(folder, { which: 'best', onWarning: () => {} }).catch(() => null)) ??
    (await loadCheckpoint(folder));
  if (!checkpoint) throw new CheckpointError(`${folder.location} holds no checkpoint yet`);
  const config = modelConfig(settings, tokenizer.vocabularySize);
  const model = new Transformer(new Initialiser(device, settings.seed), config);
  const values = [...checkpoint.tensors].map(
    ([name, { shape, data }]) => [name, { shape, data: data as Float32Array }] as const,
  );
  model.load(new Map(values));
  return { model, tokenizer, settings, step: checkpoint.step };
}

/**
 * What a run's folder says of its model. @throws CheckpointError where the folder holds no run, DataError where it is
 * damaged.
 */
export async function readRun(folder: Folder): Promise<Pick<SavedModel, 'settings' | 'tokenizer'>> {
  const what = `${folder.location}/config.json`;
  if (!(await folder.exists('config.json')))
    throw new CheckpointError(`${folder.location} holds no run: there is no config.json`);
  const description = toPlain(
    parseJson(decodeUtf8(await folder.read('config.json'), what), { what }),
  ) as Partial<{ settings: Partial<TrainSettings>; tokenizer: object }>;
  if (typeof description?.settings !== 'object' || typeof description.tokenizer !== 'object')
    throw new DataError(`${what} is not a run's: it lacks settings or tokenizer`);
  const settings = checkSettings(
    resolveSettings(TRAIN_DEFAULTS, description.settings),
    TRAIN_CHECKS,
  );
  return { settings, tokenizer: readTokenizer(JSON.stringify(description.tokenizer), what) };
}
