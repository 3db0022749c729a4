import { beforeAll, describe, expect, it } from 'vitest';
import { checkGradient } from '../../autodiff/check.js';
import { differentiate } from '../../autodiff/differentiate.js';
import { ShapeError } from '../../errors.js';
import { model } from '../../graph/graph.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import type { Runtime } from '../../runtime/runtime.js';
import { fillNormal, streamKey } from '../../tensor/random.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { gridWeights } from './grid.js';
import { blended, blendedLoss } from './loss.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

const [boxes, outputs, cells, size] = [2, 3, 2, 4];
const channels = outputs * cells * cells;

function graph() {
  const b = builder();
  const scores = b.input('scores', 'float32', [boxes, channels, size, size]);
  const targets = b.input('targets', 'float32', [boxes, outputs, size, size]);
  const alpha = gridWeights(cells, size);
  b.output(blended(b, scores, alpha), 'heat');
  b.output(blendedLoss(b, scores, alpha, targets), 'loss');
  return b.build('loss');
}

function feeds(std: number): Record<string, Tensor<'float32'>> {
  const scores = new Float32Array(boxes * channels * size * size);
  fillNormal(scores, streamKey(2, 0, 'scores'), std);
  const targets = Float32Array.from({ length: boxes * outputs * size * size }, (_, i) => i % 2);
  return {
    scores: tensor('float32', [boxes, channels, size, size], scores),
    targets: tensor('float32', [boxes, outputs, size, size], targets),
  };
}

describe('the loss of the grid', () => {
  it('is the log-likelihood of what the grid blends, computed one after the other', async () => {
    const session = await runtime.load(model(graph()));
    const given = feeds(2);
    const { heat, loss } = await session.run(given);
    const alpha = gridWeights(cells, size).data;
    const area = size * size;
    let sum = 0;
    for (let n = 0; n < boxes * outputs; n++)
      for (let at = 0; at < area; at++) {
        let h = 0;
        for (let k = 0; k < cells * cells; k++) {
          const z = given.scores?.data[(n * cells * cells + k) * area + at] ?? 0;
          h += (alpha[k * area + at] ?? 0) / (1 + Math.exp(-z));
        }
        expect(heat?.data[n * area + at]).toBeCloseTo(h, 5);
        const t = given.targets?.data[n * area + at] ?? 0;
        sum -= t * Math.log(h) + (1 - t) * Math.log(1 - h);
      }
    expect(loss?.data[0]).toBeCloseTo(sum / (boxes * outputs * area), 5);
  });

  it('has exact gradients', async () => {
    await checkGradient(runtime, graph(), {
      ...{ loss: 'loss', with: ['scores'], feeds: feeds(1), order: 2 },
    });
  });

  it('stays finite, and its gradient too, where sigmoids are 0 and 1 in float32', async () => {
    const { graph: both, gradients } = differentiate(graph(), { loss: 'loss', with: ['scores'] });
    const session = await runtime.load(model(both));
    const given = feeds(1);
    given.scores?.data.forEach((_, i, data) => {
      data[i] = i % 3 === 0 ? 400 : -400;
    });
    const results = await session.run(given);
    const loss = Number(results.loss?.data[0]);
    expect(Number.isFinite(loss)).toBe(true);
    expect(loss).toBeGreaterThan(1);
    const name = [...Object.values(gradients)][0] ?? '';
    const slopes = Array.from(results[String(name)]?.data ?? [], Number);
    expect(slopes.length).toBe(boxes * channels * size * size);
    expect(slopes.every(Number.isFinite)).toBe(true);
    expect(slopes.some((slope) => slope !== 0)).toBe(true);
  });

  it('refuses scores of another grid', () => {
    const b = builder();
    const scores = b.input('scores', 'float32', [1, 5, size, size]);
    expect(() => blended(b, scores, gridWeights(2, size))).toThrow(ShapeError);
    expect(() => blended(b, scores, gridWeights(2, size))).toThrow(
      /grid of 4 classifiers must be \(boxes, outputs \* 4, 4, 4\)/,
    );
  });
});
