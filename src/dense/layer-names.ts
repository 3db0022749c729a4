/** Values of a graph by the names that people call its layers by. */
import { ModelError } from '../errors.js';
import type { Node } from '../graph/graph.js';
import { suggest } from '../graph/suggest.js';
import type { Builder } from '../ops/builder.js';

/**
 * Finds values by name: of a value, of the node that makes it, or of a layer (all layers inside `fire5` for `fire5`), of
 * which the last value is meant, or the last of those that are `wanted` where there are such.
 * @returns what gives the value's name, or throws a ModelError with the nearest names
 */
export function valueFinder(
  b: Builder,
  isWanted: (value: string) => boolean = () => true,
): (name: string) => string {
  const layers = layerNames(b);
  return (name) => {
    const value = valueNamed(b, layers, name, isWanted);
    if (value === null) throw unknownTap(b, layers, name);
    return value;
  };
}

const pools = new Set(['MaxPool', 'AveragePool', 'LpPool']);

/**
 * What people call the layers: of a node with weights the name of these without its last part (`fire5.expand3x3` of
 * `fire5.expand3x3.weight`), of pools `pool1`, `pool2` … in their order, of any other node that of the latest layer
 * that it reads.
 */
function layerNames(b: Builder): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const order = new Map<string, number>();
  let pool = 0;
  const latest = (inputs: readonly string[]): string | undefined =>
    inputs
      .flatMap((input) => names.get(input) ?? [])
      .sort((a, c) => (order.get(a) ?? 0) - (order.get(c) ?? 0))
      .at(-1);
  for (const node of b.nodes) {
    const own = pools.has(node.op) ? `pool${++pool}` : layerOfWeights(b, node);
    if (own !== undefined) order.set(own, order.size);
    const name = own ?? latest(node.inputs);
    if (name !== undefined) for (const output of node.outputs) names.set(output, name);
  }
  return names;
}

function layerOfWeights(b: Builder, { op, inputs }: Node): string | undefined {
  if (op !== 'Conv' && op !== 'Gemm' && op !== 'MatMul' && op !== 'ConvTranspose') return undefined;
  const weight = inputs.slice(1).find((name) => b.initializers.has(name) || b.parameters.has(name));
  return weight?.replace(/[./](weight|W|w|kernel)$/, '');
}

function valueNamed(
  b: Builder,
  layers: ReadonlyMap<string, string>,
  name: string,
  isWanted: (value: string) => boolean,
): string | null {
  const made = b.nodes.find((node) => node.outputs.includes(name));
  if (made) return name;
  const node = b.nodes.find((each) => each.name === name);
  if (node) return node.outputs[0] ?? null;
  const inside = b.nodes.filter(({ name: path, outputs: [output = ''] }) => {
    const layer = layers.get(output) ?? '';
    return layer === name || isInside(layer, name) || isInside(path.replace(/^\//, ''), name);
  });
  const all = inside.map(({ outputs: [output = ''] }) => output);
  return all.findLast(isWanted) ?? all.at(-1) ?? null;
}

const isInside = (path: string, name: string): boolean =>
  path.startsWith(`${name}.`) || path.startsWith(`${name}/`);

function unknownTap(b: Builder, layers: ReadonlyMap<string, string>, name: string): ModelError {
  const short = new Set([...layers.values()].flatMap((layer) => [layer, layerHead(layer)]));
  const all = [...short, ...b.nodes.flatMap((node) => [node.name, ...node.outputs])];
  const near = suggest(name, all);
  const some = [...new Set([...layers.values()].map(layerHead))];
  return new ModelError(
    `the network has no layer, node or value "${name}".${near === undefined ? '' : ` Did you mean "${near}"?`} Its layers are ${shortened(some)}.`,
    { actual: name, expected: some },
  );
}

const layerHead = (layer: string): string => /^[^./]+/.exec(layer)?.[0] ?? layer;

const mostNamed = 24;

const shortened = (names: readonly string[]): string =>
  names.slice(0, mostNamed).join(', ') +
  (names.length > mostNamed ? ` and ${names.length - mostNamed} more` : '');
