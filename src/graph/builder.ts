/** Builds a graph node by node, with dtype and shape inferred at once, so that a mistake shows where it is made. */
import { ModelError, OperatorError } from '../errors.js';
import type { DType } from '../tensor/dtype.js';
import { formatShape, type Shape } from '../tensor/shape.js';
import { hasDType, scalar, type Tensor, tensor } from '../tensor/tensor.js';
import {
  defaultOpset,
  type Graph,
  type Node,
  type PoolGradient,
  type TensorType,
  type Value,
  type ValueInfo,
  type WeightGradient,
} from './graph.js';
import { checkedType, inferNode, statedType } from './infer.js';
import {
  fewestOutputs,
  type OpTable,
  resolveAttributes,
  rulesOf,
  tagAttributes,
} from './op-rules.js';
import { inOrder } from './order.js';

/** A value of the graph, a number (a scalar of the neighbours' dtype) or a list (a 1-D int64 constant). */
export type Operand = Value | number | readonly number[];

/**
 * A graph input that the training loop fills with random numbers, the same for the same (seed, step, name).
 * `normal` has mean 0 and standard deviation `scale`; `bernoulli` is 1 with probability `scale`, else 0.
 * With `quiet`, the last so many entries of axis 1 are 0: examples that go without noise.
 */
export interface Stochastic {
  readonly value: Value;
  readonly distribution: 'normal' | 'uniform' | 'bernoulli';
  readonly scale: number;
  readonly quiet: number;
}

const isValue = (operand: Operand | null | undefined): operand is Value =>
  typeof operand === 'object' && operand !== null && 'name' in operand;

/** Graphs in graphs: a body may be inferred twice, and each inside it twice as often. */
const deepest = 12;

export class GraphBuilder {
  readonly table: OpTable;
  readonly nodes: Node[] = [];
  readonly values = new Map<string, Value>();
  readonly initializers = new Map<string, Tensor>();
  /** Trainable values with their initial data: initializers of a finished model, inputs of a training step. */
  readonly parameters = new Map<string, Tensor>();
  readonly stochastic: Stochastic[] = [];
  /** What `Graph.gradients` is to hold. */
  readonly gradients = new Map<string, WeightGradient | PoolGradient>();
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #producers = new Map<string, Node>();
  readonly #constants = new Map<string, Value>();
  /** Values that shape arithmetic made known; kept out of `initializers` so that the graph stays as written. */
  readonly #folded = new Map<string, Tensor>();
  /** Those that hold dimensions of which some have only names. */
  readonly #symbolic = new Map<string, Tensor<'string'>>();
  readonly #counters = new Map<string, number>();
  readonly #nodeNames = new Set<string>();
  readonly #reserved = new Set<string>();
  #prefix = '';
  #opset: number;

  /** The graph around this one, whose values can be read too. */
  readonly #around: GraphBuilder | null;
  readonly #depth: number;

  constructor(table: OpTable, opset = defaultOpset, around: GraphBuilder | null = null) {
    this.table = table;
    this.#opset = opset;
    this.#around = around;
    this.#depth = around ? around.#depth + 1 : 0;
  }

  /** The operator set that the graph is written for: it rises with the first operator that is newer. */
  get opset(): number {
    return this.#opset;
  }

  /** Declares a graph input. @throws ModelError where the name is taken. */
  input(name: string, dtype: DType, shape: Shape): Value {
    const value = this.#declare({ name, dtype, shape });
    this.#inputs.push(value);
    return value;
  }

  /** Adds a named initializer: a weight, or a constant that deserves a name. */
  initializer(name: string, data: Tensor): Value {
    const value = this.#declare({ name, dtype: data.dtype, shape: data.dims });
    this.initializers.set(name, data);
    return value;
  }

  /** Adds a trainable value with its initial data. */
  parameter(name: string, initial: Tensor): Value {
    const value = this.#declare({ name, dtype: initial.dtype, shape: initial.dims });
    this.parameters.set(name, initial);
    return value;
  }

  /** Declares an input of random numbers; see `Stochastic`. float32 of the given shape. */
  random(
    name: string,
    shape: readonly number[],
    distribution: Stochastic['distribution'],
    scale = 1,
    quiet = 0,
  ): Value {
    const value = this.input(name, 'float32', shape);
    this.stochastic.push({ value, distribution, scale, quiet });
    return value;
  }

