/**
 * ODIN (Liang, Li and Srikant 2018): a step against the gradient of the predicted class's score by the image, then the
 * largest probability at a high temperature. Images inside gain more by the step. The gradient is a graph like any other,
 * so that the whole detector is one.
 */
import { backward } from '../../autodiff/backward.js';
import { UsageError } from '../../errors.js';
import type { Value } from '../../graph/graph.js';
import { tensor } from '../../tensor/tensor.js';
import type { Detector, DetectorSettings, FittedDetector } from './detector.js';
import type { OpenedNetwork } from './network.js';
import { temperatureOf } from './softmax-detectors.js';

/** The paper's temperature, section 4. */
const usualTemperature = 1000;
/** The paper's step of 0.0014 for DenseNet on CIFAR-10, of a range of 1. */
const usualEpsilon = 0.0014 * 255;

export const odin: Detector = {
  title: 'ODIN',
  source: 'Liang, Li and Srikant 2018, temperature 1000 and step 0.0014 of the range as there',
  learns: false,
  fit: async ({ settings }): Promise<FittedDetector> => {
    const temperature = temperatureOf(settings, usualTemperature);
    const epsilon = settings.epsilon ?? usualEpsilon;
    if (!(epsilon >= 0 && Number.isFinite(epsilon)))
      throw new UsageError(`invalid step ${epsilon} of ODIN: give a number from 0 on`, {
        actual: epsilon,
      });
    return {
      name: 'odin',
      settings: { temperature, epsilon },
      needsGradients: true,
      addScore(opened) {
        const { b, image, logits, logitsOf } = opened;
        const scaled = b.Div(logits, temperature);
        const best = b.ReduceMax(b.LogSoftmax(scaled, { axis: 1 }), [1], { keepdims: 0 });
        // Images do not meet in the sum, so its gradient by each is that of its own score.
        const [gradient] = backward(b, b.ReduceSum(best, null, { keepdims: 0 }), [image]);
        const step = gradient && b.Mul(b.Sign(gradient), stepOf(opened, epsilon, settings));
        const moved = step ? b.Add(image, step) : image;
        const probabilities = b.Softmax(b.Div(logitsOf(moved), temperature), { axis: 1 });
        return b.Neg(b.ReduceMax(probabilities, [1], { keepdims: 0 }));
      },
    };
  },
};

/** The step in the unit of the network's input, along its channels. */
function stepOf(
  { b, image }: OpenedNetwork,
  epsilon: number,
  { inputScale = [1], channelAxis = 1 }: DetectorSettings,
): Value {
  const values = inputScale.map((scale) => epsilon * scale);
  if (new Set(values).size === 1) return b.constant(tensor('float32', [], [values[0] ?? 0]));
  if (channelAxis === null) {
    const width = Number(image.shape[1]);
    const row = Array.from(
      { length: width },
      (_, i) => values[Math.floor((i * values.length) / width)] ?? 0,
    );
    return b.constant(tensor('float32', [1, width], row));
  }
  const dims = image.shape.map((_, axis) => (axis === channelAxis ? values.length : 1));
  return b.constant(tensor('float32', dims, values));
}
