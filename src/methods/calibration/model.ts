/** The classifier with its calibration folded into the graph. */
import type { Model } from '../../graph/graph.js';
import { type ClassifierSpec, describeClassifier } from '../../onnx/metadata.js';
import { finishedModel, openNetwork, outputNames, type ScoredNetwork } from '../ood/network.js';
import { addCalibration, type Calibration, calibrationRecord } from './calibration.js';

/**
 * A model with the outputs `probabilities`, calibrated, and `logits`, scaled so that a softmax of them gives these.
 * @param spec what the model says of itself; how it was calibrated is added
 * @throws UsageError where the spec contradicts itself.
 */
export function calibratedModel(
  network: ScoredNetwork,
  calibration: Calibration,
  spec: ClassifierSpec,
): Model {
  const { b, logits } = openNetwork(network);
  const scaled = addCalibration(b, logits, calibration);
  b.output(b.Softmax(scaled, { axis: 1 }), outputNames.probabilities);
  b.output(scaled, outputNames.logits);
  const described = describeClassifier({
    ...spec,
    provenance: { ...spec.provenance, calibration: calibrationRecord(calibration) },
    outputs: {
      probabilities: `probability of each class, calibrated by ${calibration.method} scaling on held-out images`,
      logits: 'the scaled logits whose softmax they are',
    },
  });
  return finishedModel(network, b, { ...network.source.metadata, ...described });
}
