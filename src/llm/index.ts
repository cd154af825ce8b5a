// The public API of the language models.

export { characterTokenizer, type Tokenizer } from '../text/characters.ts';
export { decodeText } from '../text/corpus.ts';
export * as denoise from '../text/denoise.ts';
export { bertReplacements, independentNoise, spanNoise } from '../text/denoise_draws.ts';
export { type ExposureCurve, exposureCurve } from '../text/exposure.ts';
export { entropyRate, generateCorpus } from '../text/grammar.ts';
export { meanWeights, mixedBatch, type Phase, phaseWeights } from '../text/mixture.ts';
export { documentBounds, packDocuments } from '../text/packing.ts';
export { type Beam, type BeamOptions, generateBeams } from './beam_search.ts';
export { bitsPerByte, evaluateLoss, perplexity } from './evaluate.ts';
export { exposureBias } from './exposure_bias.ts';
export { type Generated, type GenerateOptions, generate } from './generate.ts';
export { KeyValueCache } from './key_value_cache.ts';
export { sampleText } from './sample.ts';
export { PRESETS, TRAIN_DEFAULTS, type TrainSettings } from './settings.ts';
export {
  drawSamples,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
  type TrainState,
  trainLanguageModel,
} from './train.ts';
export { type ForwardOptions, Transformer } from './transformer.ts';
export type { TransformerConfig } from './transformer_config.ts';
