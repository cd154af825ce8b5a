// shadegrad autoencoder: the experiment that pre-training on images without labels helps where labels are few.

import type { Command } from 'commander';
import { autoencoderExperiment } from '../llm/autoencoder_experiment.ts';
import { intervalOf, summarise } from '../llm/autoencoder_report.ts';
import { addExperiment } from './experiment.ts';

export function addAutoencoder(program: Command): void {
  addExperiment(program, {
    name: 'autoencoder',
    description: 'autoencoders on unlabelled digits help where labels are few',
    about:
      "Trains autoencoders on MNIST's images layer by layer, and the stack on a few labels, against the same network from\n" +
      'scratch. The setting data names the folder of t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz.',
    examples: [
      ['shadegrad autoencoder --set data=mnist', 'all of it: ten seeds'],
      ['shadegrad autoencoder --set data=mnist --set seeds=[1] --set labels=[100]', 'a part of it'],
    ],
    presets: { small: {}, gpu: { hidden: [512, 512, 256], shrink: 1, pretrainSteps: 6000 } },
    experiment: autoencoderExperiment,
    lines: (result, settings) =>
      summarise(result, settings).map(({ labels, scratch, pretrained, gain }) => {
        const said = [scratch, pretrained, gain].map((each) => intervalOf(each).join(' ').trim());
        return `${labels} labels\tscratch ${said[0]} %\tpre-trained ${said[1]} %\tgain ${said[2]} %`;
      }),
  });
}
