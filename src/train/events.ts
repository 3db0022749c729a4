/**
 * What a training run tells its caller, and where it puts its checkpoints. The loop itself draws nothing and
 * writes no file, so it runs in a browser tab as it does in Node.
 */

/** One thing that happened in a training run. `step` counts finished steps, `steps` is how many are planned. */
export type TrainEvent =
  /** The run begins, or goes on where `step` says. */
  | {
      readonly type: 'start';
      readonly run: string;
      readonly step: number;
      readonly steps: number;
      readonly resumed: boolean;
    }
  /** A step is done. `losses` go by name, the total first; `secondsLeft` is an estimate. */
  | {
      readonly type: 'step';
      readonly step: number;
      readonly steps: number;
      readonly epoch: number;
      readonly losses: Readonly<Record<string, number>>;
      readonly learningRate: number;
      readonly stepsPerSecond: number;
      readonly secondsLeft: number;
    }
  /** Held-out data was looked at. Rates are fractions in [0, 1]. */
  | {
      readonly type: 'evaluation';
      readonly step: number;
      readonly epoch: number;
      readonly metrics: Readonly<Record<string, number>>;
    }
  /** A checkpoint is safe in its store. */
  | { readonly type: 'checkpoint'; readonly step: number; readonly kind: CheckpointKind }
  /** Something that the user should know, as a sentence. */
  | { readonly type: 'notice'; readonly message: string }
  /** The run is over. `seconds` is this session's time, without that before a resume. */
  | {
      readonly type: 'end';
      readonly step: number;
      readonly reason: 'finished' | 'interrupted' | 'stopped early';
      readonly seconds: number;
    };

/** Receives events in the order in which they happen. */
export type TrainListener = (event: TrainEvent) => void;

/** The newest checkpoint, or the one with the best figure on held-out data. */
export type CheckpointKind = 'last' | 'best';

/** Keeps one checkpoint of each kind. */
export interface CheckpointStore {
  /**
   * Replaces the checkpoint of this kind by a safetensors file; where that fails the one before stays.
   * @throws TrainingError where the bytes cannot be kept.
   */
  save(kind: CheckpointKind, bytes: Uint8Array): Promise<void>;
  /** The bytes last saved, or null where there are none. */
  load(kind: CheckpointKind): Promise<Uint8Array | null>;
}
