/** The typed builder: every operator of the table as a function of the builder, `b.Gemm(x, w, c, { transB: 1 })`. */
import { GraphBuilder, type Operand } from '../graph/builder.js';
import type { Value } from '../graph/graph.js';
import type { OpTable } from '../graph/op-rules.js';
import type { Op } from './op.js';
import { type Ops, ops } from './table.js';

type Arguments<I extends readonly string[], A> = I extends readonly [
  infer H extends string,
  ...infer R extends readonly string[],
]
  ? H extends `${string}...`
    ? [...inputs: Operand[]] | [...inputs: Operand[], attributes: Partial<A>]
    : H extends `${string}?`
      ? [attributes?: Partial<A>] | [input: Operand | null, ...rest: Arguments<R, A>]
      : [input: Operand, ...rest: Arguments<R, A>]
  : [attributes?: Partial<A>];

/** One function for each operator; it returns the first output. For others see `GraphBuilder.node`. */
export type OpFunctions = {
  readonly [K in keyof Ops]: Ops[K] extends Op<infer I, infer A>
    ? (...args: Arguments<I, A>) => Value
    : never;
};

export type Builder = GraphBuilder & OpFunctions;

/** The operators of the table, and any others: gradient rules of the first may count on one another. */
export type ExtendedOps = Ops & OpTable;

const isAttributes = (last: unknown): last is Record<string, unknown> =>
  typeof last === 'object' && last !== null && !Array.isArray(last) && !('name' in last);

class OpBuilder extends GraphBuilder {}
for (const name of Object.keys(ops)) {
  Object.defineProperty(OpBuilder.prototype, name, {
    value(this: GraphBuilder, ...args: unknown[]): Value {
      const last = args.at(-1);
      const attributes = isAttributes(last) ? last : {};
      const inputs = (isAttributes(last) ? args.slice(0, -1) : args) as Operand[];
      return this.node(name, inputs, attributes)[0] as Value;
    },
  });
}

/**
 * An empty graph to build in, for operator set `opset` (18 unless told otherwise).
 * @param table other operators than Espalier's own: `{ ...ops, Softsign }`. Those that it adds have no function;
 *   `GraphBuilder.node` takes them by name.
 */
export function builder(opset?: number, table: ExtendedOps = ops): Builder {
  return new OpBuilder(table, opset) as Builder;
}
