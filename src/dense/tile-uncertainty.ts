/** How unsure a segmenter is of each position of a tile: the entropy of its probabilities. */
import type { Tensor } from '../tensor/tensor.js';
import type { TileOutput } from './tiles.js';

/**
 * The entropy at each position that belongs to the whole, as a share of the largest that so many classes can have: 0 where
 * one class has all, 255 where all are alike. Scores that are no probabilities go through a softmax first.
 * @param out (rows, `stride`), into which the tile's columns are written from `tile.column.output.start` on
 */
export function uncertaintyOf(
  { map, tile: { row, column } }: TileOutput,
  out: Uint8Array,
  stride: number,
): void {
  const [, classes = 0, height = 0, width = 0] = map.dims;
  const { data } = map;
  const size = height * width;
  const entropyAt = holdsProbabilities(map) ? entropyOfShares : entropyOfScores;
  const scale = classes > 1 ? 255 / Math.log(classes) : 0;
  const { start, end } = column.output;
  for (let y = 0; y < row.output.end - row.output.start; y++)
    for (let x = 0; x < end - start; x++) {
      const at = (row.skip + y) * width + column.skip + x;
      out[y * stride + start + x] = Math.round(scale * entropyAt(data, at, size));
    }
}

/** Entropy in nats of the probabilities at `from`, `from + step` … */
function entropyOfShares(data: Float32Array, from: number, step: number): number {
  let sum = 0;
  for (let i = from; i < data.length; i += step) {
    const p = data[i] as number;
    if (p > 0) sum -= p * Math.log(p);
  }
  return Math.max(0, sum);
}

/** The same of scores: log of the sum of their powers, less their mean. */
function entropyOfScores(data: Float32Array, from: number, step: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = from; i < data.length; i += step) most = Math.max(most, data[i] as number);
  let [sum, moment] = [0, 0];
  for (let i = from; i < data.length; i += step) {
    const power = Math.exp((data[i] as number) - most);
    sum += power;
    moment += power * ((data[i] as number) - most);
  }
  return Math.max(0, Math.log(sum) - moment / sum);
}

/** Positions that are looked at for it. */
const looked = 1000;

/** Whether the numbers of every position looked at are above 0 and sum to 1. */
function holdsProbabilities({ data, dims }: Tensor<'float32'>): boolean {
  const [, , height = 0, width = 0] = dims;
  const size = height * width;
  const every = Math.max(1, Math.floor(size / looked));
  for (let at = 0; at < size; at += every) {
    let sum = 0;
    for (let i = at; i < data.length; i += size) {
      const value = data[i] as number;
      if (value < 0) return false;
      sum += value;
    }
    if (Math.abs(sum - 1) > 1e-3) return false;
  }
  return true;
}
