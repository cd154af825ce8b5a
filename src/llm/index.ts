// The public API of the language models.

export { generateCorpus, entropyRate } from '../text/grammar.ts';
export { characterTokenizer, type Tokenizer } from '../text/characters.ts';
export { decodeText } from '../text/corpus.ts';
export { Transformer, type TransformerConfig } from './transformer.ts';
export { PRESETS, TRAIN_DEFAULTS, type TrainSettings } from './settings.ts';
export {
  drawSamples,
  trainLanguageModel,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
  type TrainState,
} from './train.ts';
export { evaluateLoss } from './evaluate.ts';
export { sampleText } from './sample.ts';
