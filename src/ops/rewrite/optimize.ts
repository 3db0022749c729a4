/**
 * Rewrites a graph into an equal one that makes fewer passes over memory: equal nodes merged, dead ones dropped,
 * algebra from `rules.ts` applied. Sums may be taken in another order, so results agree up to rounding.
 */
import { internal } from '../../errors.js';
import { attributesOf } from '../../graph/builder.js';
import { renamedGradients } from '../../graph/gradients.js';
import { defaultOpset, type Graph, type Node, type Value } from '../../graph/graph.js';
import { namesIn, namesRead, reading } from '../../graph/order.js';
import { formatShape, sameShape } from '../../tensor/shape.js';
import { type Builder, builder } from '../builder.js';
import { prune } from './prune.js';
import { type Rule, rules } from './rules.js';

/** Passes after which a graph that still changes is taken as it is. Graphs seen so far settle within four. */
const mostPasses = 12;

/** What a rewrite rule sees: one node, its inputs already rewritten. */
export interface RewriteContext {
  readonly b: Builder;
  readonly op: string;
  readonly x: readonly (Value | null)[];
  readonly attributes: Readonly<Record<string, unknown>>;
  /** dtype and shape that the replacement must have. */
  readonly y: Value;
  /** The node that makes `value`, if it is of operator `op` and nothing else uses it (or `shared` is allowed). */
  made(value: Value | null | undefined, op: string, shared?: boolean): Node | null;
  /** The value of a scalar constant, or null. */
  scalar(value: Value | null | undefined): number | null;
}

/**
 * Applies all rewrites until nothing changes. Inputs and outputs keep their names, dtypes and shapes.
 * @param opset that the graph is written for, 18 or later
 * @param weights initializers whose numbers may yet change: no rule may use them
 */
export function optimize(
  graph: Graph,
  opset = graph.opset ?? defaultOpset,
  weights: ReadonlySet<string> = new Set(),
): Graph {
  let current = prune(graph);
  for (let pass = 0; pass < mostPasses; pass++) {
    // Equal nodes are merged first: rules ask how often a value is used, and a double hides a use.
    const merged = prune(rebuild(current, opset, weights, {}).graph);
    const { graph: next, changes } = rebuild(merged, opset, weights, rules);
    current = prune(next);
    if (changes === 0) break;
  }
  return current;
}

/** Emits every node anew: the replacement that a rule gives, an equal node that is there already, or itself. */
function rebuild(
  graph: Graph,
  opset: number,
  weights: ReadonlySet<string>,
  offers: typeof rules,
): { graph: Graph; changes: number } {
  const b = builder(opset);
  b.reserve(namesIn(graph.nodes));
  for (const [name, data] of graph.initializers)
    if (weights.has(name)) b.parameter(name, data);
    else b.initializer(name, data);
  for (const { name, dtype, shape } of graph.inputs)
    if (dtype && shape && !b.values.has(name)) b.input(name, dtype, shape);
  const state = new Rebuild(b, graph);
  const stated = new Map([
    ...graph.values,
    ...graph.outputs.map((info) => [info.name, info] as const),
  ]);
  for (const node of graph.nodes) {
    const mapped = reading(node, (name) => state.now(name));
    if (!state.merge(node, mapped) && !state.replace(node, mapped, offers[node.op] ?? [], stated))
      state.keep(node, mapped, b.add(mapped, stated));
  }
  for (const { name } of graph.outputs) state.output(name);
  for (const [name, gradient] of renamedGradients(graph, (each) => state.now(each)))
    b.gradients.set(name, gradient);
  return { graph: { ...b.build(graph.name), kept: graph.kept }, changes: state.changes };
}

class Rebuild {
  readonly #b: Builder;
  readonly #renamed = new Map<string, string>();
  readonly #seen = new Map<string, readonly string[]>();
  readonly #uses = new Map<string, number>();
  readonly #outputs: ReadonlySet<string>;
  changes = 0;

