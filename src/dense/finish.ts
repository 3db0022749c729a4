/** A reopened network with its output, as a model again. */

import type { Value } from '../graph/graph.js';
import { model } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import type { Field } from '../ops/receptive-field.js';
import { prune } from '../ops/rewrite/prune.js';
import type { Dense } from './convolutionalize.js';

/** The network that ends in `value`, which gets the output's name. */
export function finish(dense: Dense, b: Builder, value: Value, field: Field): Dense {
  b.output(value, dense.output);
  const graph = prune(b.build(dense.model.graph.name));
  const made = model(graph, dense.model.metadata, b.opset);
  return { ...dense, model: { ...made, opsets: { ...dense.model.opsets, ...made.opsets } }, field };
}
