/** The form of an operator's entry in the table, and the small vocabulary that entries are written in. */
import type { Node, Value } from '../graph/graph.js';
import {
  type AttributeSpec,
  type InferContext,
  type OpRules,
  type OpTable,
  rulesOf,
} from '../graph/op-rules.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import type { CostContext } from './cost.js';
import type { FieldContext, FieldResult } from './receptive-field.js';

/** Input names -> values: `?` may be absent, `...` is a list. */
export type Inputs<I extends readonly string[]> = I extends readonly [
  infer H extends string,
  ...infer R extends readonly string[],
]
  ? H extends `${string}...`
    ? Value[]
    : [H extends `${string}?` ? Value | null : Value, ...Inputs<R>]
  : I extends readonly []
    ? []
    : (Value | null)[];

/** What a gradient rule sees. It states calculus only: the walker owns broadcasting and accumulation. */
export interface GradientContext<I extends readonly string[], A> {
  /** The builder: rules emit ordinary nodes, so that they can be differentiated again. */
  readonly b: Builder;
  readonly attributes: A;
  readonly x: Inputs<I>;
  /** The first output. */
  readonly y: Value;
  readonly ys: readonly Value[];
  /** Gradient of the loss by the first output. */
  readonly dy: Value;
  /** By each output; null where none flows. */
  readonly dys: readonly (Value | null)[];
  /** Whether the gradient of each input is wanted: only for rules that can save real work. */
  readonly needs: readonly boolean[];
  /** Data of the i-th input where it is known beforehand. */
  constant(i: number): Tensor | null;
}

/**
 * One gradient for each input; null where mathematically none flows (indices, shapes). A gradient may have
 * the broadcast shape, or one that broadcasts to the input's: the walker sums or expands.
 */
export type GradientRule<I extends readonly string[], A> = (
  context: GradientContext<I, A>,
) => readonly (Value | null)[];

/** Written down where there is no rule: `zero` cuts the path in silence, `none` is an error on it. */
export interface NoGradient {
  readonly kind: 'zero' | 'none';
  readonly reason: string;
}

/** The derivative is zero wherever it exists. */
export const zero = (reason: string): NoGradient => ({ kind: 'zero', reason });
/** There is no derivative to speak of; asking for one names the node and this reason. */
export const none = (reason: string): NoGradient => ({ kind: 'none', reason });

/**
 * One input of a gradient-check case: a shape filled at random from `range` (default [-1, 1]) and kept
 * `away` from the kinks listed; or data as they are (indices, shapes), which are not differentiated.
 */
export type CaseInput =
  | readonly number[]
  | {
      readonly shape: readonly number[];
      readonly range?: readonly [number, number];
      readonly kinks?: readonly number[];
    }
  | { readonly fixed: Tensor }
  | null;

/** A call of the operator on which its gradient is checked. */
export interface Case<A> {
  readonly inputs: readonly CaseInput[];
  readonly attributes?: Partial<A>;
  /** Number of outputs, for operators where the caller decides. */
  readonly outputs?: number;
  /** False where the second derivative does not exist or is not continuous: only the first is checked. */
  readonly smooth?: boolean;
}

export type AttributeSchema<A> = { readonly [K in keyof A]-?: AttributeSpec };

/** An operator: its signature, shape rule, gradient, and the cases that prove the gradient. */
export interface Op<I extends readonly string[] = readonly string[], A = unknown> extends OpRules {
  readonly inputs: I;
  readonly attributes: AttributeSchema<A> & Readonly<Record<string, AttributeSpec>>;
  infer(context: InferContext<A>): ReturnType<OpRules['infer']>;
  evaluate?(inputs: readonly Tensor[], attributes: A): Tensor | null;
  /** What an output sees of the image; unknown where left out. */
  field?(context: FieldContext<A>): FieldResult;
  /** Multiply-adds; 0 where left out. */
  macs?(context: CostContext<A>): number;
  readonly gradient: GradientRule<I, A> | NoGradient;
  readonly cases: readonly Case<A>[];
}

/** The entry of a node's operator; undefined where a table has none, and for domains other than the standard one. */
export function entryOf(table: OpTable, { op, domain }: Node): Op | undefined {
  const isStandard = domain === '' || domain === 'ai.onnx';
  return isStandard ? (rulesOf(table, op) as Op | undefined) : undefined;
}

// Attribute types, each with its default if the specification has one.
export const int = (value?: number): AttributeSpec => ({ type: 'int', default: value });
export const float = (value?: number): AttributeSpec => ({ type: 'float', default: value });
export const string = (value?: string): AttributeSpec => ({ type: 'string', default: value });
export const ints = (value?: readonly number[]): AttributeSpec => ({
  type: 'ints',
  default: value,
});
export const floats = (value?: readonly number[]): AttributeSpec => ({
  type: 'floats',
  default: value,
});
export const tensorAttribute = (): AttributeSpec => ({ type: 'tensor' });
export const graphAttribute = (): AttributeSpec => ({ type: 'graph' });
export const required = (spec: AttributeSpec): AttributeSpec => ({ ...spec, required: true });
