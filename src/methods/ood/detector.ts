/**
 * What a detector is: it learns something, or nothing, from images inside, and adds a score to the classifier's graph. So
 * what is measured and what is saved is one graph. Higher means more outside, for every detector.
 */
import type { Value } from '../../graph/graph.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import type { ImageRows } from '../classifier/score.js';
import type { OpenedNetwork, ScoredNetwork } from './network.js';

/** Settings of all detectors; each reads its own. Defaults stand with the detectors. */
export interface DetectorSettings {
  /** Energy and ODIN: what the logits are divided by. */
  readonly temperature?: number | undefined;
  /** ODIN: length of the step in the unit of the image, of which 255 is the range of a pixel. */
  readonly epsilon?: number | undefined;
  /** ODIN: how much a channel of the input grows where a pixel grows by 1: `scale / std`. 1 for all unless given. */
  readonly inputScale?: readonly number[] | undefined;
  /** ODIN: axis of the input that the channels lie on; null where they lie one after another in a row. 1 unless given. */
  readonly channelAxis?: number | null | undefined;
  /** Mahalanobis, and nearest neighbours of the first alone: layers by name; what the last layer reads unless given. */
  readonly taps?: readonly string[] | undefined;
  /** Nearest neighbours: which neighbour's distance counts. */
  readonly neighbours?: number | undefined;
}

/** What a detector learns with. */
export interface FitContext {
  readonly runtime: Runtime;
  readonly network: ScoredNetwork;
  /** Images inside with their true classes, as the network takes them. */
  readonly images: ImageRows;
  /** Images at a time. */
  readonly batch: number;
  readonly settings: DetectorSettings;
  readonly session?: SessionOptions | undefined;
}

/** A detector that has learnt what it learns. */
export interface FittedDetector {
  readonly name: string;
  /** What was set and chosen, for records and metadata. */
  readonly settings: Readonly<Record<string, string | number | readonly string[]>>;
  /** Whether its score takes gradients, so that the batch must be bound. */
  readonly needsGradients: boolean;
  /** Adds the score of each image: float32 (batch), higher more outside. */
  addScore(opened: OpenedNetwork): Value;
}

/** A line of the table of detectors. */
export interface Detector {
  readonly title: string;
  /** Where it is from. */
  readonly source: string;
  /** Whether it must see images before it can score. */
  readonly learns: boolean;
  /** @throws UsageError for settings that do not fit; DataError for images that it cannot learn from. */
  fit(context: FitContext): Promise<FittedDetector>;
}
