/** The matrix products of a graph and nothing else: the floor under the time of a step. */
import { internal } from '../src/errors.js';
import { type Model, model } from '../src/graph/graph.js';
import { builder } from '../src/ops/builder.js';
import type { Runtime } from '../src/runtime/runtime.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { isStatic, type Shape } from '../src/tensor/shape.js';
import { type Tensor, zeros } from '../src/tensor/tensor.js';
import type { Side } from './rounds.js';

/**
 * A graph of the Gemm nodes of `graph`, attributes and all. Each has inputs of its own, of the same shapes, and one
 * number of its result is an output of the graph, so that a runtime has nothing to merge, to fold or to leave out, and
 * copies nothing either. In the step two products often read the same weights or activations: here they touch more memory than there.
 */
export function gemmsOf({ graph }: Model): Model {
  const shapes = new Map<string, Shape>();
  for (const { name, shape } of [...graph.values.values(), ...graph.inputs])
    if (shape) shapes.set(name, shape);
  for (const [name, { dims }] of graph.initializers) shapes.set(name, dims);
  const b = builder();
  for (const node of graph.nodes.filter(({ op }) => op === 'Gemm')) {
    const inputs = node.inputs.map((input, i) => {
      const shape = shapes.get(input) ?? internal(`no shape of "${input}"`);
      return b.input(`${node.name}.${i}`, 'float32', shape).name;
    });
    for (const result of b.add({ ...node, inputs })) b.output(b.Slice(result, [0, 0], [1, 1]));
  }
  return model(b.build('gemms'));
}

/** The products alone, over random inputs, into buffers that are there already. */
export async function gemmSide(step: Model, runtime: Runtime, threads: number): Promise<Side> {
  const gemms = gemmsOf(step);
  const session = await runtime.load(gemms, { threads });
  const buffers = (infos: Model['graph']['inputs']): Record<string, Tensor<'float32'>> =>
    Object.fromEntries(
      infos.map(({ name, shape }) => [
        name,
        zeros('float32', isStatic(shape ?? []) ? (shape as number[]) : []),
      ]),
    );
  const feeds = buffers(gemms.graph.inputs);
  for (const [name, { data }] of Object.entries(feeds)) fillUniform(data, streamKey(1, 0, name));
  const into = buffers(gemms.graph.outputs);
  return {
    name: 'Gemms alone',
    threads,
    async measure({ steps, warmup }) {
      const times: number[] = [];
      for (let step = 0; step < warmup + steps; step++) {
        const start = performance.now();
        await session.run(feeds, into);
        if (step >= warmup) times.push(performance.now() - start);
      }
      return times;
    },
  };
}
