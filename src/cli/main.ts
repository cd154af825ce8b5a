#!/usr/bin/env node
// The `shadegrad` command. Each subcommand is a thin shell over an exported function.

import { ShadegradError } from '../errors.ts';
import { addAddition } from './addition.ts';
import { addAutoencoder } from './autoencoder.ts';
import { addBench } from './bench.ts';
import { addChain } from './chain.ts';
import { addBenchPpo } from './bench_ppo.ts';
import { addChainOfThought } from './chain_of_thought.ts';
import { addChat } from './chat.ts';
import { addClassifyCompare } from './classify_compare.ts';
import { addDagger } from './dagger.ts';
import { addDataset } from './dataset.ts';
import { addDemos } from './demos.ts';
import { addEstimators } from './estimators.ts';
import { addFinetune } from './finetune.ts';
import { addGenerate } from './generate.ts';
import { addImitation } from './imitation.ts';
import { addInfo } from './info.ts';
import { addIntrinsicDimension } from './intrinsic_dimension.ts';
import { addLoraRank } from './lora_rank.ts';
import { addRl } from './rl.ts';
import { addScaling } from './scaling.ts';
import { addSelfInstruct } from './self_instruct.ts';
import { addTokenizer } from './tokenizer.ts';
import { addTrain } from './train.ts';
import { addTune } from './tune.ts';

const program = new Command('shadegrad')
  .description(
    'WebGPU tensors with autodiff, and language models and reinforcement learning on top.',
  )
  .version(manifest.version)
  .showHelpAfterError('(shadegrad --help lists the commands)')
  .enablePositionalOptions();

const adders = [
  addTrain,
  addFinetune,
  addGenerate,
  addChat,
  addRl,
  addDataset,
  addTokenizer,
  addBench,
  addBenchPpo,
  addTune,
  addInfo,
  addDemos,
  addLoraRank,
  addEstimators,
  addChain,
  addClassifyCompare,
  addAddition,
  addChainOfThought,
  addAutoencoder,
  addIntrinsicDimension,
  addImitation,
  addDagger,
  addSelfInstruct,
  addScaling,
];
for (const add of adders) add(program);
for (const command of program.commands)
  command.showHelpAfterError(`(shadegrad ${command.name()} --help lists the options)`);
import { makeProgram } from './program.ts';

try {
  await makeProgram().parseAsync();
} catch (error) {
  console.error(explained(error));
  process.exitCode = 1;
}

/** Mistakes of use, and what the system refuses (a full disk, no permission), get one line; the rest is ours: where? */
function explained(error: unknown): string {
  if (error instanceof ShadegradError) return `${error.name}: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  return 'syscall' in error ? error.message : (error.stack ?? error.message);
}
