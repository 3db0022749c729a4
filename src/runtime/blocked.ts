/**
 * Convolutions in the blocked layout of ONNX Runtime's CPU build: `block` channels lie side by side for each position
 * (NCHWc). ONNX Runtime takes to it by itself where weights are constants, as in inference; this pass does so where they
 * are trained. Its operators, of the domain `com.microsoft.nchwc`, count on one machine's block size, so that the pass
 * belongs to loading a graph and never to a graph that is kept: decision 015.
 */
import type { Attribute, Attributes, Graph, Model, Node, ValueInfo } from '../graph/graph.js';
import { namesRead } from '../graph/order.js';
import { prune } from '../ops/rewrite/prune.js';
import { isStatic, type Shape, sizeOf } from '../tensor/shape.js';
import { blockedGradient, type GradientSizes, hasBlockedGradient } from './blocked-weights.js';
import { blockedDomain, NodeMaker } from './node-maker.js';

export { blockedDomain };

/** How the weights of a convolution are laid out: by blocks of both kinds of channels, or of the output's alone. */
export type BlockedForm = 'both' | 'outputs';

/** Positions of all images from which on a convolution is worth the laying out of its weights. */
const fewestPositions = 100;

/**
 * The form that a convolution takes, or null where it stays plain: its channels do not fill blocks, it is not over two
 * spatial axes, or it is so small that laying values out anew costs what it saves.
 * @param w dimensions of the weights, (M, C / group, height, width)
 * @param y shape of the result, (N, M, height, width), where it is known
 */
export function blockedForm(
  w: readonly number[],
  y: Shape | null,
  group: number,
  block: number,
): BlockedForm | null {
  const [made = 1, each = 1, ...kernel] = w;
  if (kernel.length !== 2 || sizeOf(w) === 0 || made % block !== 0) return null;
  if (y && isStatic(y) && sizeOf(y) < made * fewestPositions) return null;
  if (group > 1 && each === 1 && made === group) return 'outputs';
  if (sizeOf(kernel) === 1) return null;
  return each % block === 0 && (made / group) % block === 0 ? 'both' : null;
}

/**
 * The model with each Conv that has a blocked form, and whose weights are no constants, in that form. A Relu that alone
 * reads its result becomes part of it, and a MaxPool takes the blocks over. Inputs, outputs and their layouts stay as
 * they are; graphs inside nodes stay plain. What a model says of itself must be true: shapes of values are taken from it.
 * @param block channels in a block, as `ReorderInput` of the runtime lays them
 */
export function withBlockedConvolutions(model: Model, block: number): Model {
  const blocking = new Blocking(model.graph, block);
  const graph = blocking.graph();
  return graph ? { ...model, graph, opsets: { ...model.opsets, [blockedDomain]: 1 } } : model;
}

class Blocking {
  readonly #maker: NodeMaker;
  readonly #block: number;
  readonly #graph: Graph;
  readonly #infos: ReadonlyMap<string, ValueInfo>;
  readonly #readers = new Map<string, Node[]>();
  /** Relus that became part of a convolution. */
  readonly #taken = new Set<Node>();
  /** The blocked form of values that have one already. */
  readonly #blocked = new Map<string, string>();
  /** What the nodes so far have made, and the graph's own inputs. */
  readonly #there: Set<string>;
  /** Whether gradients of weights are made another way, so that nodes that made them may be dead. */
  #replaced = false;

  constructor(graph: Graph, block: number) {
    this.#graph = graph;
    this.#block = block;
    const { inputs, outputs, values, nodes, initializers } = graph;
    const stated = [...inputs, ...outputs].map((info) => [info.name, info] as const);
    this.#infos = new Map([...values, ...stated]);
    this.#there = new Set([...inputs.map(({ name }) => name), ...initializers.keys()]);
    this.#maker = new NodeMaker(graph);
    for (const node of nodes)
      for (const name of namesRead(node)) {
        const readers = this.#readers.get(name);
        if (readers) readers.push(node);
        else this.#readers.set(name, [node]);
      }
  }

