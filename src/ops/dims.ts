/**
 * Arithmetic on dimensions that may be symbolic. A derived dimension is named by the expression that it is
 * (`12*batch`, `height + 2`), so that equal expressions are equal names and nothing has to be counted.
 */
import { internal, ShapeError } from '../errors.js';
import type { TensorType } from '../graph/graph.js';
import { type Dim, formatShape, isStatic, type Shape } from '../tensor/shape.js';

const product = /^[\w.]+(\*[\w.]+)*$/;
const sum = /^(.+) ([+-]) (\d+)$/;

interface Product {
  readonly coefficient: number;
  readonly symbols: readonly string[];
}

/** `12*batch` -> 12 and [batch]; what is no plain product is one symbol. */
function factors(dims: Shape): Product {
  let coefficient = 1;
  const symbols: string[] = [];
  for (const dim of dims)
    for (const part of typeof dim === 'string' && product.test(dim) ? dim.split('*') : [dim]) {
      const value = Number(part);
      if (Number.isInteger(value)) coefficient *= value;
      else symbols.push(`${part}`);
    }
  return { coefficient, symbols: symbols.sort() };
}

function formatProduct({ coefficient, symbols }: Product): Dim {
  if (symbols.length === 0 || coefficient === 0) return coefficient;
  if (symbols.length === 1 && coefficient === 1) return symbols[0] ?? 1;
  const named = symbols.map((symbol) => (product.test(symbol) ? symbol : `(${symbol})`));
  return [...(coefficient === 1 ? [] : [coefficient]), ...named].join('*');
}

/** The product of dimensions: 12, `batch`, `12*batch`. */
export const multiplyDims = (dims: Shape): Dim => formatProduct(factors(dims));

/**
 * The product of `dims` over the product of `by`, with what is common cancelled.
 * @returns null where both are numbers and do not divide.
 */
export function divideDims(dims: Shape, by: Shape): Dim | null {
  const over = factors(dims);
  const under = factors(by);
  const symbols = [...over.symbols];
  const rest = under.symbols.filter((symbol) => {
    const at = symbols.indexOf(symbol);
    if (at >= 0) symbols.splice(at, 1);
    return at < 0;
  });
  const quotient = over.coefficient / under.coefficient;
  if (rest.length === 0 && Number.isInteger(quotient))
    return formatProduct({ coefficient: quotient, symbols });
  if (rest.length === 0 && symbols.length === 0) return null;
  const numerator = formatProduct({ coefficient: over.coefficient, symbols });
  const denominator = formatProduct({ coefficient: under.coefficient, symbols: rest });
  return `${numerator}/${typeof denominator === 'string' ? `(${denominator})` : denominator}`;
}

/** The sum of dimensions and of `offset`: 7, `height + 2`. */
export function addDims(dims: Shape, offset = 0): Dim {
  let constant = offset;
  const symbols: string[] = [];
  for (const dim of dims) {
    const split = typeof dim === 'string' ? sum.exec(dim) : null;
    if (typeof dim === 'number') constant += dim;
    else if (split) {
      symbols.push(split[1] ?? '');
      constant += Number(split[3]) * (split[2] === '-' ? -1 : 1);
    } else symbols.push(dim);
  }
  if (symbols.length === 0) return constant;
  const named = symbols.join(' + ');
  if (constant === 0) return named;
  return `${named} ${constant < 0 ? '-' : '+'} ${Math.abs(constant)}`;
}

/**
 * Two dimensions that must be the same: the number where one is known, else the first name.
 * @throws ShapeError where they are different numbers; `what` says of what.
 */
export function equalDims(a: Dim, b: Dim, what: string): Dim {
  if (typeof a === 'number' && typeof b === 'number' && a !== b)
    throw new ShapeError(`${what} differ: ${a} against ${b}`, { expected: a, actual: b });
  return typeof a === 'number' ? a : typeof b === 'number' ? b : a;
}

/** How a value is called in the name of a dimension that depends on it. */
export const nameOf = (type: TensorType): string =>
  'name' in type && typeof type.name === 'string' ? type.name : formatShape(type.shape);

/** Names for the `rank` dimensions that only a run will tell: elements of what `expression` computes. */
export const unknownDims = (expression: string, rank: number): string[] =>
  Array.from({ length: rank }, (_, i) => `${expression}[${i}]`);

/** The number of elements of a 1-D input that is not known itself. @throws ShapeError where that is not known either. */
export function lengthOf(type: TensorType, what: string): number {
  const [length] = type.shape;
  if (type.shape.length === 1 && typeof length === 'number') return length;
  throw new ShapeError(
    `${what} must be known before the run, or at least how many elements it has; it is a computed value of shape ${formatShape(type.shape)}`,
    { actual: type.shape },
  );
}

/** Dimensions of a value in a gradient rule, which are numbers since graphs are static when differentiated. */
export function dimsOf(value: TensorType): readonly number[] {
  return isStatic(value.shape)
    ? value.shape
    : internal(`a gradient rule met the shape ${formatShape(value.shape)}`);
}

/** @throws ShapeError where two inputs do not have one dtype. */
export function sameDType(a: TensorType, b: TensorType): void {
  if (a.dtype !== b.dtype)
    throw new ShapeError(`inputs must share a dtype, got ${a.dtype} and ${b.dtype}`, {
      expected: a.dtype,
      actual: b.dtype,
    });
}
