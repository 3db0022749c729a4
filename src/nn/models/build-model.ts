/** A network of the table as a model with fresh weights. */
import { UsageError } from '../../errors.js';
import { type Model, model } from '../../graph/graph.js';
import { builder } from '../../ops/builder.js';
import { layers } from '../layers.js';
import type { Architecture } from './architecture.js';

/** How a network of the table is to be built; its own numbers where left out. */
export interface BuildModelOptions {
  /** Number of classes; the architecture's own where left out. */
  readonly classes?: number;
  /** Seed of the initial weights; 0 where left out. */
  readonly seed?: number;
  /** Channels, height and width of the images; what the architecture is made for where left out. */
  readonly input?: readonly [channels: number, height: number, width: number];
  /** Multiplies all numbers of channels; 1 where left out. */
  readonly width?: number;
}

/**
 * Builds a network: input `image`, float32 (batch, channels, height, width), the batch free; output `logits`, float32
 * (batch, classes).
 * @throws UsageError for numbers that make no network; ShapeError where the images are too small for its layers.
 */
export function buildModel(architecture: Architecture, options: BuildModelOptions = {}): Model {
  const { classes = architecture.classes, seed = 0, width = 1 } = options;
  const input = options.input ?? architecture.input;
  for (const [what, value] of [
    ['classes', classes],
    ...input.map((n) => ['input', n] as const),
  ] as const)
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UsageError(
        `${architecture.title}: ${what} must be whole numbers from 1 on, got ${value}`,
        {
          actual: value,
        },
      );
  if (!(width > 0) || !Number.isFinite(width))
    throw new UsageError(`${architecture.title}: width must be above 0, got ${width}`, {
      actual: width,
    });
  const b = builder();
  const image = b.input('image', 'float32', ['batch', ...input]);
  b.output(architecture.build(layers(b, seed), image, classes, width), 'logits');
  return model(b.build('network'), {}, b.opset);
}
