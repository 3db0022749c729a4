/** What a graph says of gradients of convolutions, while names change and values go. */
import type { Graph, WeightGradients } from './graph.js';

/** The same gradients under the present names of their values. */
export function renamedGradients(graph: Graph, now: (name: string) => string): WeightGradients {
  return new Map(
    [...(graph.weightGradients ?? [])].map(([name, gradient]) => [
      now(name),
      { ...gradient, image: now(gradient.image), windows: now(gradient.windows) },
    ]),
  );
}

/** Those of which every value is still there, as a part of a graph. */
export function gradientsLeft(
  gradients: WeightGradients,
  isThere: (name: string) => boolean,
): Pick<Graph, 'weightGradients'> {
  const left = [...gradients].filter(([name, { image, windows }]) =>
    [name, image, windows].every(isThere),
  );
  return left.length > 0 ? { weightGradients: new Map(left) } : {};
}
