/**
 * How maps go from one convolution to the next where gradients are to be made: what would be written, masked or cut
 * apart at full size is put behind a pool, or not made at all. The same numbers, in fewer passes over memory.
 */
import { attributesOf } from '../graph/builder.js';
import type { Node, Value } from '../graph/graph.js';
import { namesRead } from '../graph/order.js';
import type { Builder } from '../ops/builder.js';

/** Maps that a Concat joins: in how many parts it is taken apart again, and channels of each part from which on it pays. */
const [mostParts, fewestChannels] = [4, 16];

/**
 * The forms of a graph's nodes for training.
 *
 * - A MaxPool of Relu(x), which it alone reads: the Relu of a MaxPool of x. max(relu(x)) is relu(max(x)), and the choices
 *   are the same but for ties below 0, to which nothing flows back. What is cut off and masked is as small as the pool's
 *   result.
 * - A MaxPool of maps joined along the channels, which it alone reads: the join of a MaxPool of each.
 * - A convolution of one tap of such maps: the sum of a convolution of each with its part of the weights. So neither the
 *   joined map is made nor its gradient, which would be split again.
 */
export class MapForms {
  readonly #stated: ReadonlyMap<string, Value>;
  readonly #reads = new Map<string, number>();
  /** What a Relu is given, by what it gives. */
  readonly #relus = new Map<string, string>();
  /** The maps of a Concat over channels that one node alone reads, by what the Concat gives. */
  readonly #joined = new Map<string, readonly string[]>();

  /** @param inference the graph, whose nodes are handed to `add` in their order */
  constructor({ nodes, outputs, values }: Builder) {
    this.#stated = values;
    for (const name of [...nodes.flatMap(namesRead), ...outputs.map(({ name }) => name)])
      this.#reads.set(name, (this.#reads.get(name) ?? 0) + 1);
    for (const node of nodes)
      if (isStandard(node, 'Relu')) this.#relus.set(node.outputs[0] ?? '', node.inputs[0] ?? '');
  }

  /** Adds a node in its form for training; false where it has none of its own and was not added. */
  add(b: Builder, node: Node): boolean {
    if (isStandard(node, 'Concat')) return this.#join(b, node);
    const [x = ''] = node.inputs;
    const parts = this.#joined.get(x);
    if (isStandard(node, 'MaxPool') && node.outputs.length === 1) {
      if (parts) this.#poolParts(b, node, parts);
      else if (this.#isClipped(x)) this.#pool(b, node, x, node.outputs[0] ?? '');
      else return false;
      return true;
    }
    if (!parts || !isOneTap(b, node)) return false;
    sumOfParts(b, node, parts);
    return true;
  }

  /** The Concat as it is: what takes its parts leaves it unread. */
  #join(b: Builder, node: Node): boolean {
    const joined = b.add(node, this.#stated)[0] as Value;
    const { axis } = attributesOf(b.table, node) as { axis: number };
    const channels = node.inputs.map((name) => b.value(name).shape[1]);
    const isOfMaps = joined.shape.length > 2 && (axis === 1 || axis === 1 - joined.shape.length);
    if (isOfMaps && channels.every((count) => typeof count === 'number' && count >= fewestChannels))
      this.#keep(joined.name, node.inputs);
    return true;
  }

  #keep(joined: string, parts: readonly string[]): void {
    if (parts.length > 1 && parts.length <= mostParts && this.#reads.get(joined) === 1)
      this.#joined.set(joined, parts);
  }

  #isClipped(name: string): boolean {
    return this.#relus.has(name) && this.#reads.get(name) === 1;
  }

  #poolParts(b: Builder, node: Node, parts: readonly string[]): void {
    const pooled = parts.map((part) => this.#pool(b, node, part));
    const [y = ''] = node.outputs;
    b.node('Concat', pooled, { axis: 1 }, { outputs: [y] });
    this.#keep(
      y,
      pooled.map(({ name }) => name),
    );
  }

  /** `node`'s MaxPool of `x`, and behind it the Relu that `x` comes from where nothing else reads that. */
  #pool(b: Builder, node: Node, x: string, output?: string): Value {
    const outputs = output === undefined ? {} : { outputs: [output] };
    const source = this.#isClipped(x) ? this.#relus.get(x) : undefined;
    const pool = (of: string, named: { outputs?: string[] }): Value =>
      b.node('MaxPool', [b.value(of)], { ...attributesOf(b.table, node) }, named)[0] as Value;
    return b.within(node.name, () =>
      source === undefined
        ? pool(x, outputs)
        : (b.node('Relu', [pool(source, {})], {}, outputs)[0] as Value),
    );
  }
}

/** Whether a Conv takes the maps of one position for each of its own, all channels of them. */
function isOneTap(b: Builder, node: Node): boolean {
  if (!isStandard(node, 'Conv')) return false;
  const { group } = attributesOf(b.table, node) as { group?: number };
  const [, , ...kernel] = b.value(node.inputs[1] ?? '').shape;
  return (group ?? 1) === 1 && kernel.every((size) => size === 1);
}

/** A Conv of maps side by side as the sum of a Conv of each, with the weights of its channels. */
function sumOfParts(b: Builder, node: Node, parts: readonly string[]): void {
  const [, w = '', bias = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const channels = parts.map((part) => b.value(part).shape[1] as number);
  const attributes = { ...attributesOf(b.table, node) };
  const count = parts.length;
  const added = (name: string): Value[] => (name === '' ? [] : [b.value(name)]);
  b.within(node.name, () => {
    const weights = b.node('Split', [b.value(w), channels], { axis: 1 }, { count });
    const each = parts.map(
      (part, i) =>
        b.node(
          'Conv',
          [b.value(part), weights[i] as Value, ...added(i === 0 ? bias : '')],
          attributes,
        )[0] as Value,
    );
    each.reduce(
      (sum, next, i) =>
        b.node('Add', [sum, next], {}, i === count - 1 ? { outputs: [y] } : {})[0] as Value,
    );
  });
}

/** Whether the node is that operator of the standard. */
export const isStandard = ({ op, domain }: Node, name: string): boolean =>
  op === name && (domain === '' || domain === 'ai.onnx');
