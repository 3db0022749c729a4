/** The walk from a classifier to its dense network, node by node, and what the rules of the operators work with. */
import { ModelError } from '../errors.js';
import { attributesOf } from '../graph/builder.js';
import type { Attribute, Node, Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { isStatic } from '../tensor/shape.js';
import { type Tensor, toNumbers } from '../tensor/tensor.js';
import { isMap, type Layout } from './layout.js';

/** What becomes of the global pools: a window of the size that the map has, or nothing. */
export type Pooling = 'window' | 'none';

/** Why a node cannot be converted: the sentence behind its name. */
export class Refusal extends ModelError {}

/** Adds what a node becomes, and states the layouts of its outputs. @throws Refusal */
export type Rule = (node: Node, conversion: Conversion) => void;

export class Conversion {
  readonly layouts = new Map<string, Layout>();
  readonly problems: string[] = [];
  /** The map that the first layer over all of it reads: the last one that convolutions alone made. */
  features: string | null = null;
  /** Whether a pool over the whole map was left out. */
  hasDropped = false;
  /** Values that hold sizes of the classifier which the dense network has not. */
  readonly #staleSizes = new Set<string>();
  readonly #sizes = new Set<string>();
  /** Initializers and computed constants as the classifier has them, by name. */
  readonly #constants = new Map<string, Value>();

  constructor(
    /** The classifier, every size known. */
    readonly from: Builder,
    /** The dense network so far. */
    readonly to: Builder,
    readonly pooling: Pooling,
    readonly rules: Readonly<Record<string, Rule>>,
  ) {}

  /** Converts all nodes. Those that cannot be converted are named in `problems`. */
  walk(): void {
    for (const node of this.from.nodes) {
      if (node.inputs.some((name) => this.layouts.has(name))) this.#convert(node);
      else this.#copy(node);
    }
  }

  /** The layout of the i-th input. @throws Refusal where that does not depend on the image. */
  layout(node: Node, i = 0): Layout {
    const layout = this.layouts.get(node.inputs[i] ?? '');
    if (layout) return layout;
    throw new Refusal(`its input "${node.inputs[i] ?? ''}" does not depend on the image`);
  }

  attributes(node: Node): Record<string, unknown> {
    return attributesOf(this.from.table, node);
  }

  /** Shape of a value of the classifier. */
  shape(name: string): readonly number[] {
    const { shape } = this.from.value(name);
    if (isStatic(shape)) return shape;
    throw new Refusal(`the size of "${name}" is only known when it runs`);
  }

  /** Data of the i-th input. @throws Refusal where they are computed as the network runs. */
  known(node: Node, i: number): Tensor {
    const name = node.inputs[i] ?? '';
    const data = this.layouts.has(name) ? null : this.from.known(name);
    if (data) return data;
    throw new Refusal(`its input "${name}" is computed, where constants are wanted`);
  }

  /** Numbers of the i-th input; undefined where it has none. @throws Refusal as `known`. */
  numbers(node: Node, i: number): number[] | undefined {
    return node.inputs[i] ? toNumbers(this.known(node, i)) : undefined;
  }

  /**
   * A constant of the classifier in another form, under its own name where that is free.
   * @param form tells the forms of one constant apart
   */
  constant(name: string, form: string, data: () => Tensor): Value {
    const key = `${name}\n${form}`;
    const made = this.#constants.get(key);
    if (made) return made;
    const isFree = !this.to.values.has(name);
    const value = this.to.initializer(isFree ? name : this.to.fresh(`${name}/dense`), data());
    this.#constants.set(key, value);
    return value;
  }

  /** A value of the classifier that does not depend on the image, as it is. @throws Refusal for stale sizes. */
  plain(name: string): Value {
    if (this.#staleSizes.has(name))
      throw new Refusal(`it reads sizes ("${name}") that change with the image's`);
    const data = this.from.initializers.get(name);
    return data ? this.constant(name, '', () => data) : this.to.value(name);
  }

  /** Whether a value holds sizes of maps, computed as the dense network runs. */
  isSize(name: string): boolean {
    return this.#sizes.has(name);
  }

  /** Notes that a layer takes in the whole map. */
  takesWhole({ value, map: [, height, width] }: Layout): void {
    if (height * width > 1) this.features ??= value?.name ?? null;
  }

  /** Adds a node under its own names; nothing behind a node that was not converted. */
  add(
    node: Node,
    change: {
      /** Null behind a node that was not converted, undefined for an optional input that is absent. */
      readonly inputs?: readonly (Value | null | undefined)[];
      readonly attributes?: Attributes;
    } = {},
  ): (Value | null)[] {
    const inputs = change.inputs ?? node.inputs.map((name) => this.#input(name));
    if (inputs.includes(null)) return node.outputs.map(() => null);
    const names = inputs.map((value) => value?.name ?? '');
    const attributes = { ...node.attributes, ...change.attributes };
    const given = Object.entries(attributes).filter(([, each]) => each !== null);
    return this.to.add({
      ...node,
      inputs: names,
      attributes: Object.fromEntries(given) as Record<string, Attribute>,
    });
  }

  /** States the layout of an output; of the form that the classifier's value has unless given. */
  give(node: Node, value: Value | null, map: Layout['map'], given: Partial<Layout> = {}): void {
    const [name = ''] = node.outputs;
    const like = this.layouts.get(node.inputs[0] ?? '');
    this.layouts.set(name, {
      value,
      map,
      order: like?.order ?? 'chw',
      shape: this.shape(name),
      isTurned: like?.isTurned ?? false,
      pooledBy: like?.pooledBy ?? null,
      ...given,
    });
  }

  #input(name: string): Value | null | undefined {
    if (name === '') return undefined;
    const layout = this.layouts.get(name);
    return layout ? layout.value : this.plain(name);
  }

  #convert(node: Node): void {
    try {
      const rule = Object.hasOwn(this.rules, node.op) ? this.rules[node.op] : undefined;
      if (node.op === 'Shape' || node.op === 'Size') this.#size(node);
      else if (rule && (node.domain === '' || node.domain === 'ai.onnx')) rule(node, this);
      else throw new Refusal('there is no form of it that slides over an image');
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      const name = node.name || node.outputs[0] || '';
      this.problems.push(
        error instanceof Refusal ? `${node.op} at node "${name}": ${error.message}` : error.message,
      );
      for (const output of node.outputs) this.#guess(output);
    }
  }

  /** So that the nodes behind one that cannot be converted are looked at too. */
  #guess(name: string): void {
    const shape = this.from.values.get(name)?.shape ?? [];
    if (name === '' || !isStatic(shape)) return;
    const [, channels = 1, height = 1, width = 1] = shape;
    const map = [channels, height, width] as const;
    const rest = { order: 'chw', isTurned: false, pooledBy: null } as const;
    this.layouts.set(name, { value: null, map, shape, ...rest });
  }

  #size(node: Node): void {
    const layout = this.layout(node);
    const [output = ''] = node.outputs;
    if (isMap(layout) && layout.value) {
      this.add(node, { inputs: [layout.value] });
      this.#sizes.add(output);
    } else this.#staleSizes.add(output);
  }

  #copy(node: Node): void {
    if (node.inputs.some((name) => this.#staleSizes.has(name)))
      for (const output of node.outputs) this.#staleSizes.add(output);
    else {
      if (node.inputs.some((name) => this.#sizes.has(name)))
        for (const output of node.outputs) this.#sizes.add(output);
      this.add(node);
    }
  }
}

/** Attributes to change; null drops one. */
export type Attributes = Readonly<Record<string, Attribute | null>>;

export const int = (value: number): Attribute => ({ type: 'int', value });
export const ints = (value: readonly number[]): Attribute => ({ type: 'ints', value });
