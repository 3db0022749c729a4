/** Detectors that look at the logits alone, and learn nothing. */
import { UsageError } from '../../errors.js';
import type { Detector, DetectorSettings, FittedDetector } from './detector.js';

/** Minus the largest probability. Not 1 minus it, which would round small differences away. */
export const maxSoftmax: Detector = {
  title: 'maximum softmax',
  source: 'Hendrycks and Gimpel 2017; the detector of Lee et al. 2018',
  learns: false,
  fit: async (): Promise<FittedDetector> => ({
    name: 'max-softmax',
    settings: {},
    needsGradients: false,
    addScore: ({ b, logits }) =>
      b.Neg(b.ReduceMax(b.Softmax(logits, { axis: 1 }), [1], { keepdims: 0 })),
  }),
};

/** Minus the largest logit, which no softmax saturates. */
export const maxLogit: Detector = {
  title: 'maximum logit',
  source: 'Hendrycks et al. 2022',
  learns: false,
  fit: async (): Promise<FittedDetector> => ({
    name: 'max-logit',
    settings: {},
    needsGradients: false,
    addScore: ({ b, logits }) => b.Neg(b.ReduceMax(logits, [1], { keepdims: 0 })),
  }),
};

/** The free energy, -T log sum exp(logits / T). */
export const energy: Detector = {
  title: 'energy',
  source: 'Liu et al. 2020, temperature 1 as there',
  learns: false,
  fit: async ({ settings }): Promise<FittedDetector> => {
    const temperature = temperatureOf(settings, 1);
    return {
      name: 'energy',
      settings: { temperature },
      needsGradients: false,
      addScore({ b, logits }) {
        const sum = b.ReduceLogSumExp(b.Div(logits, temperature), [1], { keepdims: 0 });
        return b.Mul(sum, -temperature);
      },
    };
  },
};

/** @throws UsageError for a temperature that is none. */
export function temperatureOf({ temperature }: DetectorSettings, usual: number): number {
  const value = temperature ?? usual;
  if (!(value > 0 && Number.isFinite(value)))
    throw new UsageError(`invalid temperature ${value}: give a number above 0`, { actual: value });
  return value;
}
