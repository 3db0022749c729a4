/**
 * Adds an operator that Espalier does not know, ONNX's Softsign, with its gradient; proves the gradient; and
 * differentiates a graph that uses it.
 *
 *     npx tsx examples/define-operator.ts --steps 100
 */
import { parseArgs } from 'node:util';
import { compileStep, constant, sgd, tensor, toNumbers, train } from 'espalier';
import { builder, caseGraph, checkGradient, type Op, ops, sameFloat } from 'espalier/extend';
import { nodeRuntime } from 'espalier/node';

const { values } = parseArgs({ options: { steps: { type: 'string', default: '100' } } });

/** y = x / (1 + |x|), so dy/dx = 1 / (1 + |x|)² = (1 - |y|)². */
const Softsign: Op<['X'], object> = {
  inputs: ['X'],
  attributes: {},
  infer: sameFloat,
  gradient: ({ b, y, dy }) => {
    const slope = b.Sub(1, b.Abs(y));
    return [b.Mul(dy, b.Mul(slope, slope))];
  },
  // The second derivative jumps at 0: inputs keep away from there.
  cases: [{ inputs: [{ shape: [3, 4], range: [-3, 3], kinks: [0] }] }, { inputs: [[2]] }],
};

/** No registry: the table with one more entry goes wherever a table is asked for. */
const table = { ...ops, Softsign };
const runtime = await nodeRuntime();

for (const testCase of Softsign.cases) {
  const { graph, feeds, with: inputs } = caseGraph('Softsign', testCase, 1, table);
  const check = { loss: 'loss', with: inputs, feeds, order: 2, ops: table } as const;
  const { error, elements, precision } = await checkGradient(runtime, graph, check);
  console.log(
    `gradient right on ${elements} elements (${precision}, error ${error.toExponential(1)})`,
  );
}

// A training step through it: find w such that softsign(w) is 0.25, -0.5 and 0.75.
const b = builder(18, table);
const target = b.input('target', 'float32', [3]);
const w = b.parameter('w', tensor('float32', [3], [0, 0, 0]));
const [y = w] = b.node('Softsign', [w]);
const loss = b.ReduceSumSquare(b.Sub(y, target), null, { keepdims: 0 });
const step = compileStep(b, { loss, optimizer: sgd() });
console.log(`the step: ${step.model.graph.nodes.map(({ op }) => op).join(' ')}`);

const feeds = { target: tensor('float32', [3], [0.25, -0.5, 0.75]) };
const steps = Number(values.steps);
const { parameters } = await train({
  ...{ runtime, step, steps, seed: 1, stepsPerEpoch: steps, learningRate: 1, schedule: constant },
  batch: () => feeds,
});
const found = parameters.get('w');
const answer = (found ? toNumbers(found) : []).map((x) => (x / (1 + Math.abs(x))).toFixed(3));
console.log(`softsign(w) after ${steps} steps: ${answer.join(', ')}`);