  constructor(b: Builder, graph: Graph) {
    this.#b = b;
    this.#outputs = new Set(graph.outputs.map(({ name }) => name));
    for (const node of graph.nodes)
      for (const input of namesRead(node)) this.#uses.set(input, (this.#uses.get(input) ?? 0) + 1);
    for (const name of this.#outputs) this.#uses.set(name, (this.#uses.get(name) ?? 0) + 1);
  }

  /** The present name of a value of the old graph. */
  now(name: string): string {
    return this.#renamed.get(name) ?? name;
  }

  /** Takes the outputs of an equal node seen before. */
  merge(node: Node, mapped: Node): boolean {
    const key = keyOf(mapped);
    const known = key === null ? undefined : this.#seen.get(key);
    if (!known || node.outputs.some((output) => this.#outputs.has(output))) return false;
    // The node before may lack an output that this one has.
    if (node.outputs.some((output, i) => output && !known[i])) return false;
    node.outputs.forEach((output, i) => {
      if (output) this.#alias(output, known[i] ?? '');
    });
    return true;
  }

  /** Takes what the operator's rule offers instead, if it offers something. */
  replace(
    node: Node,
    mapped: Node,
    offers: readonly Rule[],
    stated: Parameters<Builder['add']>[1],
  ): boolean {
    const output = node.outputs[0] ?? '';
    const info = stated?.get(output);
    if (node.domain !== '' || node.outputs.length !== 1 || !info?.dtype || !info.shape)
      return false;
    const b = this.#b;
    const y = { name: output, dtype: info.dtype, shape: info.shape };
    const context: RewriteContext = {
      b,
      op: node.op,
      x: mapped.inputs.map((name) => (name ? b.value(name) : null)),
      attributes: attributesOf(b.table, mapped),
      y,
      made: (value, op, shared) => this.#made(value, op, shared === true),
      scalar: (value) => this.#scalar(value),
    };
    const replacement = firstOffer(offers, context);
    if (!replacement) return false;
    if (replacement.dtype !== y.dtype || !sameShape(replacement.shape, y.shape))
      internal(
        `the rewrite of ${node.op} at node "${node.name}" gave ${replacement.dtype}${formatShape(replacement.shape)} for ${y.dtype}${formatShape(y.shape)}`,
      );
    this.#alias(output, replacement.name);
    return true;
  }

  keep(node: Node, mapped: Node, made: readonly Value[]): void {
    const key = keyOf(mapped);
    if (key !== null && node.outputs.length === made.length) this.#seen.set(key, node.outputs);
  }

  /** Declares a graph output under its old name. */
  output(name: string): void {
    const b = this.#b;
    b.output(b.value(this.now(name)), name);
  }

  #alias(old: string, present: string): void {
    this.#renamed.set(old, present);
    this.#uses.set(present, (this.#uses.get(present) ?? 0) + (this.#uses.get(old) ?? 0));
    this.changes++;
  }

  #made(value: Value | null | undefined, op: string, shared: boolean): Node | null {
    if (!value) return null;
    const node = this.#b.producer(value);
    const alone = (this.#uses.get(value.name) ?? 0) <= 1 && !this.#outputs.has(value.name);
    return node?.op === op && node.domain === '' && (shared || alone) ? node : null;
  }

  #scalar(value: Value | null | undefined): number | null {
    const data = value ? this.#b.known(value.name) : null;
    // Of 16-bit floats the data are bits.
    if (data?.dims.length !== 0 || data.dtype === 'float16' || data.dtype === 'bfloat16')
      return null;
    return Number(data.data[0]);
  }
}

function firstOffer(offers: readonly Rule[], context: RewriteContext): Value | null {
  for (const rule of offers) {
    const offer = rule(context);
    if (offer) return offer;
  }
  return null;
}

const commutative = new Set(['Add', 'Mul', 'Max', 'Min', 'And', 'Or', 'Equal']);

/** Two of them give two draws. */
const drawing = /^(Random|Bernoulli|Multinomial|Dropout)/;

/** What makes two nodes equal; null where that cannot be told (subgraphs, opaque attributes), or they are not. */
function keyOf(node: Node): string | null {
  if (drawing.test(node.op)) return null;
  const parts: string[] = [];
  for (const [name, attribute] of Object.entries(node.attributes).sort()) {
    if (attribute.type === 'tensor' || attribute.type === 'graph' || attribute.type === 'opaque')
      return null;
    parts.push(`${name}=${JSON.stringify(attribute.value)}`);
  }
  const inputs = commutative.has(node.op) ? [...node.inputs].sort() : node.inputs;
  return [node.domain, node.op, node.outputs.length, ...inputs, ...parts].join('|');
}
