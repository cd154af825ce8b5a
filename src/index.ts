// The public API of the tensor runtime. This file is its table of contents.

export type { Timing } from './gpu/timing.ts';
export type { AdapterSummary, ContextOptions, Limits } from './gpu/context.ts';
export { liveInstances } from '#platform';
export * from './errors.ts';

// Tensors and autodiff
export { type DeviceOptions, Device, type MemoryReport } from './ops/device.ts';
export { type DType } from './tensor/dtype.ts';
export { Tensor } from './tensor/tensor.ts';
export { backward, type BackwardOptions, grad, noGrad } from './tensor/tape.ts';
export { customOp, type Kernel } from './ops/custom.ts';

// Elementwise
export { abs, clamp, erf, exp, gelu, log, neg, relu, sigmoid, silu, softplus, sqrt, square, tanh } from './ops/unary.ts';
export { add, div, maximum, minimum, mul, pow, sub } from './ops/binary.ts';
export { equal, greater, greaterEqual, less, lessEqual, notEqual } from './ops/binary.ts';
export { where } from './ops/select.ts';
export { cast, writeAt } from './ops/copy.ts';
export { dropout } from './ops/random.ts';

// Shapes
export { expand, permute, reshape, slice, transpose } from './ops/view.ts';
export { concat, pad, stack } from './ops/shape_ops.ts';

// Reductions and selection
export { logSumExp, max, mean, min, sum, variance } from './ops/reduce.ts';
export { argmax, topK } from './ops/top_k.ts';
export { cumsum } from './ops/cumsum.ts';
export { gather } from './ops/gather.ts';
export { embedding, oneHot } from './ops/embedding.ts';

// Products, norms, attention
export { linear, matmul, type MatmulOptions } from './ops/matmul.ts';
export { loraLinear } from './ops/lora.ts';
export { layerNorm, rmsNorm } from './ops/norm.ts';
export { logSoftmax, softmax } from './ops/softmax.ts';
export { rope } from './ops/rope.ts';
export { attention } from './ops/attention.ts';

// Losses
export { crossEntropy } from './ops/cross_entropy.ts';
export { gae } from './ops/gae.ts';
export { ppoLoss, ppoLossFromLogProbs } from './ops/ppo.ts';
export { bradleyTerryLoss, dpoLoss } from './ops/preference.ts';

// Layers and optimisers
export { Module } from './nn/module.ts';
export { Initialiser } from './nn/initialiser.ts';
export { type Adapter, Linear, withAdapter } from './nn/linear.ts';
export { Lora } from './nn/lora.ts';
export { Dropout, Embedding, LayerNorm, MLP, RMSNorm } from './nn/layers.ts';
export { AdamW } from './optim/adamw.ts';
export { SGD } from './optim/sgd.ts';
export { clipGradNorm } from './optim/clip.ts';
export { constant, cosine, linear as linearSchedule } from './optim/schedule.ts';

// Files
export { readSafetensors, writeSafetensors } from './io/safetensors.ts';
export { loadCheckpoint, saveCheckpoint } from './io/checkpoint.ts';
export { openFolder } from '#folder';
