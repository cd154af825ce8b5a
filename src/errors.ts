// Every error that shadegrad throws on purpose: one base class, one class per kind.
// A message names the operation, what was given, what was expected and, where known, the way out.

/** The base of all errors thrown on purpose. `cause` holds what came after the first GPU error, or what lay below. */
export class ShadegradError extends Error {
  override name = 'ShadegradError';
}

/** Shapes that do not fit together. */
export class ShapeError extends ShadegradError {
  override name = 'ShapeError';
}

/** An element type that an op does not take, or that the adapter lacks. */
export class DTypeError extends ShadegradError {
  override name = 'DTypeError';
}

/** A size over one of the adapter's limits; the message holds the limit. */
export class LimitError extends ShadegradError {
  override name = 'LimitError';
}

/** The GPU has no memory left for a buffer. */
export class OutOfMemoryError extends ShadegradError {
  override name = 'OutOfMemoryError';
}

/** The device is gone: driver reset, watchdog, or `device.destroy()`. Open a new one and resume from a checkpoint. */
export class DeviceLostError extends ShadegradError {
  override name = 'DeviceLostError';
}

/** No usable adapter, or a GPU error that no check of ours foresaw. */
export class DeviceError extends ShadegradError {
  override name = 'DeviceError';
}

/** A tensor used after it was disposed, or changed in place between forward and backward. */
export class TensorError extends ShadegradError {
  override name = 'TensorError';
}

/** A function that was captured and cannot be replayed; the message says why. */
export class CaptureError extends ShadegradError {
  override name = 'CaptureError';
}

/** WGSL that does not compile, or a kernel that is called otherwise than it declares. */
export class KernelError extends ShadegradError {
  override name = 'KernelError';
}

/** Data from outside (text, JSONL, safetensors) that cannot be used as it is. */
export class DataError extends ShadegradError {
  override name = 'DataError';
}

/** A checkpoint that is damaged, incomplete, or of another configuration. */
export class CheckpointError extends ShadegradError {
  override name = 'CheckpointError';
}

/** An unknown setting or a value out of its range. */
export class ConfigError extends ShadegradError {
  override name = 'ConfigError';
}

/** An environment that breaks its contract, or is used against it. */
export class EnvironmentError extends ShadegradError {
  override name = 'EnvironmentError';
}
