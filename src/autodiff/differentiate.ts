/** An ONNX graph in, an ONNX graph with gradients out: standard operators only. */
import { GradientError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { type LoadOptions, load } from '../ops/load.js';
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
  /** Value of `with` -> name of the output that holds its gradient. */
  readonly gradients: Readonly<Record<Name, string>>;
}

/**
 * Extends a graph by the gradient of `loss` with respect to `with`. Symbolic dimensions are bound first, through
 * `dimensions`. The result can be differentiated again.
 * @throws GradientError for an unknown name, a loss that is no scalar, an operator without a gradient.
 * @example differentiate(graph, { loss: 'loss', with: ['w', 'b'], dimensions: { batch: 32 } })
 */
export function differentiate<const Name extends string>(
  graph: Graph,
  options: DifferentiateOptions<Name>,
): Differentiated<Name> {
  const b = load(graph, options);
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
  return {
    graph: optimize(b.build(graph.name)),
    gradients: Object.fromEntries(options.with.map((name, i) => [name, names[i] ?? ''])) as Record<
      Name,
      string
    >,
  };
}
