/** Initial weights: pure functions of a seed and the parameter's name. */
import { fillNormal, streamKey } from '../tensor/random.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, zeros } from '../tensor/tensor.js';

/** Normal with mean 0 and standard deviation `std`. float32 of shape `dims`. */
export function normal(seed: number, name: string, dims: readonly number[], std: number): Tensor {
  const data = new Float32Array(sizeOf(dims));
  fillNormal(data, streamKey(seed, 0, `initial/${name}`), std);
  return { dtype: 'float32', dims, data };
}

/** Every element `value`. float32 of shape `dims`. */
export function filled(dims: readonly number[], value: number): Tensor {
  const made = zeros('float32', dims);
  made.data.fill(value);
  return made;
}
