/** An ONNX graph in, an ONNX graph with gradients out: standard operators only. */
import { GradientError } from '../errors.js';
import { type Graph, type Model, model } from '../graph/graph.js';
import { type LoadOptions, load, loadModel } from '../ops/load.js';
import { optimize } from '../ops/rewrite/optimize.js';
import { backward } from './backward.js';

export interface DifferentiateOptions<Name extends string = string> extends LoadOptions {
  /** Name of the scalar output or inner value to differentiate. */
  readonly loss: string;
  /** Names of the values to differentiate by: initializers (weights) or inputs. */
  readonly with: readonly Name[];
  /** What to give for a value that does not influence the loss: an error (the default), or zeros. */
  readonly unreached?: 'error' | 'zeros';
}

export interface Differentiated<Name extends string = string> {
  /** The graph with its outputs, `loss`, and one more output for each gradient. */
  readonly graph: Graph;
  /** The same as a model, ready to be run or written. */
  readonly model: Model;
  /** Value of `with` -> name of the output that holds its gradient. */
  readonly gradients: Readonly<Record<Name, string>>;
}

/**
 * Extends a graph (or a model, whose operator set is then minded) by the gradient of `loss` with respect to `with`.
 * Symbolic dimensions are bound first, through `dimensions`. The result can be differentiated again, by the same
 * values: initializers that are not named in `with` count as constants, and rules may use their numbers.
 * @throws GradientError for an unknown name, a loss that is no scalar, an operator without a gradient.
 * @example differentiate(graph, { loss: 'loss', with: ['w', 'b'], dimensions: { batch: 32 } })
 */
export function differentiate<const Name extends string>(
  source: Graph | Model,
  options: DifferentiateOptions<Name>,
): Differentiated<Name> {
  const named = new Set<string>(options.with);
  const trainable = (name: string): boolean => named.has(name) || !!options.trainable?.(name);
  const settings = { ...options, trainable };
  const b = 'opsets' in source ? loadModel(source, settings) : load(source, settings);
  for (const name of [options.loss, ...options.with])
    if (!b.values.has(name))
      throw new GradientError(`differentiate: the graph has no value "${name}"`, { actual: name });
  const loss = b.value(options.loss);
  const wrt = options.with.map((name) => b.value(name));
  const gradients = backward(b, loss, wrt, { unreached: options.unreached ?? 'error' });
  if (!b.outputs.includes(loss)) b.output(loss);
  const names = gradients.map(
    (gradient, i) => b.output(gradient, b.fresh(`${options.with[i]}.gradient`)).name,
  );
  const name = 'opsets' in source ? source.graph.name : source.name;
  const graph = optimize(b.build(name), b.opset, new Set(b.parameters.keys()));
  const made = model(graph, 'opsets' in source ? source.metadata : {}, b.opset);
  return {
    graph,
    // Operators of other domains are there still, so their operator sets are too.
    model: 'opsets' in source ? { ...made, opsets: { ...source.opsets, ...made.opsets } } : made,
    gradients: Object.fromEntries(options.with.map((name, i) => [name, names[i] ?? ''])) as Record<
      Name,
      string
    >,
  };
}