  /** A constant; equal scalars and equal int64 lists are shared. */
  constant(data: Tensor): Value {
    const small = data.data.length <= 16;
    const key = small
      ? `${data.dtype}${formatShape(data.dims)}${Array.from(data.data, String)}`
      : '';
    const known = small ? this.#constants.get(key) : undefined;
    if (known) return known;
    const value = this.initializer(this.fresh('const'), data);
    if (small) this.#constants.set(key, value);
    return value;
  }

  /** Marks a value as a graph output, under another name if given. */
  output(value: Value, name?: string): Value {
    const out =
      name === undefined || name === value.name
        ? value
        : this.node('Identity', [value], {}, { outputs: [name] })[0];
    if (!out) throw new ModelError(`output ${name}: Identity gave no value`);
    this.#outputs.push(out);
    return out;
  }

  get inputs(): readonly Value[] {
    return this.#inputs;
  }

  get outputs(): readonly Value[] {
    return this.#outputs;
  }

  /** Names of nodes and values made inside `body` start with `prefix`. */
  within<T>(prefix: string, body: () => T): T {
    const outer = this.#prefix;
    this.#prefix = `${outer}${prefix}/`;
    try {
      return body();
    } finally {
      this.#prefix = outer;
    }
  }

  /** A value by name. @throws ModelError where there is none. */
  value(name: string): Value {
    const value = this.values.get(name) ?? this.#around?.value(name);
    if (!value) throw new ModelError(`unknown value "${name}"`, { actual: name });
    return value;
  }

  producer(value: Value): Node | undefined {
    return this.#producers.get(value.name);
  }

