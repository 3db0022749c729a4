/** A network as a part of a larger training graph: applied to a value, as often as the graph needs it. */
import type { Graph, Value } from '../../graph/graph.js';
import { reading } from '../../graph/order.js';
import type { CarriedState } from '../../nn/carried-state.js';
import { type TrainingFormOptions, trainingForm } from '../../nn/training-form.js';
import type { Builder } from '../../ops/builder.js';

export interface Part {
  /** Names of its weights in a step's graph begin with this and a slash. */
  readonly name: string;
  /** The inference graph, its weights initializers. */
  readonly graph: Graph;
  readonly input: string;
  readonly output: string;
  /** Name of the input's first dimension. */
  readonly batch: string;
  /** What other symbolic dimensions are. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** The initializers that are trained. */
  readonly trained: ReadonlySet<string>;
  readonly batchNormalization: TrainingFormOptions['batchNormalization'];
}

/** Name in a step's graph of a weight of a part. */
export const weightName = (part: Pick<Part, 'name'>, name: string): string =>
  `${part.name}/${name}`;

export interface ApplyOptions {
  /** Names of what this application makes begin with it. */
  readonly pass: string;
  /** Whether the part learns in this graph: its weights are parameters then, else inputs. */
  readonly learns: boolean;
  /** Whether running statistics are averaged on by this application, and given. */
  readonly carries?: boolean;
}

export interface Applied {
  readonly value: Value;
  readonly state: readonly CarriedState[];
}

/**
 * Adds the part's nodes in their training form (live statistics of this very batch, dropout with a mask of its own),
 * reading `x` in place of its input. Weights are declared once, however often the part is applied.
 * @throws what `trainingForm` throws
 */
export function apply(b: Builder, part: Part, x: Value, options: ApplyOptions): Applied {
  const { pass, learns, carries = false } = options;
  const form = trainingForm(
    { ...part.graph, outputs: [] },
    {
      dimensions: { ...part.sizes, [part.batch]: x.shape[0] as number },
      trainable: (name) => part.trained.has(name),
      batchNormalization: part.batchNormalization,
    },
  );
  const now = new Map<string, string>([[part.input, x.name]]);
  const known = (name: string, declare: () => Value): void => {
    now.set(name, (b.values.get(weightName(part, name)) ?? declare()).name);
  };
  for (const [name, data] of form.b.parameters)
    known(name, () =>
      learns
        ? b.parameter(weightName(part, name), data)
        : b.input(weightName(part, name), data.dtype, data.dims),
    );
  for (const [name, data] of form.b.initializers)
    if (part.graph.initializers.has(name))
      known(name, () => b.initializer(weightName(part, name), data));
    else now.set(name, b.initializer(`${pass}/${name}`, data).name);
  for (const { value, distribution, scale, quiet } of form.b.stochastic) {
    const dims = value.shape as readonly number[];
    now.set(value.name, b.random(`${pass}/${value.name}`, dims, distribution, scale, quiet).name);
  }
  for (const { value, initial } of form.state) {
    // What is not carried on is not read either, so that nodes which would average it are dropped.
    const made = carries
      ? b.input(weightName(part, value.name), initial.dtype, initial.dims)
      : b.initializer(`${pass}/${value.name}`, initial);
    now.set(value.name, made.name);
  }
  addNodes(b, form.b, now, pass);
  const found = (name: string): Value => b.value(now.get(name) ?? '');
  return {
    value: found(part.output),
    state: carries
      ? form.state.map(({ value, initial, next }) => ({
          ...{ value: found(value.name), initial, next: found(next.name) },
        }))
      : [],
  };
}

function addNodes(b: Builder, from: Builder, now: Map<string, string>, pass: string): void {
  const inside = (name: string): string => (name === '' ? '' : `${pass}/${name}`);
  for (const node of from.nodes) {
    const read = reading(node, (name) => now.get(name) ?? name);
    const outputs = node.outputs.map(inside);
    const stated = new Map(
      node.outputs.map((name, i) => {
        const info = from.values.get(name);
        const named = { name: outputs[i] ?? '', dtype: info?.dtype ?? null };
        return [outputs[i] ?? '', { ...named, shape: info?.shape ?? null }] as const;
      }),
    );
    b.add({ ...read, name: inside(node.name), outputs }, stated);
    for (const name of node.outputs) if (name !== '') now.set(name, inside(name));
  }
}
