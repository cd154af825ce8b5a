// All commands of `shadegrad`.

import { Command } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { addAddition } from './addition.ts';
import { addAlign } from './align.ts';
import { addAutoencoder } from './autoencoder.ts';
import { addBench } from './bench.ts';
import { addBenchPpo } from './bench_ppo.ts';
import { addBenchRlhf } from './bench_rlhf.ts';
import { addChain } from './chain.ts';
import { addChainOfThought } from './chain_of_thought.ts';
import { addChat } from './chat.ts';
import { addClassifyCompare } from './classify_compare.ts';
import { addDagger } from './dagger.ts';
import { addDataset } from './dataset.ts';
import { addDemos } from './demos.ts';
import { addDpo } from './dpo.ts';
import { addEstimators } from './estimators.ts';
import { addFinetune } from './finetune.ts';
import { addGenerate } from './generate.ts';
import { addGrpo } from './grpo.ts';
import { addImitation } from './imitation.ts';
import { addInfo } from './info.ts';
import { addIntrinsicDimension } from './intrinsic_dimension.ts';
import { addIterate } from './iterate.ts';
import { addJudge } from './judge.ts';
import { addLabel } from './label.ts';
import { addLabelNoise } from './label_noise.ts';
import { addLengthHack } from './length_hack.ts';
import { addLoraRank } from './lora_rank.ts';
import { addOveroptimise } from './overoptimise.ts';
import { addPipeline } from './pipeline.ts';
import { addPreferred } from './preferred.ts';
import { addReasoning } from './reasoning.ts';
import { addReward } from './reward.ts';
import { addRl } from './rl.ts';
import { addRlhf } from './rlhf.ts';
import { addScaling } from './scaling.ts';
import { addSelfInstruct } from './self_instruct.ts';
import { addTokenizer } from './tokenizer.ts';
import { addTrain } from './train.ts';
import { addTune } from './tune.ts';
import { addVerifiable } from './verifiable.ts';

const adders = [
  addTrain,
  addFinetune,
  addDpo,
  addJudge,
  addGenerate,
  addChat,
  addLabel,
  addReward,
  addRl,
  addRlhf,
  addGrpo,
  addPipeline,
  addDataset,
  addTokenizer,
  addBench,
  addBenchPpo,
  addBenchRlhf,
  addTune,
  addInfo,
  addDemos,
  addLoraRank,
  addLabelNoise,
  addEstimators,
  addChain,
  addClassifyCompare,
  addAddition,
  addChainOfThought,
  addVerifiable,
  addReasoning,
  addAutoencoder,
  addIntrinsicDimension,
  addImitation,
  addDagger,
  addSelfInstruct,
  addScaling,
  addAlign,
  addIterate,
  addOveroptimise,
  addLengthHack,
  addPreferred,
];

/** Ready to parse a command line. */
export function makeProgram(): Command {
  const program = new Command('shadegrad')
    .description(
      'WebGPU tensors with autodiff, and language models and reinforcement learning on top.',
    )
    .version(manifest.version)
    .showHelpAfterError('(shadegrad --help lists the commands)')
    .enablePositionalOptions();
  for (const add of adders) add(program);
  for (const command of program.commands)
    command.showHelpAfterError(`(shadegrad ${command.name()} --help lists the options)`);
  return program;
}
