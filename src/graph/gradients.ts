/** What a graph says of gradients of convolutions and pools, while names change and values go. */
import type { Gradients, Graph } from './graph.js';

/** The same gradients under the present names of their values. */
export function renamedGradients(graph: Graph, now: (name: string) => string): Gradients {
  return new Map(
    [...(graph.gradients ?? [])].map(([name, gradient]) => [
      now(name),
      { ...gradient, image: now(gradient.image), windows: now(gradient.windows) },
    ]),
  );
}

/** Those of which every value is still there, as a part of a graph. */
export function gradientsLeft(
  gradients: Gradients,
  isThere: (name: string) => boolean,
): Pick<Graph, 'gradients'> {
  const left = [...gradients].filter(([name, { image, windows }]) =>
    [name, image, windows].every(isThere),
  );
  return left.length > 0 ? { gradients: new Map(left) } : {};
}
