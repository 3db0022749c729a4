/** Writes the folder in which a peer finds our parameters, batches and noise; `peers/exchange.py` states the format. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sizeOf } from '../src/tensor/shape.js';
import { type Tensor, zeros } from '../src/tensor/tensor.js';

/**
 * @param folder an existing folder
 * @param tensors float32; those that differ from step to step have an axis of `steps` in front
 * @param fields further keys of the manifest: `steps`, `noiseStd`, `network`
 */
export async function writeExchange(
  folder: string,
  tensors: ReadonlyMap<string, Tensor<'float32'>>,
  fields: Readonly<Record<string, number | string>>,
): Promise<void> {
  let offset = 0;
  const entries = [...tensors].map(([name, { dims, data }]) => {
    const entry = { name, dims, offset };
    offset += data.byteLength;
    return entry;
  });
  const bytes = new Uint8Array(offset);
  [...tensors.values()].forEach(({ data }, i) => {
    bytes.set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      entries[i]?.offset ?? 0,
    );
  });
  const manifest = { format: 'espalier-exchange-1', file: 'tensors.bin', ...fields };
  await writeFile(join(folder, 'tensors.bin'), bytes);
  await writeFile(
    join(folder, 'manifest.json'),
    `${JSON.stringify({ ...manifest, tensors: entries }, null, 1)}\n`,
  );
}

/** A tensor for each of `steps` steps, one after the other: float32 (steps, ...). */
export function stacked(steps: number, at: (step: number) => Tensor): Tensor<'float32'> {
  const { dims } = at(0);
  const result = zeros('float32', [steps, ...dims]);
  for (let step = 0; step < steps; step++)
    result.data.set(
      Float32Array.from(at(step).data as ArrayLike<number | bigint>, Number),
      step * sizeOf(dims),
    );
  return result;
}