  /** The graph with its convolutions blocked; null where there are none to block. */
  graph(): Graph | null {
    const nodes = this.#graph.nodes.flatMap((node) => {
      const made = this.#gradient(node) ?? this.#nodesFor(node);
      for (const output of node.outputs) this.#there.add(output);
      return made;
    });
    if (this.#blocked.size === 0 && !this.#replaced) return null;
    const initializers = new Map([...this.#graph.initializers, ...this.#maker.constants]);
    const graph = { ...this.#graph, nodes, initializers };
    return this.#replaced ? prune(graph) : graph;
  }

  /** The gradient of a convolution by its weights in blocks; null where the node makes none, or none that has that form. */
  #gradient({ outputs: [dw = ''] }: Node): Node[] | null {
    const gradient = this.#graph.weightGradients?.get(dw);
    if (!gradient) return null;
    const { image, windows } = gradient;
    if (![image, windows].every((name) => this.#there.has(name))) return null;
    const [x, dy, shape] = [image, windows, dw].map((name) => this.#infos.get(name)?.shape);
    if (!x || !dy || !shape || ![x, dy, shape].every(isStatic)) return null;
    const sizes = { image: x, windows: dy, kernel: gradient.kernel } as GradientSizes;
    if (!hasBlockedGradient(sizes, gradient, this.#block)) return null;
    this.#replaced = true;
    const [nodes, numbers] = blockedGradient(this.#maker, dw, gradient, sizes, this.#block);
    return [...nodes, this.#maker.reshape(numbers, shape as readonly number[], dw)];
  }

  #nodesFor(node: Node): Node[] {
    if (this.#taken.has(node)) return [];
    const [x = '', y = ''] = [node.inputs[0], node.outputs[0]];
    const source = this.#blocked.get(x);
    if (source !== undefined && isPool(node)) return this.#pool(node, source);
    const w = this.#dims(node);
    const group = integer(node.attributes['group'], 1);
    const form = w && blockedForm(w, this.#infos.get(y)?.shape ?? null, group, this.#block);
    return form ? this.#convolution(node, w, form) : [node];
  }

  /** A pool of what is in blocks already. */
  #pool(node: Node, source: string): Node[] {
    const [y = ''] = node.outputs;
    const channels = this.#infos.get(y)?.shape?.[1];
    if (typeof channels !== 'number' || channels % this.#block !== 0) return [node];
    const blocked = this.#maker.name(`${y}/blocked`);
    this.#blocked.set(y, blocked);
    return [
      this.#maker.node('MaxPool', [source], blocked, node.attributes),
      this.#plain(blocked, y, channels),
    ];
  }

  #plain(blocked: string, name: string, channels: number): Node {
    const attributes: Attributes = { channels: { type: 'int', value: channels } };
    return this.#maker.node('ReorderOutput', [blocked], name, attributes);
  }

  /** Dimensions of the weights, where the node is a Conv that could be blocked. */
  #dims({ op, domain, inputs, attributes }: Node): readonly number[] | null {
    const [x = '', w = ''] = inputs;
    const padded = attributes['auto_pad'];
    if (op !== 'Conv' || domain !== '' || this.#graph.initializers.has(w)) return null;
    if (padded?.type === 'string' && padded.value !== 'NOTSET') return null;
    const [image, weights] = [this.#infos.get(x), this.#infos.get(w)];
    const [shape, dims] = [image?.shape, weights?.shape];
    if (image?.dtype !== 'float32' || weights?.dtype !== 'float32' || !shape || !dims) return null;
    return shape.length === 4 && isStatic(dims) ? dims : null;
  }

  #convolution(node: Node, dims: readonly number[], form: BlockedForm): Node[] {
    const [x = '', w = '', bias] = node.inputs;
    const [y = ''] = node.outputs;
    const [relu, made] = [this.#reluOf(y), dims[0] ?? 1];
    const result = relu ?? y;
    const [laidOut, ordered] = this.#input(x);
    const [weights, kernel] = this.#weights(w, dims, form);
    const blocked = this.#maker.name(`${result}/blocked`);
    this.#blocked.set(result, blocked);
    const activation: Attributes = relu ? { activation: { type: 'string', value: 'Relu' } } : {};
    return [
      ...laidOut,
      ...weights,
      this.#maker.node('Conv', [ordered, kernel, ...(bias ? [bias] : [])], blocked, {
        ...node.attributes,
        ...activation,
      }),
      this.#plain(blocked, result, made),
    ];
  }

  /** Nodes that lay `x` out in blocks, none where something did so before, and the name of what they give. */
  #input(x: string): [Node[], string] {
    const known = this.#blocked.get(x);
    if (known !== undefined) return [[], known];
    const blocked = this.#maker.name(`${x}/blocked`);
    this.#blocked.set(x, blocked);
    return [[this.#maker.node('ReorderInput', [x], blocked)], blocked];
  }

  /**
   * (M, C, taps) as (M / block, C / block, taps, block of C, block of M), or without the blocks of C, under the old
   * dimensions. `ReorderInput` does it, which lays any two axes out so and works on all threads: a Transpose of two axes
   * takes 1 ms for 128 x 64 x 9, one of all five 15 ms for 512 x 512 x 9.
   */
  #weights(w: string, dims: readonly number[], form: BlockedForm): [Node[], string] {
    const [block, [made = 1, each = 1, ...kernel]] = [this.#block, dims];
    const taps = sizeOf(kernel);
    const inner = form === 'both' ? this.#turned(w, [(made * each) / block, block, taps, 1]) : null;
    const outer = this.#turned(inner?.output ?? w, [made / block, block, each * taps, 1]);
    const blocked = this.#maker.name(`${w}/blocked`);
    return [
      [...(inner?.nodes ?? []), ...outer.nodes, this.#maker.reshape(outer.output, dims, blocked)],
      blocked,
    ];
  }

  /** Nodes that give `x` the dimensions `dims`, of which the second is a block, and then put that last. */
  #turned(x: string, dims: readonly number[]): { nodes: Node[]; output: string } {
    const [apart, output] = [this.#maker.name(`${x}/apart`), this.#maker.name(`${x}/turned`)];
    const nodes = [
      this.#maker.reshape(x, dims, apart),
      this.#maker.node('ReorderInput', [apart], output),
    ];
    return { nodes, output };
  }

  /** The output of the Relu that alone reads `y`, which then is made with it. */
  #reluOf(y: string): string | null {
    const [reader, ...others] = this.#readers.get(y) ?? [];
    const isOutput = this.#graph.outputs.some(({ name }) => name === y);
    if (reader?.op !== 'Relu' || reader.domain !== '' || others.length > 0 || isOutput) return null;
    this.#taken.add(reader);
    return reader.outputs[0] ?? null;
  }
}

const integer = (attribute: Attribute | undefined, absent: number): number =>
  attribute?.type === 'int' ? attribute.value : absent;

/** A MaxPool without indices, whose padding is written out. */
function isPool({ op, domain, outputs, attributes }: Node): boolean {
  const padded = attributes['auto_pad'];
  const stated = padded?.type !== 'string' || padded.value === 'NOTSET';
  return op === 'MaxPool' && domain === '' && outputs.filter(Boolean).length === 1 && stated;
}
