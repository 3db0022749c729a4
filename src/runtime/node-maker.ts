/** Nodes, names and lists that a pass over a finished graph adds to it. */
import type { Attribute, Attributes, Graph, Node } from '../graph/graph.js';
import { namesIn } from '../graph/order.js';
import { scalar, type Tensor, tensor } from '../tensor/tensor.js';

/** ONNX Runtime's domain of operators on blocked values. */
export const blockedDomain = 'com.microsoft.nchwc';

/** Gives names that a graph does not use, and keeps the lists that new nodes take. */
export class NodeMaker {
  /** What is to be added to the graph's initializers. */
  readonly constants = new Map<string, Tensor>();
  readonly #names: Set<string>;

  constructor({ nodes, inputs, outputs, values, initializers }: Graph) {
    const stated = [...inputs, ...outputs].map(({ name }) => name);
    this.#names = new Set([...namesIn(nodes), ...stated, ...values.keys(), ...initializers.keys()]);
  }

  /** A node of ONNX Runtime's blocked layout, or of another domain, that makes `output`. */
  node(
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: Attributes = {},
    domain = blockedDomain,
  ): Node {
    return { name: `${output}/${op}`, op, domain, inputs, outputs: [output], attributes };
  }

  /** `x` in other dimensions. */
  reshape(x: string, dims: readonly number[], output: string): Node {
    return this.node('Reshape', [x, this.list(`${x}/dims`, dims)], output, {}, '');
  }

  /** A list of whole numbers, as Reshape takes one. */
  list(wanted: string, numbers: readonly number[]): string {
    return this.constant(wanted, tensor('int64', [numbers.length], numbers));
  }

  /** One number, float32. */
  number(wanted: string, value: number): string {
    return this.constant(wanted, scalar('float32', value));
  }

  /** An initializer. */
  constant(wanted: string, data: Tensor): string {
    const name = this.name(wanted);
    this.constants.set(name, data);
    return name;
  }

  /** `wanted`, or the first of `wanted 2`, `wanted 3`… that the graph does not use. */
  name(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.#names.has(name); i++) name = `${wanted} ${i}`;
    this.#names.add(name);
    return name;
  }
}

export const int = (value: number): Attribute => ({ type: 'int', value });
export const ints = (value: readonly number[]): Attribute => ({ type: 'ints', value });
