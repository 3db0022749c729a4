/** `espalier inspect`: what an ONNX file holds. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { EspalierError, UsageError } from '../../errors.js';
import type { Graph, Model, Value } from '../../graph/graph.js';
import { printGraph } from '../../graph/print.js';
import { loadModel } from '../../ops/load.js';
import { readModelFile } from '../../runs/model-file.js';
import { formatShape } from '../../tensor/shape.js';
import { type Context, command } from '../command.js';
import { describeSummary, summarize } from '../model-summary.js';
import { didYouMean } from '../suggest.js';
import { textTable } from '../text-table.js';

const options = z.object({
  graph: z.boolean().default(false).describe('print the graph, one line a node'),
  shapes: z
    .boolean()
    .default(false)
    .describe('infer the dtype and shape of every value, and list them'),
  dimensions: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'name=size,...' })
    .describe('sizes for symbolic dimensions, as in batch=1'),
  whole: z.boolean().default(false).describe('cut no list'),
});

export const inspect = command({
  name: 'inspect',
  summary: 'Show what an ONNX file holds: inputs, operators and their gradients, weights, shapes',
  examples: [
    'espalier inspect model.onnx',
    'espalier inspect model.onnx --graph --dimensions batch=1',
    'espalier inspect model.onnx --shapes --json',
  ],
  arguments: [{ name: 'model', description: 'an ONNX file', required: true }],
  options,
  async run({ options: given, arguments: { model: file } }, context) {
    const model = await readModelFile(resolve(context.cwd, file));
    const summary = summarize(model);
    const dimensions = readDimensions(given.dimensions, model.graph);
    const types =
      given.shapes || given.graph ? infer(model, dimensions, given.shapes, context) : new Map();
    const graph = given.graph ? printGraph(model.graph, types) : null;
    const shapes = given.shapes ? producedValues(model.graph, types) : null;
    return {
      json: {
        file,
        ...summary,
        ...(graph === null ? {} : { graph }),
        ...(shapes === null
          ? {}
          : {
              shapes: Object.fromEntries(
                shapes.map(({ name, dtype, shape }) => [name, { dtype, shape }]),
              ),
            }),
      },
      text: [
        describeSummary(file, summary, given.whole),
        ...(shapes === null ? [] : [describeShapes(shapes)]),
        ...(graph === null ? [] : [graph]),
      ].join('\n\n'),
    };
  },
});

/** `batch=1` -> { batch: 1 }. @throws UsageError for another form, or a dimension that no input has. */
function readDimensions(entries: readonly string[], graph: Graph): Record<string, number> {
  const known = new Set(
    graph.inputs.flatMap(({ shape }) => (shape ?? []).filter((dim) => typeof dim === 'string')),
  );
  return Object.fromEntries(
    entries.map((entry) => {
      const [name = '', text = ''] = entry.split('=');
      const size = text === '' ? Number.NaN : Number(text);
      if (!Number.isSafeInteger(size) || size < 0)
        throw new UsageError(
          `--dimensions: must be <name>=<whole number> as in batch=1, got "${entry}"`,
          { actual: entry },
        );
      if (!known.has(name))
        throw new UsageError(
          `--dimensions: no input has a dimension "${name}".${didYouMean(name, known)} ${known.size === 0 ? 'All sizes are fixed' : `There are ${[...known].join(', ')}`}`,
          { expected: [...known], actual: name },
        );
      return [name, size];
    }),
  );
}

/** All dtypes and shapes. Where they cannot be inferred, what the file states must do, unless they were asked for. */
function infer(
  model: Model,
  dimensions: Readonly<Record<string, number>>,
  isAskedFor: boolean,
  context: Context,
): ReadonlyMap<string, Value> {
  try {
    return loadModel(model, { dimensions }).values;
  } catch (error) {
    if (isAskedFor || !(error instanceof EspalierError)) throw error;
    context.note(
      `shapes are as the file states them, since not all can be inferred: ${error.message}`,
    );
    return new Map();
  }
}

/** What nodes compute, in their order, apart from values that bringing the graph to another operator set added. */
function producedValues(graph: Graph, types: ReadonlyMap<string, Value>): Value[] {
  return graph.nodes.flatMap(({ outputs }) =>
    outputs.flatMap((name) => {
      const value = types.get(name);
      return value ? [value] : [];
    }),
  );
}

function describeShapes(values: readonly Value[]): string {
  return `shapes\n${textTable(
    [],
    values.map(({ name, dtype, shape }) => [name, `${dtype}${formatShape(shape)}`]),
  )}`;
}
