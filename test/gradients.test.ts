/** Every differentiable operator of the table against finite differences, on every case, to second order where smooth. */
import { describe, expect, it } from 'vitest';
import { checkGradient } from '../src/autodiff/check.js';
import { caseGraph } from '../src/autodiff/check-case.js';
import type { Case, NoGradient, Op } from '../src/ops/op.js';
import { ops } from '../src/ops/table.js';
import { nodeRuntime } from '../src/runtime/node.js';

const runtime = await nodeRuntime();
const isMissing = (gradient: Op['gradient']): gradient is NoGradient => 'kind' in gradient;

describe.each(Object.entries(ops) as [string, Op][])('%s', (name, op) => {
  if (isMissing(op.gradient)) {
    const { reason } = op.gradient;
    it('says why it has no gradient', () => {
      expect(reason).not.toBe('');
    });
    return;
  }
  it('has cases', () => {
    expect(op.cases.length).toBeGreaterThan(0);
  });
  it.each(op.cases.map((testCase, i) => [i, testCase] as [number, Case<unknown>]))(
    'case %i',
    async (_, testCase) => {
      const { graph, feeds, with: wrt } = caseGraph(name, testCase);
      const order = testCase.smooth === false ? 1 : 2;
      const { elements } = await checkGradient(runtime, graph, {
        loss: 'loss',
        with: wrt,
        feeds,
        order,
      });
      expect(elements).toBeGreaterThan(0);
    },
  );
});