  /** The value's data where it is known before the graph runs. */
  known(name: string): Tensor | null {
    const own = this.initializers.get(name) ?? this.#folded.get(name);
    // A value of this graph may be called as one around it.
    return own ?? (this.values.has(name) ? null : (this.#around?.known(name) ?? null));
  }

  /** The value's data where they are dimensions of which some have only names: `['batch', '3']` for an int64 [2]. */
  symbolic(name: string): Tensor<'string'> | null {
    const own = this.#symbolic.get(name);
    return own ?? (this.values.has(name) ? null : (this.#around?.symbolic(name) ?? null));
  }

  /** Keeps `fresh` from giving these names: those of nodes and values that are still to be added. */
  reserve(names: Iterable<string>): void {
    for (const name of names) this.#reserved.add(name);
  }

  /** A name that nothing in the graph has yet. */
  fresh(stem: string): string {
    const base = `${this.#prefix}${stem}`;
    for (;;) {
      const count = this.#counters.get(base) ?? 0;
      this.#counters.set(base, count + 1);
      const name = count === 0 ? base : `${base}_${count}`;
      const taken = this.values.has(name) || this.#nodeNames.has(name) || this.#reserved.has(name);
      if (!taken) return name;
    }
  }

  /**
   * Adds one node of any operator of the table. Numbers and lists among the inputs become constants. `count`
   * asks for more outputs than the operator must have.
   * @returns one value for each output.
   * @throws OperatorError, ShapeError, ModelError naming the node.
   */
  node(
    op: string,
    inputs: readonly (Operand | null | undefined)[],
    attributes: Readonly<Record<string, unknown>> = {},
    options: { readonly outputs?: readonly string[]; readonly count?: number } = {},
  ): Value[] {
    const rules = rulesOf(this.table, op);
    if (!rules) throw new OperatorError(`unknown operator ${op}`, { op });
    const names = this.#operands(op, inputs);
    const count = options.count ?? fewestOutputs(rules);
    const stem = this.fresh(op);
    const outputs =
      options.outputs ??
      Array.from({ length: count }, (_, i) => (i === 0 ? stem : this.fresh(`${op}_out${i}`)));
    return this.add({
      name: stem,
      op,
      domain: '',
      inputs: names,
      outputs,
      attributes: tagAttributes(op, rules, attributes),
    });
  }

  /**
   * Adds a node as it stands, for example one read from a file.
   * @param stated what the file says of values: for operators that are not in the table
   */
  add(node: Node, stated?: ReadonlyMap<string, ValueInfo>): Value[] {
    const name = node.name || node.outputs[0] || '';
    const rules =
      node.domain === '' || node.domain === 'ai.onnx' ? rulesOf(this.table, node.op) : undefined;
    this.#opset = Math.max(this.#opset, rules?.since ?? 0);
    const inferred = rules ? inferNode(node, rules, this, this.opset) : null;
    const types = inferred?.types ?? node.outputs.map((output) => statedType(node, output, stated));
    const { folded } = inferred ?? {};
    const isSymbolic = folded && hasDType(folded, 'string') && types[0]?.dtype === 'int64';
    if (isSymbolic) this.#symbolic.set(node.outputs[0] ?? '', folded);
    else if (folded) this.#folded.set(node.outputs[0] ?? '', folded);
    const made = node.outputs.map((output, i): Value => {
      const type = types[i];
      if (!type) throw new OperatorError(`${node.op} at node "${name}": has no output ${i}`);
      const value = { name: output, dtype: type.dtype, shape: type.shape };
      return output === '' ? value : this.#declare(value);
    });
    const added = this.#named(node, name);
    this.nodes.push(added);
    for (const output of node.outputs) this.#producers.set(output, added);
    return made;
  }

  /**
   * Types of the outputs of a graph inside a node of this one (a branch of If, the body of Loop or Scan), for inputs
   * of the types given. It may read the values of this graph.
   * @throws ModelError where an input has no type or graphs lie too deep in one another; what `add` throws.
   */
  inner(graph: Graph, inputs: readonly TensorType[]): readonly TensorType[] {
    const body = new GraphBuilder(this.table, this.#opset, this);
    if (body.#depth > deepest)
      throw new ModelError(`graph "${graph.name}" lies in ${deepest} others: no more are read`, {
        expected: deepest,
        actual: body.#depth,
      });
    for (const [name, data] of graph.initializers) body.initializer(name, data);
    graph.inputs.forEach(({ name }, i) => {
      const type = inputs[i];
      if (!type) throw new ModelError(`graph "${graph.name}": no value for its input "${name}"`);
      body.input(name, type.dtype, type.shape);
    });
    const stated = new Map([
      ...graph.values,
      ...graph.outputs.map((out) => [out.name, out] as const),
    ]);
    for (const node of inOrder(graph.nodes)) body.add(node, stated);
    this.#opset = Math.max(this.#opset, body.opset);
    return graph.outputs.map(({ name }) => body.value(name));
  }

  /** The graph as built so far, its parameters as initializers, or as inputs for a training step. */
  build(name = 'espalier', parameters: 'initializers' | 'inputs' = 'initializers'): Graph {
    const trained = [...this.parameters.keys()].map((key) => this.value(key));
    return {
      name,
      inputs: parameters === 'inputs' ? [...this.#inputs, ...trained] : [...this.#inputs],
      outputs: [...this.#outputs],
      nodes: [...this.nodes],
      initializers:
        parameters === 'inputs'
          ? new Map(this.initializers)
          : new Map([...this.parameters, ...this.initializers]),
      values: new Map([...this.values].filter(([key]) => this.#producers.has(key))),
      ...(this.#opset > defaultOpset && { opset: this.#opset }),
      ...(this.gradients.size > 0 && { gradients: new Map(this.gradients) }),
    };
  }

  #declare(stated: Value): Value {
    const value = { name: stated.name, ...checkedType(stated, stated.name) };
    if (this.values.has(value.name))
      throw new ModelError(`duplicate value name "${value.name}"`, { actual: value.name });
    this.values.set(value.name, value);
    return value;
  }

  /** The node under a name that no other node has, as runtimes demand. */
  #named(node: Node, wanted: string): Node {
    const name = this.#nodeNames.has(wanted) ? this.fresh(node.op) : wanted;
    this.#nodeNames.add(name);
    return name === node.name ? node : { ...node, name };
  }

  #operands(op: string, inputs: readonly (Operand | null | undefined)[]): string[] {
    // Where's condition says nothing about the numbers beside it.
    const values = inputs.filter(isValue);
    const dtype = (values.find(({ dtype }) => dtype !== 'bool') ?? values[0])?.dtype ?? 'float32';
    const names = inputs.map((operand) => {
      if (operand === null || operand === undefined) return '';
      if (typeof operand === 'number') return this.constant(scalar(dtype, operand)).name;
      if (!isValue(operand)) return this.constant(tensor('int64', [operand.length], operand)).name;
      if (this.values.get(operand.name) !== operand)
        throw new ModelError(`${op}: value "${operand.name}" belongs to another graph`, { op });
      return operand.name;
    });
    while (names.at(-1) === '') names.pop();
    return names;
  }
}

/** Attributes of a node as plain values with defaults, by the table. */
export function attributesOf(table: OpTable, node: Node): Record<string, unknown> {
  const rules = rulesOf(table, node.op);
  return rules ? resolveAttributes(node.op, rules, node.attributes, node.name) : {};
}
