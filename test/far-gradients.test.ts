/** Gradients at sizes that a file of few bytes may claim: a graph, or an error of ours, and no memory for either. */
import { expect, it } from 'vitest';
import { backward } from '../src/autodiff/backward.js';
import { GradientError } from '../src/errors.js';
import type { Value } from '../src/graph/graph.js';
import { builder } from '../src/ops/builder.js';
import { list } from '../src/ops/cases.js';
import type { CaseInput } from '../src/ops/op.js';
import type { OpName } from '../src/ops/table.js';

const far = 2 ** 36;

it.each<[OpName, CaseInput[], Record<string, unknown>, RegExp | null]>([
  ['AveragePool', [[1, 1, far]], { kernel_shape: [far] }, /a matrix of more than/],
  ['AveragePool', [[1, 1, far]], { kernel_shape: [2], strides: [2] }, null],
  [
    'Conv',
    [
      [1, 1, far],
      [1, 1, far],
    ],
    {},
    null,
  ],
  [
    'Conv',
    [
      [1, 8, 2048, 2048],
      [8, 8, 2048, 2048],
    ],
    {},
    null,
  ],
  [
    'ConvTranspose',
    [
      [1, 1, 1],
      [1, 1, far],
    ],
    {},
    null,
  ],
  ['CumSum', [[1, far], list(1)], {}, null],
  ['DepthToSpace', [[1, 4, far, 2]], { blocksize: 2 }, null],
  ['Einsum', [[far, 4]], { equation: 'ij->j' }, null],
  ['Einsum', [[far, far]], { equation: 'ii->i' }, /Einsum at node .*a matrix of more than/],
  ['Expand', [[2, 1], list(2, far)], {}, null],
  ['Gather', [[far, 2], list(3)], {}, null],
  [
    'GatherND',
    [
      [far, 3],
      [far, 1],
    ],
    { batch_dims: 1 },
    null,
  ],
  ['GlobalMaxPool', [[1, 2, far]], {}, null],
  [
    'GridSample',
    [
      [1, 1, far, 2],
      [1, 2, far, 2],
    ],
    {},
    null,
  ],
  ['GroupNormalization', [[1, 2, far], [2], [2]], { num_groups: 2 }, null],
  ['InstanceNormalization', [[1, 2, far], [2], [2]], {}, null],
  ['LRN', [[1, 3, 4, 4]], { size: far + 1 }, null],
  ['LayerNormalization', [[1, far], [far]], {}, null],
  ['LpPool', [[1, 1, far]], { kernel_shape: [far] }, /a matrix of more than/],
  ['MaxPool', [[1, 1, far]], { kernel_shape: [far] }, /a kernel or stride above 4096/],
  [
    'MaxPool',
    [[1, 1, far]],
    { kernel_shape: [1], strides: [far] },
    /a kernel or stride above 4096/,
  ],
  ['Pad', [[4], list(far, far)], { mode: 'edge' }, /Pad at node .*a matrix of more than/],
  ['Pad', [[4], list(far, far)], {}, null],
  ['ReduceProd', [[far], list(0)], {}, null],
  ['Resize', [[1, 8], null, null, list(1, far)], { mode: 'linear' }, /from 68719476736 positions/],
  ['Softmax', [[1, far]], {}, null],
  ['Tile', [[2, 3], list(far, 2)], {}, null],
  ['Trilu', [[far, 2]], {}, null],
])('%s, case %#', (op, inputs, attributes, refusal) => {
  const b = builder();
  const values = inputs.map((input, i): Value | null => {
    if (input === null) return null;
    if ('fixed' in input) return b.constant(input.fixed);
    const isPlaces = op === 'GatherND' && i === 1;
    return b.input(`x${i}`, isPlaces ? 'int64' : 'float32', 'shape' in input ? input.shape : input);
  });
  const [y] = b.node(op, values, attributes);
  const seed = b.input('seed', 'float32', y?.shape ?? []);
  const attempt = () => backward(b, y as Value, [values[0] as Value], { seed });
  if (refusal) {
    expect(attempt).toThrow(GradientError);
    expect(attempt).toThrow(refusal);
  } else expect(attempt()[0]?.shape).toEqual(values[0]?.shape);
});
