/** Heat maps over the boxes of an image, by a network with heads. */
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { type Box, checkBox } from './box.js';
import { type BoxNetwork, boxModel } from './network.js';

/** Of each head by name, its maps: float32 (boxes, outputs, size, size), in [0, 1]. */
export type Heats = ReadonlyMap<string, Tensor<'float32'>>;

/** Heat maps over boxes of one image, float32 (1, channels, height, width). */
export type BoxPredictor = (image: Tensor, boxes: readonly Box[]) => Promise<Heats>;

/**
 * Prepares a network for its boxes.
 * @returns what throws DataError where a box is outside its image or of no area
 * @throws what `Runtime.load` throws.
 */
export async function boxPredictor(
  runtime: Runtime,
  network: BoxNetwork,
  options?: SessionOptions,
): Promise<BoxPredictor> {
  const session = await runtime.load(boxModel(network), options);
  return async (image, boxes) => {
    const [, , height = 0, width = 0] = image.dims;
    boxes.forEach((box, i) => {
      checkBox(box, { height, width }, `detection ${i}`);
    });
    if (boxes.length === 0) return new Map();
    const results = await session.run({
      [network.image]: image,
      [network.boxes]: boxTensor(boxes),
      [network.owners]: tensor('int64', [boxes.length], new Array<number>(boxes.length).fill(0)),
    });
    return new Map(
      [...network.heads.keys()].map((name) => [name, results[name] as Tensor<'float32'>]),
    );
  };
}

/** Boxes as the network takes them: float32 (boxes, 4), each top, left, height, width. */
export function boxTensor(boxes: readonly Box[]): Tensor<'float32'> {
  const numbers = boxes.flatMap(({ top, left, height, width }) => [top, left, height, width]);
  return tensor('float32', [boxes.length, 4], numbers);
}

/** The maps of one box, (outputs, size, size). */
export function heatOf({ dims, data }: Tensor<'float32'>, box: number): Float32Array {
  const [, outputs = 1, height = 1, width = 1] = dims;
  const each = outputs * height * width;
  return data.subarray(box * each, (box + 1) * each);
}
