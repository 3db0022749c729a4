/** What every side of the comparison trains, in a worker of its own: the same network, weights and batches. */
import type { Tensor } from 'espalier';
import type { LabelledImages } from '../../workbench/src/images.js';
import { convNet, type Network } from '../../workbench/src/networks.js';

/** How a side is asked to train. */
export interface Request {
  readonly batchSize: number;
  readonly steps: number;
  /** Which of the side's engines: `webgl` or `cpu`. */
  readonly backend?: string;
  readonly threads?: number;
}

/** What a side takes: initial weights, a few batches in turn, plain SGD. */
export interface Subject {
  readonly network: Network;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly batches: readonly LabelledImages[];
  readonly learningRate: number;
}

/** Trains for `request.steps` steps and tells the loss of each as soon as it is known. */
export type Side = (
  subject: Subject,
  request: Request,
  onStep: (loss: number) => void,
) => Promise<void>;

export interface Trained {
  readonly losses: readonly number[];
  /** When each step was done, in milliseconds; before them the time of the beginning. */
  readonly marks: readonly number[];
}

/** Makes `side` the worker's global function `measure`. */
export function expose(side: Side): void {
  const measure = async (request: Request): Promise<Trained> => {
    const network = convNet(request.batchSize);
    const batches = [0, 1, 2].map((k) => network.batch(k) as LabelledImages);
    const parameters = new Map(
      network.step.parameters.map((name) => [name, network.step.initial.get(name) as Tensor]),
    );
    const losses: number[] = [];
    const marks = [performance.now()];
    const subject = { network, parameters, batches, learningRate: network.learningRate };
    await side(subject, request, (loss) => {
      losses.push(loss);
      marks.push(performance.now());
    });
    return { losses, marks };
  };
  Object.assign(globalThis, { measure });
}
