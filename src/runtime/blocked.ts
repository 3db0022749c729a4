/**
 * Convolutions in the blocked layout of ONNX Runtime's CPU build: `block` channels lie side by side for each position
 * (NCHWc). ONNX Runtime takes to it by itself where weights are constants, as in inference; this pass does so where they
 * are trained. Its operators, of the domain `com.microsoft.nchwc`, count on one machine's block size, so that the pass
 * belongs to loading a graph and never to a graph that is kept: decision 015.
 */
import type {
  Attribute,
  Attributes,
  Graph,
  Model,
  Node,
  PoolGradient,
  ValueInfo,
  WeightGradient,
} from '../graph/graph.js';
import { namesRead } from '../graph/order.js';
import { prune } from '../ops/rewrite/prune.js';
import { isStatic, sizeOf } from '../tensor/shape.js';
import { columnsGradient, hasColumns } from './blocked-columns.js';
import { copiesGradient, hasCopies } from './blocked-copies.js';
import { type BlockedCut, blockedCut, cutNodes, early } from './blocked-cuts.js';
import { firstGradient, hasFirst } from './blocked-first.js';
import { type BlockedForm, blockedForm, blockedKernel } from './blocked-form.js';
import { byChannel, isElementwise, sameDims, scaled } from './blocked-maps.js';
import { hasPatches, patchesGradient } from './blocked-patches.js';
import { type BlockedPool, blockedPoolGradient, hasBlockedPool } from './blocked-pools.js';
import { Apart } from './blocked-strided.js';
import { channelSum, productSumToChannels, sumToChannels } from './blocked-sums.js';
import { blockedGradient, type GradientSizes, hasBlockedGradient } from './blocked-weights.js';
import { blockedDomain, NodeMaker } from './node-maker.js';

