/** The one intermediate representation: an ONNX graph as plain immutable data. */
import type { DType } from '../tensor/dtype.js';
import type { Shape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';

/** What is known of a value before it is computed. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A named tensor inside a graph. */
export interface Value extends TensorType {
  readonly name: string;
}

/**
 * An input, output or annotated value as a file states it: dtype or shape may be missing there. `kept` is the
 * wire format's own record, so that what we do not understand survives a round trip.
 */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType | null;
  readonly shape: Shape | null;
  readonly kept?: unknown;
}

/** An attribute with its ONNX type, since `1` alone does not tell INT from FLOAT. */
export type Attribute =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'opaque'; readonly kept: unknown };

export type Attributes = Readonly<Record<string, Attribute>>;

/** One operator applied. An absent optional input or output is the empty string, as in ONNX. */
export interface Node {
  readonly name: string;
  readonly op: string;
  /** '' is the ONNX standard domain. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  readonly kept?: unknown;
}

/** Nodes in topological order, with what they start from and end in. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  /** Weights and constants, by value name. */
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** dtype and shape of inner values, where a file or the builder states them. */
  readonly values: ReadonlyMap<string, ValueInfo>;
  /** The operator set that its nodes need, where that is a later one than `defaultOpset`. */
  readonly opset?: number;
  /** Which values are gradients of convolutions by their weights, or of max-pools. Files do not say so. */
  readonly gradients?: Gradients;
  readonly kept?: unknown;
}

/** Of y, which windows over two spatial axes of an image give, and the gradient by it. */
interface Windows {
  /** Name of the image, (N, C, ...). */
  readonly image: string;
  /** Name of the gradient by y, (N, M, ...). */
  readonly windows: string;
  /** Height and width of a window. */
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before the image, and behind it what its windows reach: negative where they leave some out. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/**
 * That a value holds, in any shape, the numbers of the gradient by w (M, C, height, width) of y = Conv(image, w) in one
 * group, however the nodes make it: a runtime may know a quicker way.
 */
export interface WeightGradient extends Windows {
  readonly of: 'weights';
}

/** The same of the gradient by the image of y = MaxPool(image): the first of a window's largest gets that by the window. */
export interface PoolGradient extends Windows {
  readonly of: 'max-pool';
}

/** Gradients by the name of their value. */
export type Gradients = ReadonlyMap<string, WeightGradient | PoolGradient>;

/** A graph and the file around it. */
export interface Model {
  readonly graph: Graph;
  /** Operator-set version by domain; '' is the standard one. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly irVersion: number;
  readonly producer: string;
  /** ONNX `metadata_props`: classes, preprocessing, provenance. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly kept?: unknown;
}

/** The operator set that Espalier writes unless told otherwise: LayerNormalization needs 17, readers widely have 18. */
export const defaultOpset = 18;
/** The IR version that goes with it. */
export const defaultIrVersion = 8;

/** A graph wrapped for writing, with our defaults. */
export function model(
  graph: Graph,
  metadata: Readonly<Record<string, string>> = {},
  opset = graph.opset ?? defaultOpset,
): Model {
  return {
    graph,
    metadata,
    opsets: { ...foreignDomains(graph), '': opset },
    irVersion: opset > defaultOpset ? 10 : defaultIrVersion,
    producer: 'espalier',
  };
}

/** The domains of operators outside the standard, each at version 1: that of ONNX Runtime's own, the commonest. */
function foreignDomains({ nodes }: Graph): Record<string, number> {
  const domains = nodes.map(({ domain }) => domain).filter((domain) => domain !== 'ai.onnx');
  return Object.fromEntries(domains.map((domain) => [domain, 1]));
}
