// A reward model in a folder: reward.safetensors holds what is its own, by name, and reward.json says of which base and how
// sure one can be of it.

import { CheckpointError } from '../errors.ts';
import { resolveSettings } from '../io/config.ts';
import { toFloats } from '../io/float_tensors.ts';
import type { Folder } from '../io/folder.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { decodeUtf8, parseJson, toPlain } from '../io/json.ts';
import { sha256 } from '../io/manifest.ts';
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts';
import { openFinetuneBase } from '../llm/finetune_base.ts';
import { sha256OfModel } from '../llm/finetune_run.ts';
import type { Transformer } from '../llm/transformer.ts';
import type { Device } from '../ops/device.ts';
import type { RewardEvaluation } from './reward_evaluation.ts';
import type { RewardModel } from './reward_model.ts';
import { REWARD_DEFAULTS, type RewardSettings } from './reward_settings.ts';
import { createRewardModel, REWARD_ADAPTER } from './reward_training.ts';

const DESCRIPTION = 'reward.json';
const TENSORS = 'reward.safetensors';

export interface RewardDescription {
  /** Where the base came from. */
  readonly base: string;
  /** Of its names, shapes and values. */
  readonly baseSha256: string;
  /** The preferences, and where they are. */
  readonly data: string;
  readonly dataFile: string;
  /** Steps after which what the folder holds was learned; 0: nothing yet. */
  readonly step: number;
  readonly settings: RewardSettings;
  /** On the held-out preferences; null where none were held out. */
  readonly evaluation: RewardEvaluation | null;
}

/** Writes the reward model; what is in the folder is the old one or the new one, and a mixture is recognised. */
export async function saveRewardModel(
  folder: Folder,
  rewardModel: RewardModel,
  description: RewardDescription,
): Promise<void> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, x] of ownTensors(rewardModel))
    tensors.set(name, { dtype: 'f32', shape: x.shape, data: await x.data() });
  const bytes = writeSafetensors(tensors);
  await folder.write(TENSORS, bytes);
  await writeRewardDescription(folder, { ...description, tensorsSha256: await sha256(bytes) });
}

export function writeRewardDescription(
  folder: Folder,
  description: RewardDescription & { readonly tensorsSha256?: string },
): Promise<void> {
  const text = `${JSON.stringify(description, null, 2)}\n`;
  return folder.write(DESCRIPTION, new TextEncoder().encode(text));
}

/** Null where the folder is of no reward model. @throws CheckpointError or DataError for a file that is damaged. */
export async function readRewardDescription(
  folder: Folder,
): Promise<(RewardDescription & { readonly tensorsSha256?: string }) | null> {
  if (!(await folder.exists(DESCRIPTION))) return null;
  const what = `${folder.location}/${DESCRIPTION}`;
  const found = parseJson(decodeUtf8(await folder.read(DESCRIPTION), what), { what });
  const plain = toPlain(found) as Partial<RewardDescription> | null;
  if (
    typeof plain?.base === 'string' &&
    typeof plain.baseSha256 === 'string' &&
    typeof plain.step === 'number' &&
    typeof plain.settings === 'object'
  ) {
    const settings = resolveSettings(REWARD_DEFAULTS, plain.settings);
    return { ...(plain as RewardDescription), settings };
  }
  throw new CheckpointError(
    `${what} is not a reward model's: it lacks base, baseSha256, step or settings`,
  );
}

/**
 * Reads a reward model onto its base: a LoRA is added to that under a name, and a model that was trained as a whole
 * overwrites it. It scores the same bits as the one that was saved.
 * @throws CheckpointError where the folder holds none, an unfinished one, a damaged one, or one of another base.
 */
export async function loadRewardModel(
  device: Device,
  folder: Folder,
  base: Transformer,
  { name = REWARD_ADAPTER }: { readonly name?: string } = {},
): Promise<RewardModel> {
  const found = await readRewardDescription(folder);
  if (!found || found.step === 0 || !(await folder.exists(TENSORS)))
    throw new CheckpointError(
      `${folder.location} holds no reward model; train one with shadegrad reward`,
    );
  const { settings, baseSha256, tensorsSha256 } = found;
  const bytes = await folder.read(TENSORS);
  const what = `${folder.location}/${TENSORS}`;
  if ((await sha256(bytes)) !== tensorsSha256)
    throw new CheckpointError(`${what} is not what ${DESCRIPTION} describes; train it again`);
  if (settings.method === 'lora' && (await sha256OfModel(base)) !== baseSha256)
    throw new CheckpointError(
      `${folder.location} holds a reward model of another base, ${found.base}: its LoRA means nothing on this one`,
    );
  const { tensors } = readSafetensors(bytes, what);
  const rewardModel = createRewardModel(device, base, settings, { name });
  const values = [...tensors].map(([each, x]) => {
    const own = each.replace(ADAPTER_OF_FILE, `.adapters.${name}.`);
    return [own, { shape: x.shape, data: toFloats(x) }] as const;
  });
  rewardModel.load(new Map(values));
  for (const x of rewardModel.trained.values()) x.requireGrad(false);
  return rewardModel;
}

/**
 * The same on `shared` where it is a LoRA of that very model, else on its own base, opened from where it was trained.
 * @param openFolder gives the folder of a path
 * @throws as `loadRewardModel`, and where the base is not there any more
 */
export async function openRewardModel(
  device: Device,
  folder: Folder,
  shared: Transformer,
  openFolder: (path: string) => Promise<Folder>,
): Promise<RewardModel> {
  const found = await readRewardDescription(folder);
  const fits =
    found?.settings.method === 'lora' && (await sha256OfModel(shared)) === found.baseSha256;
  if (!found || fits) return loadRewardModel(device, folder, shared);
  const { method } = found.settings;
  const own = await openFinetuneBase(device, await openFolder(found.base), {
    method,
    weights: 'stored',
  });
  return loadRewardModel(device, folder, own.model);
}

const ADAPTER_OF_FILE = `.adapters.${REWARD_ADAPTER}.`;

/** By the names of the file, whatever the adapter is called in its model. */
function ownTensors(rewardModel: RewardModel) {
  const { adapter } = rewardModel.speaker;
  return [...rewardModel.namedTensors()].map(
    ([name, x]) => [name.replace(`.adapters.${adapter}.`, ADAPTER_OF_FILE), x] as const,
  );
}
