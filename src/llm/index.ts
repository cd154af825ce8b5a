// The public API of the language models.

// Checkpoints
export {
  type Checkpoint,
  type CheckpointContent,
  loadCheckpoint,
  saveCheckpoint,
} from '../io/checkpoint.ts';
// Experiments
export {
  type CellProgress,
  type Cells,
  type Experiment,
  type ExperimentOptions,
  type ExperimentOutcome,
  runExperiment,
} from '../io/experiment.ts';
// Files
export { type IdxArray, readIdx } from '../io/idx.ts';
export { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
// Adapters
export { Bottleneck } from '../nn/bottleneck.ts';
export { mergeAdapter, setAdapter, unmergeAdapter } from '../nn/linear.ts';
export { Lora, type LoraOptions } from '../nn/lora.ts';
// Subspaces, noise, positions
export { Subspace, type SubspaceOptions } from '../nn/subspace.ts';
export { gaussianNoise } from '../ops/noise.ts';
export { packWeight, unpackWeight } from '../ops/packed.ts';
export { ropeSimilarity } from '../ops/rope.ts';
// Drawing tokens
export { type SamplingState, sampleInto, samplingState } from '../ops/sample.ts';
export type { SamplingOptions } from '../ops/sampling_options.ts';
export type { PackedType } from '../tensor/tensor.ts';
// Prompts and problems
export { type AdditionData, type AdditionOptions, additionData } from '../text/addition.ts';
export * as attributes from '../text/attributes.ts';
// Tokenizers
export type { BpeEncodeOptions, BpeModel, BpeTokenizer } from '../text/bpe.ts';
export { type Merge, type TrainBpeOptions, trainBpe } from '../text/bpe_train.ts';
export { type CharacterTokenizer, characterTokenizer } from '../text/characters.ts';
export {
  CHAT_TEMPLATES,
  type ChatTemplateName,
  chatPrompt,
  chatSegments,
  type Message,
} from '../text/chat_template.ts';
export { decodeText } from '../text/corpus.ts';
export * as denoise from '../text/denoise.ts';
export { bertReplacements, independentNoise, spanNoise } from '../text/denoise_draws.ts';
export { type ExposureCurve, exposureCurve } from '../text/exposure.ts';
export {
  conversationLines,
  drawConversations,
  faultOf,
  faultsOf,
  GOALS,
  type GoalName,
} from '../text/goals/index.ts';
export { entropyRate, generateCorpus } from '../text/grammar.ts';
export {
  drawUseCases,
  INSTRUCTION_MIX,
  storyOpenings,
  whereQuestions,
} from '../text/instructions.ts';
// Data
export { meanWeights, mixedBatch, type Phase, phaseWeights } from '../text/mixture.ts';
export { type NGramModel, type NGramOptions, nGramModel } from '../text/ngrams.ts';
export { documentBounds, packDocuments } from '../text/packing.ts';
export * as patterns from '../text/patterns.ts';
export { phraseTokenizer } from '../text/phrases.ts';
export type { Problem } from '../text/problems.ts';
export {
  answersWith,
  type ExtractedAnswer,
  extractAnswer,
  fewShot,
  fewShotChain,
  reasonedAnswer,
  STEP_BY_STEP,
  type WorkedExample,
  zeroShot,
  zeroShotChain,
} from '../text/prompts.ts';
export { readTokenizer } from '../text/read_tokenizer.ts';
export { SPLIT_PATTERNS, type SplitPattern } from '../text/split_patterns.ts';
export { judgeLine, stringTasks } from '../text/string_tasks.ts';
export { parseTiktokenRanks, type TiktokenOptions } from '../text/tiktoken_ranks.ts';
export {
  type DecodeStream,
  decodeStream,
  type EncodeOptions,
  type Tokenizer,
} from '../text/tokenizer.ts';
export { parseTokenizerJson } from '../text/tokenizer_json.ts';
export { type WordProblem, wordProblems } from '../text/word_problems.ts';
export { trainWords, type WordTokenizer, wordTokenizer } from '../text/words.ts';
export { additionExperiment } from './addition_experiment.ts';
// Models
export {
  Autoencoder,
  Classifier,
  Encoder,
  errorRate,
  fitRows,
  type PretrainOptions,
  pretrain,
  type Recipe,
  reconstruct,
  trainClassifier,
} from './autoencoder.ts';
export {
  type AutoencoderResults,
  type AutoencoderSettings,
  autoencoderExperiment,
} from './autoencoder_experiment.ts';
export { type Beam, type BeamOptions, generateBeams } from './beam_search.ts';
export { loadBottlenecks, saveBottlenecks } from './bottleneck_file.ts';
export { chainExperiment } from './chain_of_thought.ts';
export {
  bestLabel,
  calibrateScores,
  encodeLabels,
  type Labels,
  labelProbabilities,
  type ScoreOptions,
  scoreLabels,
  type Verbaliser,
} from './classify.ts';
export {
  type ClassifyResults,
  type ClassifySettings,
  classifyExperiment,
} from './classify_experiment.ts';
export {
  classify,
  classifyByHead,
  type InContextOptions,
  type LabelledInput,
  scoreInContext,
  type TextTask,
  type TuneSettings,
  tuneHead,
  tunePattern,
} from './classify_methods.ts';
export { type Completion, completeExamples } from './completions.ts';
export {
  Conversation,
  type ConversationOptions,
  type Reply,
  type ReplyOptions,
} from './conversation.ts';
export { type DigitOptions, type Digits, type Images, imagesOn, readDigits } from './digits.ts';
export { bitsPerByte, evaluateLoss, perplexity, textUnits } from './evaluate.ts';
export { exposureBias } from './exposure_bias.ts';
export {
  type FinetuneData,
  type FinetuneOptions,
  type FinetuneResult,
  finetune,
} from './finetune.ts';
export { type FinetuneBase, openFinetuneBase } from './finetune_base.ts';
export { type FinetuneRun, openFinetuneRun } from './finetune_run.ts';
export { FINETUNE_DEFAULTS, type FinetuneSettings } from './finetune_settings.ts';
export { type Generated, type GenerateOptions, generate } from './generate.ts';
export { type GeneratedText, type GenerateTextOptions, generateText } from './generate_text.ts';
export { type ScoredReply, type ScoreRepliesOptions, scoreReplies } from './goal_score.ts';
export { type HuggingFaceModel, type LoadOptions, loadHuggingFace } from './hugging_face.ts';
export { type SaveOptions, saveHuggingFace } from './hugging_face_save.ts';
export { describeHuggingFace, type HuggingFaceSummary } from './hugging_face_summary.ts';
export { imitationExperiment } from './imitation.ts';
export {
  type IntrinsicResults,
  type IntrinsicSettings,
  intrinsicExperiment,
} from './intrinsic_experiment.ts';
export { KeyValueCache } from './key_value_cache.ts';
export { type Look, lookInto } from './look.ts';
export { Mixer, type MixerConfig } from './mixer.ts';
export { type Candidate, nextTokens } from './next_tokens.ts';
export { applyAdapter, type OpenedModel, openModel } from './open_model.ts';
export { type OrderSensitivity, type OrderStudyData, orderStudy } from './order_study.ts';
export { loadPeft, type PeftOptions, savePeft } from './peft.ts';
export { huggingFaceNames } from './peft_names.ts';
export { PrefixCache } from './prefix_cache.ts';
export {
  type LearnOptions,
  learnProblems,
  makeSolver,
  type SolveOptions,
  type SolverSize,
  solveProblems,
} from './problem_solver.ts';
export { type RankResults, type RankSettings, rankExperiment } from './rank_experiment.ts';
export { readSavedRun, type SavedRun } from './run.ts';
export type { RunLog } from './run_log.ts';
export { sampleText } from './sample.ts';
export { loadRun, type SavedModel } from './saved_model.ts';
export { type FittedLaw, type ScalingResult, scalingExperiment } from './scaling.ts';
export {
  bootstrap,
  fitByVariableProjection,
  fitChinchilla,
  fitPowerLaw,
  interval,
  predictionInterval,
} from './scaling_fit.ts';
export { computeOptimal, type Observation, predictLoss, type ScalingLaw } from './scaling_law.ts';
export {
  type Architecture,
  SCALING_DEFAULTS,
  SCALING_PRESETS,
  type ScalingSettings,
} from './scaling_settings.ts';
export { selfInstructExperiment } from './self_instruct.ts';
export { PRESETS, TRAIN_DEFAULTS, type TrainSettings } from './settings.ts';
export { type Example, encodeExample, holdOut, readExamples } from './supervised.ts';
export { chooseTemplate, type TemplateChoice } from './template_choice.ts';
export {
  drawSamples,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
  type TrainState,
  trainLanguageModel,
} from './train.ts';
export { type LoraMethod, type Method, trainable } from './trainable.ts';
export { type ForwardOptions, Transformer } from './transformer.ts';
export type { TransformerConfig } from './transformer_config.ts';