export { blockedDomain };

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
  readonly #makers = new Map<string, Node>();
  /** Sums and Relus that became part of a convolution. */
  readonly #taken = new Set<Node>();
  /** The blocked form of values that have one already. */
  readonly #blocked = new Map<string, string>();
  /** Values that are made in blocks: what takes them goes on so. */
  readonly #resident = new Set<string>();
  /** Those whose plain form costs no more than laying them out: unread, either goes. */
  readonly #either = new Set<string>();
  /** What strides leave apart. */
  readonly #apart: Apart;
  /** What the nodes so far have made, and the graph's own inputs. */
  readonly #there: Set<string>;
  /** Images of max-pools whose gradient is made in blocks. */
  readonly #pooled = new Set<string>();
  /** Gradients of max-pools in blocks, by the names of what has their numbers. */
  readonly #pooledBack = new Map<string, PooledBack>();
  /** Whether gradients are made another way. */
  #replaced = false;

  /** What a node takes from maps, where it has a form in blocks. */
  readonly #cutOf = (node: Node): BlockedCut | null =>
    blockedCut(node, this.#graph, (name) => this.#static(name), this.#block);

  constructor(graph: Graph, block: number) {
    this.#graph = graph;
    this.#block = block;
    const { inputs, outputs, values, nodes, initializers } = graph;
    const stated = [...inputs, ...outputs].map((info) => [info.name, info] as const);
    this.#infos = new Map([...values, ...stated]);
    this.#there = new Set([...inputs.map(({ name }) => name), ...initializers.keys()]);
    this.#maker = new NodeMaker(graph);
    this.#apart = new Apart(this.#maker, graph, block, {
      shapeOf: (name) => (this.#infos.get(name)?.dtype === 'float32' ? this.#static(name) : null),
      makerOf: (name) => this.#makers.get(name),
      onlyReader: (name, op) => this.#onlyReader(name, op),
      residentOf: (name) => (this.#resident.has(name) ? this.#blocked.get(name) : undefined),
      inBlocks: (name) => this.#input(name),
    });
    for (const node of nodes) {
      for (const name of node.outputs) this.#makers.set(name, node);
      for (const name of namesRead(node)) {
        const readers = this.#readers.get(name);
        if (readers) readers.push(node);
        else this.#readers.set(name, [node]);
      }
    }
    for (const gradient of graph.gradients?.values() ?? [])
      if (this.#hasPool(gradient)) this.#pooled.add(gradient.image);
  }

  /** The graph with its convolutions blocked; null where there are none to block. */
  graph(): Graph | null {
    const isCut = (node: Node): boolean => this.#cutOf(node) !== null;
    const nodes = early(this.#ordered(), this.#there, isCut).flatMap((node) => {
      const made = this.#gradient(node) ?? this.#nodesFor(node);
      for (const output of node.outputs) if (!this.#apart.waits(output)) this.#there.add(output);
      return made;
    });
    if (this.#blocked.size === 0 && !this.#replaced) return null;
    const initializers = new Map([...this.#graph.initializers, ...this.#maker.constants]);
    // Of values that only others in blocks take, nobody reads the plain form.
    return prune({ ...this.#graph, nodes, initializers });
  }

  /**
   * The nodes, a convolution in blocks that is added to a value which is made after it right before that sum: it then can
   * make the sum.
   */
  #ordered(): readonly Node[] {
    const { nodes } = this.#graph;
    const makers = new Map(
      nodes.flatMap((node, i) => node.outputs.map((name) => [name, { node, i }] as const)),
    );
    const late = new Map<Node, Node>();
    nodes.forEach((node, i) => {
      const [y = ''] = node.outputs;
      const add = this.#onlyReader(y, 'Add');
      const other = makers.get(add?.inputs.find((name) => name !== y) ?? '');
      // Of two in blocks the second adds to the first.
      if (add && other && other.i > i && this.#form(node) && !this.#form(other.node))
        late.set(add, node);
    });
    const moved = new Set(late.values());
    return nodes.flatMap((node) => {
      const before = late.get(node);
      return moved.has(node) ? [] : before ? [before, node] : [node];
    });
  }

  /** A gradient that the graph notes, in blocks; null where the node makes none, or none that has that form. */
  #gradient({ outputs: [made = ''] }: Node): Node[] | null {
    const gradient = this.#graph.gradients?.get(made);
    const [sizes, shape] = [gradient && this.#sizes(gradient), this.#static(made)];
    if (!gradient || !sizes || !shape) return null;
    if (![gradient.image, gradient.windows].every((name) => this.#there.has(name))) return null;
    const nodes =
      gradient.of === 'weights'
        ? this.#weightGradient(made, gradient, sizes, shape)
        : this.#poolGradient(made, gradient, sizes, shape);
    if (nodes) this.#replaced = true;
    return nodes;
  }

  /** Dimensions of what a gradient is made of, where all are known. */
  #sizes({ image, windows, kernel }: WeightGradient | PoolGradient): GradientSizes | null {
    const [x, dy] = [this.#static(image), this.#static(windows)];
    return x && dy ? ({ image: x, windows: dy, kernel } as unknown as GradientSizes) : null;
  }

  #weightGradient(
    dw: string,
    gradient: WeightGradient,
    sizes: GradientSizes,
    shape: readonly number[],
  ): Node[] | null {
    const found = this.#weightNumbers(dw, gradient, sizes);
    return found && [...found[0], this.#maker.reshape(found[1], shape, dw)];
  }

  #hasPool(gradient: WeightGradient | PoolGradient): boolean {
    const sizes = this.#sizes(gradient);
    if (gradient.of !== 'max-pool' || !sizes) return false;
    const isFloat = this.#infos.get(gradient.image)?.dtype === 'float32';
    return isFloat && hasBlockedPool(sizes, gradient, this.#block);
  }

  #poolGradient(
    dx: string,
    gradient: PoolGradient,
    sizes: GradientSizes,
    shape: readonly number[],
  ): Node[] | null {
    if (!this.#hasPool(gradient)) return null;
    const [image, x] = this.#input(gradient.image);
    const [windows, dy] = this.#input(gradient.windows);
    const operands = { x, dy, block: this.#block };
    const pool = blockedPoolGradient(this.#maker, dx, sizes, operands);
    this.#pooledBack.set(dx, { ...pool, dims: sizes.image, windows: gradient.windows });
    const plain = this.#maker.name(`${dx}/plain`);
    return [
      ...[...image, ...windows, ...pool.nodes],
      this.#plain(pool.dx, plain, sizes.image[1]),
      this.#maker.reshape(plain, shape, dx),
    ];
  }

  /** The gradient of a max-pool in its own shape: what takes it goes on in blocks. */
  #imageGradient({ op, domain, inputs: [flat = ''], outputs: [dx = ''] }: Node): void {
    const known = this.#pooledBack.get(flat);
    if (!known || op !== 'Reshape' || domain !== '' || !sameDims(this.#static(dx), known.dims))
      return;
    this.#blocked.set(dx, known.dx);
    this.#resident.add(dx);
    this.#pooledBack.set(dx, known);
  }

  #weightNumbers(
    dw: string,
    gradient: WeightGradient,
    sizes: GradientSizes,
  ): [Node[], string] | null {
    const [maker, block] = [this.#maker, this.#block];
    const [image, windows] = [gradient.image, gradient.windows].map((name) =>
      this.#resident.has(name) ? this.#blocked.get(name) : undefined,
    );
    if (image !== undefined && windows !== undefined && hasColumns(sizes, gradient, block))
      return columnsGradient(maker, dw, gradient, sizes, { image, windows }, block);
    const pool = this.#pooledBack.get(gradient.windows);
    if (pool && hasPatches(sizes, gradient))
      return patchesGradient(maker, dw, gradient, sizes, pool.columns);
    if (windows !== undefined && hasFirst(sizes, gradient, block))
      return firstGradient(maker, dw, gradient, sizes, windows, block);
    if (hasBlockedGradient(sizes, gradient, block))
      return blockedGradient(maker, dw, gradient, sizes, block);
    if (!hasCopies(sizes, gradient, block)) return null;
    // The convolution and its gradient by the image take both in blocks as well.
    const [[images, own], [dys, dy]] = [this.#input(gradient.image), this.#input(gradient.windows)];
    const sides = { image: own, windows: dy };
    const [nodes, numbers] = copiesGradient(maker, dw, gradient, sizes, sides, block);
    return [[...images, ...dys, ...nodes], numbers];
  }

  #nodesFor(node: Node): Node[] {
    if (this.#taken.has(node)) return [];
    const [x = ''] = node.inputs;
    if (isPool(node) && (this.#blocked.has(x) || this.#pooled.has(x))) return this.#pool(node);
    this.#imageGradient(node);
    const found = this.#form(node);
    if (found) return this.#convolution(node, ...found);
    return (
      this.#sum(node) ??
      this.#byChannel(node) ??
      this.#cut(node) ??
      this.#strided(node) ??
      this.#elementwise(node) ?? [node]
    );
  }

  /** Dimensions of a convolution's weights and its form in blocks; null where it has none. */
  #form(node: Node): [readonly number[], BlockedForm] | null {
    const [x = '', y = ''] = [node.inputs[0], node.outputs[0]];
    const own = this.#ownForm(node);
    // One tap saves nothing by itself; but a pool in blocks would lay its result out, as another convolution its image.
    if (own || !this.#pooled.has(y)) return own;
    const isShared = this.#readers.get(x)?.some((each) => each !== node && this.#ownForm(each));
    return isShared ? this.#ownForm(node, 1) : null;
  }

  /** The same by itself. @param fewestTaps as `blockedForm` takes them */
  #ownForm(node: Node, fewestTaps = 2): [readonly number[], BlockedForm] | null {
    const w = this.#dims(node);
    const group = integer(node.attributes['group'], 1);
    const shape = this.#infos.get(node.outputs[0] ?? '')?.shape ?? null;
    const form = w && blockedForm(w, shape, group, this.#block, fewestTaps);
    return form ? [w, form] : null;
  }

  /** Every so-manieth position, or whole blocks of channels, of what is in blocks. */
  #cut(node: Node): Node[] | null {
    const [[x = ''], [y = '']] = [node.inputs, node.outputs];
    const [cut, source, dims] = [this.#cutOf(node), this.#blocked.get(x), this.#static(x)];
    const channels = this.#static(y)?.[1];
    if (!cut || !dims || !channels || source === undefined || !this.#resident.has(x)) return null;
    const blocked = this.#made(y);
    const nodes = cutNodes(this.#maker, cut, source, dims, blocked);
    return [...nodes, this.#plain(blocked, y, channels)];
  }

  /** What strides leave apart, put together where something reads it whole. */
  #strided(node: Node): Node[] | null {
    const found = this.#apart.nodesFor(node);
    if (!found) return null;
    const whole = found.whole.flatMap(([y, nodesOf]) => {
      const blocked = this.#made(y);
      return [...nodesOf(blocked), this.#plain(blocked, y, this.#static(y)?.[1] ?? 1)];
    });
    return [...found.nodes, ...whole, ...(found.done ? [] : (this.#elementwise(node) ?? [node]))];
  }

  /** Sums over batch and positions of what is in blocks. */
  #sum(node: Node): Node[] | null {
    const sum = channelSum(node, this.#graph);
    const given = sum?.x ?? '';
    // A pool's gradient has the same sum as the one by its windows.
    const x = (sum?.op === 'ReduceSum' ? this.#pooledBack.get(given)?.windows : null) ?? given;
    const [source, dims, shape] = [
      this.#blocked.get(x),
      this.#static(x),
      this.#static(sum?.y ?? ''),
    ];
    if (!sum || source === undefined || !this.#resident.has(given) || !dims || !shape) return null;
    const factors = this.#factors(x);
    return factors
      ? productSumToChannels(this.#maker, sum, factors, dims, shape)
      : sumToChannels(this.#maker, sum, source, dims, shape);
  }

  /** The blocked form of both factors of a product that nothing but its sum needs. */
  #factors(x: string): readonly [string, string] | null {
    const product = this.#makers.get(x);
    const alone = this.#readers.get(x)?.length === 1 && !this.#isOutput(x);
    if (product?.op !== 'Mul' || product.domain !== '' || !alone) return null;
    const [left, right] = product.inputs.map((name) => this.#blocked.get(name));
    const whole = product.inputs.every((name) => sameDims(this.#static(name), this.#static(x)));
    return whole && left !== undefined && right !== undefined ? [left, right] : null;
  }

  /** A number for each channel, multiplied and added to what is in blocks. */
  #byChannel(node: Node): Node[] | null {
    const found = byChannel(this.#maker, node, this.#graph, (name) => this.#static(name));
    const [y = '', source] = [node.outputs[0], this.#blocked.get(found?.x ?? '')];
    const channels = this.#static(y)?.[1];
    if (!found || !channels || source === undefined || !this.#resident.has(found.x)) return null;
    const { result, sum, relu, nodes } = this.#ending(y);
    const blocked = this.#made(result);
    const made = [
      ...nodes,
      ...found.nodes,
      ...scaled(this.#maker, found, source, channels, sum, blocked).map(relu),
    ];
    return [...made, this.#plain(blocked, result, channels)];
  }

  /** Element-wise work on what is in blocks; what is not yet, is laid out for it. */
  #elementwise(node: Node): Node[] | null {
    const [y = ''] = node.outputs;
    const dims = this.#static(y);
    if (!isElementwise(node) || dims?.length !== 4 || !this.#fills(dims)) return null;
    const whole = new Set(node.inputs.filter((name) => sameDims(this.#static(name), dims)));
    const rest = node.inputs.filter((name) => !whole.has(name));
    const resident = [...whole].filter((name) => this.#resident.has(name));
    if (!rest.every((name) => this.#static(name)?.length === 0)) return null;
    // Beside a plain value, what is as cheap in its plain form is taken so.
    const mixed = resident.length < whole.size;
    if (resident.every((name) => mixed && this.#either.has(name))) return null;
    const laidOut = new Map([...whole].map((name) => [name, this.#input(name)] as const));
    const blocked = this.#made(y);
    const inputs = node.inputs.map((name) => laidOut.get(name)?.[1] ?? name);
    // Of one value alone the plain form is made of its plain form: whoever needs it may need that as well.
    const alone = whole.size === 1;
    if (alone) this.#either.add(y);
    return [
      ...[...laidOut.values()].flatMap(([nodes]) => nodes),
      { ...node, name: `${blocked}/${node.op}`, inputs, outputs: [blocked] },
      alone ? node : this.#plain(blocked, y, dims[1] ?? 1),
    ];
  }

  /** Whether channels of these dimensions fill blocks, and there are numbers at all. */
  #fills(dims: readonly number[]): boolean {
    return (dims[1] ?? 1) % this.#block === 0 && sizeOf(dims) > 0;
  }

  /** Dimensions of a value, where all are known. */
  #static(name: string): readonly number[] | null {
    const shape = this.#infos.get(name)?.shape ?? this.#graph.initializers.get(name)?.dims;
    return shape && isStatic(shape) ? shape : null;
  }

  /** A name for `value` in blocks, in which form it is made. */
  #made(value: string): string {
    const blocked = this.#maker.name(`${value}/blocked`);
    this.#blocked.set(value, blocked);
    this.#resident.add(value);
    return blocked;
  }

  /** A pool of what is in blocks, or will be for its gradient. */
  #pool(node: Node): Node[] {
    const [x = '', y = ''] = [node.inputs[0], node.outputs[0]];
    const channels = this.#infos.get(y)?.shape?.[1];
    if (typeof channels !== 'number' || channels % this.#block !== 0) return [node];
    const [laidOut, source] = this.#input(x);
    const blocked = this.#made(y);
    return [
      ...laidOut,
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
    const [laidOut, ordered] = form === 'image' ? [[], x] : this.#input(x);
    const [weights, kernel] = blockedKernel(this.#maker, w, dims, form, this.#block);
    const { result, sum, relu, nodes } = this.#ending(y);
    const blocked = this.#made(result);
    const inputs = [ordered, kernel, ...(bias || sum ? [bias ?? ''] : []), ...(sum ? [sum] : [])];
    return [
      ...laidOut,
      ...weights,
      ...nodes,
      relu(this.#maker.node('Conv', inputs, blocked, node.attributes)),
      this.#plain(blocked, result, dims[0] ?? 1),
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
   * What a convolution that makes `y` can make at once: the sum of it and another value that is there already, where that
   * alone reads it, and then the Relu that alone reads that. `nodes` lay the other out in blocks, as the sum by itself would,
   * and `relu` gives a Conv node its activation.
   */
  #ending(y: string): {
    result: string;
    sum: string | null;
    nodes: readonly Node[];
    relu: (node: Node) => Node;
  } {
    const add = this.#onlyReader(y, 'Add');
    const other = add?.inputs.find((name) => name !== y) ?? '';
    const isSum = this.#there.has(other) && sameDims(this.#static(other), this.#static(y));
    const [nodes, sum] = isSum ? this.#input(other) : [[], null];
    if (add && sum) this.#taken.add(add);
    const summed = sum ? (add?.outputs[0] ?? '') : y;
    const relu = this.#onlyReader(summed, 'Relu');
    if (relu) this.#taken.add(relu);
    const activation: Attributes = { activation: { type: 'string', value: 'Relu' } };
    return {
      result: relu?.outputs[0] ?? summed,
      sum,
      nodes,
      relu: (node) =>
        relu && node.op === 'Conv'
          ? { ...node, attributes: { ...node.attributes, ...activation } }
          : node,
    };
  }

  /** The node of the operator `op` that alone reads `y`. */
  #onlyReader(y: string, op: string): Node | null {
    const [reader, ...others] = this.#readers.get(y) ?? [];
    if (reader?.op !== op || reader.domain !== '' || others.length > 0 || this.#isOutput(y))
      return null;
    return reader;
  }

  #isOutput(name: string): boolean {
    return this.#graph.outputs.some((output) => output.name === name);
  }
}

/** The gradient by the image of a max-pool, of these dimensions, and the one by its windows. */
interface PooledBack extends BlockedPool {
  readonly dims: readonly number[];
  readonly windows: string;
}

const integer = (attribute: Attribute | undefined, absent: number): number =>
  attribute?.type === 'int' ? attribute.value : absent;

/** A MaxPool without indices, whose padding is written out. */
function isPool({ op, domain, outputs, attributes }: Node): boolean {
  const padded = attributes['auto_pad'];
  const stated = padded?.type !== 'string' || padded.value === 'NOTSET';
  return op === 'MaxPool' && domain === '' && outputs.filter(Boolean).length === 1 && stated;
}
