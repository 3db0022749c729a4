/**
 * What strides leave apart as a graph is laid out in blocks: gradients of strided convolutions and of cuts with steps, and
 * sums of them, which are made place by place and put together once.
 */
import type { Graph, Node } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { spreadValue } from './blocked-cuts.js';
import { addedParts, firstPlace, type Parts, together } from './blocked-places.js';
import { transposedForm, transposedParts } from './blocked-transposed.js';
import type { NodeMaker } from './node-maker.js';

/** What the pass over a graph knows of its values. */
export interface Known {
  /** Static shape of a value of float32, or null. */
  shapeOf(name: string): readonly number[] | null;
  makerOf(name: string): Node | undefined;
  /** The node of an operator that alone reads a value. */
  onlyReader(name: string, op: string): Node | null;
  /** The blocked form of a value that is made in blocks. */
  residentOf(name: string): string | undefined;
  /** The blocked form of any value, and the nodes that make it. */
  inBlocks(name: string): [Node[], string];
}

/** What is to stand in a node's place. */
export interface Found {
  readonly nodes: readonly Node[];
  /** Values that are put together now, and the nodes that do it, given the name of the blocked form. */
  readonly whole: readonly (readonly [string, (blocked: string) => Node[]])[];
  /** Whether that is all of the node. */
  readonly done: boolean;
}

/** Which values lie apart, as a pass goes through a graph's nodes. */
export class Apart {
  readonly #maker: NodeMaker;
  readonly #graph: Graph;
  readonly #block: number;
  readonly #known: Known;
  /** Values that are put together only when what is added to them is known. */
  readonly #waiting = new Map<string, Parts>();

  constructor(maker: NodeMaker, graph: Graph, block: number, known: Known) {
    this.#maker = maker;
    this.#graph = graph;
    this.#block = block;
    this.#known = known;
  }

  /** Whether the value is not made yet, though its node is behind. */
  waits(name: string): boolean {
    return this.#waiting.has(name);
  }

  /** What makes the node's value place by place, or puts together what it reads; null for nodes that do neither. */
  nodesFor(node: Node): Found | null {
    const [y = ''] = node.outputs;
    const found = this.#partsOf(node, y);
    if (!found) {
      const late = node.inputs.filter((name) => this.#waiting.has(name));
      if (late.length === 0) return null;
      return { nodes: [], whole: late.map((name) => this.#whole(name)), done: false };
    }
    const [nodes, parts] = found;
    this.#waiting.set(y, parts);
    // What such a value alone is added to may lie apart as well.
    const other = this.#known.onlyReader(y, 'Add')?.inputs.find((name) => name !== y);
    const op = other === undefined ? '' : this.#known.makerOf(other)?.op;
    const waits = op === 'ConvTranspose' || op === 'Reshape';
    return { nodes, whole: waits ? [] : [this.#whole(y)], done: true };
  }

  #whole(y: string): readonly [string, (blocked: string) => Node[]] {
    const parts = this.#waiting.get(y) as Parts;
    this.#waiting.delete(y);
    return [y, (blocked) => together(this.#maker, parts, blocked, this.#block)];
  }

  /** The parts of what the node makes, and nodes that come before theirs; null where it does not lie apart. */
  #partsOf(node: Node, y: string): [Node[], Parts] | null {
    const [x = '', w = ''] = node.inputs;
    const [maker, block, known] = [this.#maker, this.#block, this.#known];
    const dims = known.shapeOf(y);
    if (node.domain !== '' || dims?.length !== 4 || sizeOf(dims) === 0) return null;
    if ((dims[1] ?? 0) % block !== 0) return null;
    if (node.op === 'Add') {
      const [a, b] = [this.#waiting.get(x), this.#waiting.get(w)];
      const sum = a && b && addedParts(maker, a, b, y);
      return sum ? [[], sum] : null;
    }
    if (node.op === 'ConvTranspose') {
      const [given, weights] = [known.shapeOf(x), known.shapeOf(w)];
      if (!given || !weights || this.#graph.initializers.has(w)) return null;
      const form = transposedForm(node, [given, weights, dims], block);
      if (!form) return null;
      const [laidOut, source] = known.inBlocks(x);
      const [nodes, parts] = transposedParts(maker, node, form, source, [weights, dims], block);
      return [[...laidOut, ...nodes], parts];
    }
    const spread = spreadValue(node, this.#graph, known.makerOf, known.shapeOf);
    const source = known.residentOf(spread?.x ?? '');
    if (!spread || source === undefined) return null;
    return [[], firstPlace(maker, source, y, dims, spread.strides, block)];
  }
}
