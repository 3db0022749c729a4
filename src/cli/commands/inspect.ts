/** `espalier inspect`: what an ONNX file holds. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { OperatorError, ShapeError, UsageError } from '../../errors.js';
import type { Graph, Model, Value } from '../../graph/graph.js';
import { printGraph } from '../../graph/print.js';
import { readModelFile } from '../../runs/model-file.js';
import { type Context, command } from '../command.js';
import { analyse, analyseStated, type ModelAnalysis } from '../model-analysis.js';
import { describeHead, describeLists, summarize } from '../model-summary.js';
import { describeNodes, describeTaps, describeValues } from '../model-tables.js';
import { didYouMean } from '../suggest.js';

const options = z.object({
  tap: z
    .boolean()
    .default(false)
    .describe('list the feature maps that a hypercolumn can be made of, and nothing else'),
  shapes: z
    .boolean()
    .default(false)
    .describe(
      'list every value with its type and receptive field; an error where they are unknown',
    ),
  graph: z.boolean().default(false).describe('print the graph, one line a node'),
  dimensions: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'name=size,...' })
    .describe(
      'sizes for symbolic dimensions, as in batch=1,height=224 (an open batch counts as 1)',
    ),
  whole: z.boolean().default(false).describe('cut no list'),
});

export const inspect = command({
  name: 'inspect',
  summary: 'Show what an ONNX file holds: nodes, shapes, costs, receptive fields, weights',
  examples: [
    'espalier inspect model.onnx',
    'espalier inspect model.onnx --tap',
    'espalier inspect model.onnx --shapes --whole --dimensions height=224,width=224',
    'espalier inspect model.onnx --graph',
    'espalier inspect model.onnx --json',
  ],
  arguments: [{ name: 'model', description: 'an ONNX file', required: true }],
  options,
  async run({ options: given, arguments: { model: file } }, context) {
    const model = await readModelFile(resolve(context.cwd, file));
    const summary = summarize(model);
    const dimensions = readDimensions(given.dimensions, model.graph);
    const analysis = analyseOrNote(model, dimensions, given.shapes || given.tap, context);
    const types = new Map(
      analysis.values.flatMap(({ name, dtype, shape }) =>
        dtype && shape ? [[name, { name, dtype, shape }] as const] : [],
      ),
    );
    const graph = given.graph ? printGraph(model.graph, types) : null;
    const shapes = given.shapes ? producedValues(model.graph, types) : null;
    const { whole } = given;
    return {
      json: {
        file,
        ...summary,
        ...analysis,
        ...(graph === null ? {} : { graph }),
        ...(shapes === null ? {} : { shapes }),
      },
      text: given.tap
        ? describeTaps(analysis)
        : [
            describeHead(file, summary, analysis, whole),
            describeNodes(analysis, whole),
            ...(given.shapes ? [describeValues(analysis, whole)] : []),
            ...describeLists(summary, whole),
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

/**
 * What the file states must do where shapes cannot be inferred, unless they were asked for. A graph that is none (a
 * cycle, a value that nothing makes) is refused.
 */
function analyseOrNote(
  model: Model,
  dimensions: Readonly<Record<string, number>>,
  isAskedFor: boolean,
  context: Context,
): ModelAnalysis {
  try {
    return analyse(model, dimensions);
  } catch (error) {
    const isBeyondUs = error instanceof OperatorError || error instanceof ShapeError;
    if (isAskedFor || !isBeyondUs) throw error;
    context.note(
      `shapes are as the file states them, since not all can be inferred: ${error.message}`,
    );
    return analyseStated(model);
  }
}

/** What nodes of the file compute, by name, without what bringing it to another operator set added. */
function producedValues(graph: Graph, types: ReadonlyMap<string, Value>) {
  const produced = graph.nodes.flatMap(({ outputs }) =>
    outputs.flatMap((name) => {
      const value = types.get(name);
      return value ? [[name, { dtype: value.dtype, shape: value.shape }] as const] : [];
    }),
  );
  return Object.fromEntries(produced);
}
