/** What a checkpoint holds, and how it becomes bytes: parameters, optimizer state, and where the run stands. */
import { DataError, TrainingError } from '../errors.js';
import { formatShape, sameShape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';

/** Where a run stands. All of it is needed to go on bit for bit. */
export interface Position {
  /** Steps done. The data position and the noise follow from it and the seed. */
  readonly step: number;
  readonly seed: number;
  /** Best value so far of the watched metric, and the step at which it was seen. */
  readonly best: { readonly value: number; readonly step: number } | null;
  /** Evaluations since then. */
  readonly sinceBest: number;
}

/**
 * Parameters, state and position as safetensors.
 * @throws TrainingError where a tensor holds a number that is not finite: such a checkpoint is of no use.
 */
export function encodeCheckpoint(
  tensors: ReadonlyMap<string, Tensor>,
  position: Position,
): Uint8Array {
  requireFinite(tensors, position.step);
  return encodeSafetensors(Object.fromEntries(tensors), { position: JSON.stringify(position) });
}

/** @throws TrainingError naming the first tensor that holds a number that is not finite. */
export function requireFinite(tensors: ReadonlyMap<string, Tensor>, step: number): void {
  for (const [name, { data }] of tensors) {
    const at = (data as Float32Array).findIndex((value) => !Number.isFinite(value));
    if (at >= 0)
      throw new TrainingError(
        `training gave ${data[at]} in "${name}" at step ${step}. A checkpoint saved before is kept; lower the learning rate or clip the gradients.`,
        { actual: data[at], expected: 'finite numbers' },
      );
  }
}

/**
 * The reverse, checked against what the step graph expects.
 * @throws DataError where the bytes are no checkpoint, a tensor is missing or has another shape, or the seed differs.
 */
export function decodeCheckpoint(
  bytes: Uint8Array,
  expected: ReadonlyMap<string, Tensor>,
  seed: number,
): { tensors: Map<string, Tensor>; position: Position } {
  const { tensors, metadata } = decodeSafetensors(bytes, 'checkpoint');
  const position = parsePosition(metadata['position']);
  if (position.seed !== seed)
    throw new DataError(
      `checkpoint: it was made with seed ${position.seed}, this run has seed ${seed}. Use the same, or another folder.`,
      { expected: seed, actual: position.seed },
    );
  const found = new Map<string, Tensor>();
  for (const [name, { dims, dtype }] of expected) {
    const tensor = tensors[name];
    if (!tensor || tensor.dtype !== dtype || !sameShape(tensor.dims, dims))
      throw new DataError(
        `checkpoint: "${name}" should be ${dtype}${formatShape(dims)}, got ${tensor ? tensor.dtype + formatShape(tensor.dims) : 'nothing'}. It belongs to another model or configuration.`,
        { expected: dims, actual: tensor?.dims },
      );
    found.set(name, tensor);
  }
  return { tensors: found, position };
}

function parsePosition(text = 'null'): Position {
  const count = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
  try {
    const { step, seed, best, sinceBest } = JSON.parse(text) as Position;
    const isBest = best === null || (Number.isFinite(best.value) && count(best.step));
    if (count(step) && count(seed) && count(sinceBest) && isBest)
      return { step, seed, best, sinceBest };
  } catch {
    // Said below: text that is no JSON, or null, is no position either.
  }
  throw new DataError('checkpoint: no position in it; it is not one of Espalier, or damaged', {
    actual: text,
  });
}
