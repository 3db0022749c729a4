/** What a network of the table is. */
import type { Value } from '../../graph/graph.js';
import type { Layers } from '../layers.js';

/** A network that can be built for any number of classes, with its paper and what it is made for. */
export interface Architecture {
  /** Name and paper. */
  readonly title: string;
  /** Channels, height and width that it is made for. */
  readonly input: readonly [channels: number, height: number, width: number];
  /** Number of classes that it is made for. */
  readonly classes: number;
  /**
   * Adds the network.
   * @param image float32 (batch, channels, height, width)
   * @param classes number of classes
   * @param width multiplies all numbers of channels: the network in small, for tests
   * @returns logits, float32 (batch, classes)
   */
  build(net: Layers, image: Value, classes: number, width: number): Value;
}
