import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { DataError, TrainingError } from '../../errors.js';
import { model } from '../../graph/graph.js';
import { calibrationFigures } from '../../metrics/calibration.js';
import { readSpec } from '../../onnx/metadata.js';
import { writeModel } from '../../onnx/write.js';
import { builder } from '../../ops/builder.js';
import { fillNormal, fillUniform, streamKey } from '../../tensor/random.js';
import { tensor } from '../../tensor/tensor.js';
import { scoredNetwork } from '../ood/network.js';
import { type Calibration, probabilitiesOf } from './calibration.js';
import { fitCalibration } from './fit.js';
import { calibratedModel } from './model.js';

const [count, classes] = [4000, 4];

/** Labels drawn from a softmax of logits, and the logits as a model gives them that is wrong about its scale. */
function drawn(scale: (logit: number, k: number) => number) {
  const trueLogits = new Float32Array(count * classes);
  fillNormal(trueLogits, streamKey(1, 0, 'logits'), 1.5);
  const p = probabilitiesOf(tensor('float32', [count, classes], trueLogits)).data;
  const uniform = new Float32Array(count);
  fillUniform(uniform, streamKey(1, 0, 'labels'));
  const labels = Int32Array.from({ length: count }, (_, i) => {
    let left = uniform[i] ?? 0;
    for (let k = 0; k < classes - 1; k++) {
      left -= p[i * classes + k] ?? 0;
      if (left < 0) return k;
    }
    return classes - 1;
  });
  const logits = trueLogits.map((logit, i) => scale(logit, i % classes));
  return { logits: tensor('float32', [count, classes], logits), labels };
}

const figuresAt = ({ logits, labels }: ReturnType<typeof drawn>, calibration?: Calibration) =>
  calibrationFigures(probabilitiesOf(logits, calibration), labels);

describe('temperature scaling', () => {
  const data = drawn((logit) => 3 * logit);
  const calibration = fitCalibration('temperature', data.logits, data.labels);

  it('finds the temperature that the logits were sharpened by', () => {
    expect(calibration).toMatchObject({ method: 'temperature' });
    const { temperature } = calibration as { temperature: number };
    expect(temperature).toBeGreaterThan(2.8);
    expect(temperature).toBeLessThan(3.2);
    const nllAt = (t: number) => figuresAt(data, { method: 'temperature', temperature: t }).nll;
    expect(nllAt(temperature)).toBeLessThanOrEqual(nllAt(temperature * 1.001));
    expect(nllAt(temperature)).toBeLessThanOrEqual(nllAt(temperature * 0.999));
  });

  it('lowers likelihood and gaps and keeps every prediction', () => {
    const [before, after] = [figuresAt(data), figuresAt(data, calibration)];
    expect(after.nll).toBeLessThan(before.nll);
    expect(after.ece).toBeLessThan(before.ece / 4);
    expect(after.accuracy).toBe(before.accuracy);
  });
});

describe('vector scaling', () => {
  it('finds weights and biases of its own for each class', () => {
    const weights = [1, 2, 0.5, 3];
    const bias = [0, 1, -1, 0.5];
    const data = drawn((logit, k) => (logit - (bias[k] ?? 0)) / (weights[k] ?? 1));
    const found = fitCalibration('vector', data.logits, data.labels);
    if (found.method !== 'vector') throw new Error('another method was fitted');
    found.weights.forEach((weight, k) => {
      expect(weight / (weights[k] ?? 1)).toBeGreaterThan(0.88);
      expect(weight / (weights[k] ?? 1)).toBeLessThan(1.12);
      // A bias common to all classes changes nothing.
      const shift = (found.bias[0] ?? 0) - (bias[0] ?? 0);
      expect(Math.abs((found.bias[k] ?? 0) - shift - (bias[k] ?? 0))).toBeLessThan(0.2);
    });
    const temperature = fitCalibration('temperature', data.logits, data.labels);
    expect(figuresAt(data, found).nll).toBeLessThan(figuresAt(data, temperature).nll);
  });
});

describe('a calibrated model', () => {
  it.each(['temperature', 'vector'] as const)('gives what %s scaling says', async (method) => {
    const b = builder();
    const x = b.input('x', 'float32', ['n', classes]);
    const w = tensor(
      'float32',
      [classes, classes],
      Array.from({ length: classes ** 2 }, (_, i) => (i % (classes + 1) === 0 ? 1 : 0)),
    );
    b.output(b.Softmax(b.MatMul(x, b.initializer('w', w)), { axis: 1 }), 'probabilities');
    const data = drawn((logit) => 2 * logit);
    const calibration = fitCalibration(method, data.logits, data.labels);
    const spec = {
      task: 'classification',
      classes: ['a', 'b', 'c', 'd'],
      preprocessing: null,
    } as const;
    const made = calibratedModel(scoredNetwork(model(b.build())), calibration, spec);
    const session = await InferenceSession.create(writeModel(made));
    const feeds = { x: new OrtTensor('float32', data.logits.data, [count, classes]) };
    const { probabilities } = await session.run(feeds);
    if (!probabilities) throw new Error('an output is missing');
    const wanted = probabilitiesOf(data.logits, calibration).data;
    (probabilities.data as Float32Array).forEach((value, i) => {
      if (Math.abs(value - (wanted[i] ?? 0)) > 1e-5) expect(value).toBe(wanted[i]);
    });
    expect(readSpec(made.metadata)?.provenance?.['calibration']).toMatchObject({ method });
    // A calibrated model can be calibrated again, and then has little to learn.
    const again = scoredNetwork(made);
    expect(again.classes).toBe(classes);
    expect(again.features).not.toBeNull();
  });
});

describe('what cannot be calibrated', () => {
  const two = (data: number[]) => tensor('float32', [data.length / 2, 2], data);

  it('is refused with the reason', () => {
    expect(() => fitCalibration('temperature', two([]), [])).toThrow(DataError);
    expect(() => fitCalibration('temperature', two([1, 2]), [0, 1])).toThrow(/2 true labels but 1/);
    expect(() => fitCalibration('vector', two([1, Number.NaN]), [0])).toThrow(/sample 0 is NaN/);
    expect(() => fitCalibration('vector', two([1, 2]), [2])).toThrow(/invalid true label 2/);
    const wrong = () => fitCalibration('temperature', two([3, 0, 0, 3, 3, 0]), [1, 0, 1]);
    expect(wrong).toThrow(TrainingError);
    expect(wrong).toThrow(/no more often than by chance/);
  });
});
