/**
 * Every error that a user can meet. Each carries the exit code that the command line ends with and, where
 * known, the place (`node`, `path`) and the values, so that a program can react without parsing sentences.
 */

/** What an error knows beyond its sentence. */
export interface ErrorDetails {
  /** ONNX operator at fault, for example `Gemm`. */
  readonly op?: string;
  /** Name of the graph node at fault. */
  readonly node?: string;
  /** File or folder at fault. */
  readonly path?: string;
  /** What was wanted. */
  readonly expected?: unknown;
  /** What was found. */
  readonly actual?: unknown;
  readonly cause?: unknown;
}

/** Base of all errors that Espalier throws on purpose. `exitCode` is the command line's. */
export class EspalierError extends Error {
  override readonly name: string = 'EspalierError';
  readonly exitCode: number = 1;
  readonly details: ErrorDetails;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.details = details;
  }
}

/** A wrong option, argument or configuration key. */
export class UsageError extends EspalierError {
  override readonly name = 'UsageError';
  override readonly exitCode = 2;
}

/** Input data that cannot be used: a truncated file, a corrupt image, a label out of range. */
export class DataError extends EspalierError {
  override readonly name = 'DataError';
  override readonly exitCode = 3;
}

/** A model that cannot be read, or that asks for what is not allowed. */
export class ModelError extends EspalierError {
  override readonly name: string = 'ModelError';
  override readonly exitCode = 4;
}

/** Shapes or dtypes that do not fit an operator. */
export class ShapeError extends ModelError {
  override readonly name = 'ShapeError';
}

/** An operator, or a form of it, that Espalier does not know. */
export class OperatorError extends ModelError {
  override readonly name = 'OperatorError';
}

/** A gradient that does not exist, or that was asked for where none flows. */
export class GradientError extends ModelError {
  override readonly name = 'GradientError';
}

/** A runtime or execution provider that is not installed or does not start. */
export class RuntimeUnavailableError extends EspalierError {
  override readonly name = 'RuntimeUnavailableError';
}

/** Training that cannot go on: a loss that is not a number, a checkpoint that cannot be written. */
export class TrainingError extends EspalierError {
  override readonly name = 'TrainingError';
}

/** Something that is used before it has learnt: a detector before `fit`. */
export class NotFittedError extends EspalierError {
  override readonly name = 'NotFittedError';
}

/** A measured figure that misses the threshold that the caller set. */
export class ThresholdError extends EspalierError {
  override readonly name = 'ThresholdError';
  override readonly exitCode = 5;
}

/** Work that a signal ended after its checkpoint was saved. */
export class InterruptedError extends EspalierError {
  override readonly name = 'InterruptedError';
  override readonly exitCode = 130;
}

/** An invariant of ours that does not hold: never the user's fault. */
export function internal(message: string): never {
  throw new EspalierError(`internal: ${message}. Please report this.`);
}
