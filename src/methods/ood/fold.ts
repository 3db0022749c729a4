/** A classifier that says "I don't know": detector, threshold and calibration folded into its graph. */
import { type Attribute, type Graph, type Model, model } from '../../graph/graph.js';
import { namesIn } from '../../graph/order.js';
import { type ClassifierSpec, describeClassifier } from '../../onnx/metadata.js';
import { builder } from '../../ops/builder.js';
import { opsetOf } from '../../ops/load.js';
import { tensor } from '../../tensor/tensor.js';
import { addCalibration, type Calibration, calibrationRecord } from '../calibration/calibration.js';
import type { FittedDetector } from './detector.js';
import {
  finishedModel,
  type OpenedNetwork,
  openNetwork,
  outputNames,
  type ScoredNetwork,
} from './network.js';

/** What goes into the file. */
export interface Unknowing {
  readonly detector: FittedDetector;
  /** Images of a higher score are outside. */
  readonly threshold: number;
  /** Share of held-out images inside that the threshold accepts, for the record; none where it was given. */
  readonly tpr?: number | undefined;
  /** None unless given. The detector sees the logits as they were. */
  readonly calibration?: Calibration | undefined;
}

/** The verdict on an image that is of no class. */
export const outsideVerdict = -1;

/**
 * A model with the outputs `probabilities` (float32 (batch, classes), calibrated), `score` (float32 (batch), higher more
 * outside) and `verdict` (int32 (batch): the most probable class, or -1 where the score is above the threshold). The batch
 * is free. A detector with gradients goes over the images one by one inside the graph (ONNX's Scan), since gradients are
 * for a batch whose size is known.
 * @param spec what the model says of itself; how to read its outputs is added
 * @throws UsageError where the spec contradicts itself; GradientError as the detector's gradient.
 */
export function unknownModel(
  network: ScoredNetwork,
  unknowing: Unknowing,
  spec: ClassifierSpec,
): Model {
  const metadata = {
    ...network.source.metadata,
    ...describeClassifier(described(unknowing, spec)),
  };
  const opened = openNetwork(network, unknowing.detector.needsGradients ? 1 : undefined);
  addOutputs(opened, unknowing);
  const made = finishedModel(network, opened.b, metadata);
  return unknowing.detector.needsGradients ? oneByOne(made, network) : made;
}

function addOutputs(opened: OpenedNetwork, { detector, threshold, calibration }: Unknowing): void {
  const { b, logits } = opened;
  const scaled = calibration ? addCalibration(b, logits, calibration) : logits;
  const probabilities = b.output(b.Softmax(scaled, { axis: 1 }), outputNames.probabilities);
  const score = b.output(detector.addScore(opened), outputNames.score);
  const best = b.Cast(b.ArgMax(probabilities, { axis: 1, keepdims: 0 }), { to: 6 });
  const outside = b.constant(tensor('int32', [], [outsideVerdict]));
  b.output(b.Where(b.Greater(score, threshold), outside, best), outputNames.verdict);
}

function described(
  { detector, threshold, tpr, calibration }: Unknowing,
  spec: ClassifierSpec,
): ClassifierSpec {
  return {
    ...spec,
    thresholds: { ...spec.thresholds, [outputNames.score]: threshold },
    provenance: {
      ...spec.provenance,
      ...(calibration && { calibration: calibrationRecord(calibration) }),
      detector: {
        name: detector.name,
        settings: Object.fromEntries(
          Object.entries(detector.settings).map(([key, value]) => [
            key,
            typeof value === 'object' ? [...value] : value,
          ]),
        ),
        ...(tpr !== undefined && { truePositiveRate: tpr }),
      },
    },
    outputs: {
      [outputNames.probabilities]: calibration
        ? `probability of each class, calibrated by ${calibration.method} scaling on held-out images`
        : 'probability of each class, not calibrated',
      [outputNames.score]: `score of the detector ${detector.name}: higher means more outside`,
      [outputNames.verdict]: `index of the most probable class, or -1 (outside: not known) where the score is above ${threshold}`,
    },
  };
}

/** A model for one image at a time, run on each of a batch of any size. */
function oneByOne(single: Model, { input, batch }: ScoredNetwork): Model {
  const { graph } = single;
  const body: Graph = { ...graph, name: 'one-image', initializers: new Map() };
  const b = builder(opsetOf(single));
  b.reserve(namesIn(graph.nodes));
  for (const [name, data] of graph.initializers) b.initializer(name, data);
  const shape = graph.inputs[0]?.shape ?? [];
  const images = b.input(input, 'float32', [batch, ...shape.slice(1)]);
  const outer = (name: string): string => `each/${name}`;
  const attributes: Record<string, Attribute> = {
    body: { type: 'graph', value: renamedInput(body, input) },
    num_scan_inputs: { type: 'int', value: 1 },
  };
  const each = b.Unsqueeze(images, [1]);
  const results = b.add({
    name: 'one-by-one',
    op: 'Scan',
    domain: '',
    inputs: [each.name],
    outputs: graph.outputs.map(({ name }) => outer(name)),
    attributes,
  });
  results.forEach((value, i) => {
    b.output(b.Squeeze(value, [1]), graph.outputs[i]?.name);
  });
  const made = model(b.build(graph.name), single.metadata, opsetOf(single));
  return { ...made, opsets: { ...single.opsets, ...made.opsets } };
}

/** The images inside the body need a name of their own, and so do its outputs. */
function renamedInput(body: Graph, input: string): Graph {
  const outputs = new Set(body.outputs.map(({ name }) => name));
  const now = (name: string): string =>
    name === input || outputs.has(name) ? `one/${name}` : name;
  return {
    ...body,
    inputs: body.inputs.map((info) => ({ ...info, name: now(info.name) })),
    outputs: body.outputs.map((info) => ({ ...info, name: now(info.name) })),
    nodes: body.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(now),
      outputs: node.outputs.map(now),
    })),
    values: new Map(
      [...body.values].map(([name, info]) => [now(name), { ...info, name: now(name) }]),
    ),
  };
}
