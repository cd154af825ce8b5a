// The public API of the tensor runtime. This file is its table of contents.

export { openFolder } from '#folder';
export { liveInstances } from '#platform';
export * from './errors.ts';
export type { AdapterSummary, ContextOptions, Limits } from './gpu/context.ts';
export type { Timing } from './gpu/timing.ts';
// Files
export { readSafetensors, writeSafetensors } from './io/safetensors.ts';
export { checkpoint } from './nn/checkpoint.ts';
export { Initialiser } from './nn/initialiser.ts';
export { Dropout, Embedding, LayerNorm, MLP, RMSNorm } from './nn/layers.ts';
export { type Adapter, Linear, withAdapter } from './nn/linear.ts';
// Layers and optimisers
export { Module } from './nn/module.ts';
export { attention } from './ops/attention.ts';
export {
  add,
  div,
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  maximum,
  minimum,
  mul,
  notEqual,
  pow,
  sub,
} from './ops/binary.ts';
export type { CapturedStep } from './ops/capture.ts';
export { cast, writeAt } from './ops/copy.ts';
// Losses
export { crossEntropy } from './ops/cross_entropy.ts';
export { cumsum } from './ops/cumsum.ts';
export { customOp, type Kernel } from './ops/custom.ts';
// Tensors and autodiff
export { Device, type DeviceOptions, type MemoryReport } from './ops/device.ts';
export { embedding, oneHot } from './ops/embedding.ts';
export { gae } from './ops/gae.ts';
export { gather } from './ops/gather.ts';
// Products, norms, attention
export { type LinearOptions, linear } from './ops/linear.ts';
export { type LinearCrossEntropyOptions, linearCrossEntropy } from './ops/linear_cross_entropy.ts';
export { loraLinear } from './ops/lora.ts';
export { type MatmulOptions, matmul } from './ops/matmul.ts';
export type { Activation } from './ops/multiply.ts';
export { addLayerNorm, addRmsNorm, layerNorm, type NormedSum, rmsNorm } from './ops/norm.ts';
export { type PolicyHead, policyHead } from './ops/policy_head.ts';
export { ppoLoss, ppoLossFromLogProbs } from './ops/ppo.ts';
export { bradleyTerryLoss, dpoLoss } from './ops/preference.ts';
export { dropout } from './ops/random.ts';
// Reductions and selection
export { logSumExp, max, mean, min, sum, variance } from './ops/reduce.ts';
export { rope, ropePair } from './ops/rope.ts';
export { where } from './ops/select.ts';
export { concat, pad, split, stack } from './ops/shape_ops.ts';
export { logSoftmax, softmax } from './ops/softmax.ts';
export { swiglu } from './ops/swiglu.ts';
export { argmax, topK } from './ops/top_k.ts';
// Elementwise
export {
  abs,
  clamp,
  erf,
  exp,
  gelu,
  log,
  neg,
  relu,
  sigmoid,
  silu,
  softplus,
  sqrt,
  square,
  tanh,
} from './ops/unary.ts';
// Shapes
export { expand, permute, reshape, slice, transpose } from './ops/view.ts';
export { AdamW } from './optim/adamw.ts';
export { clipGradNorm } from './optim/clip.ts';
export { constant, cosine, linear as linearSchedule } from './optim/schedule.ts';
export { SGD } from './optim/sgd.ts';
export type { DType } from './tensor/dtype.ts';
export { type BackwardOptions, backward, grad, noGrad } from './tensor/tape.ts';
export { Tensor } from './tensor/tensor.ts';
