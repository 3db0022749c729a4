/** Einstein's sums over products. */
import { OperatorError, ShapeError } from '../errors.js';
import type { TensorType, Value } from '../graph/graph.js';
import { broadcastShapes, type Dim, formatShape, sizeOf } from '../tensor/shape.js';
import { tensor } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import { dimsOf, sameDType } from './dims.js';
import { reshapedTo } from './emit.js';
import { checkNumber } from './infer.js';
import { castTo } from './mask.js';
import { type GradientContext, type Op, required, string } from './op.js';
import { checkMatrix } from './resize-axis.js';

/** Attributes of Einsum. */
export interface EinsumAttributes {
  readonly equation: string;
}

/** Each operand's and the output's labels, one for each axis: a letter, or `.0`, `.1` … for those of an ellipsis. */
interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

/**
 * @param ranks of the operands
 * @throws OperatorError where the equation is not well formed, ShapeError where it does not fit the operands.
 */
function parse(equation: string, ranks: readonly number[]): Equation {
  const [left = '', right, ...more] = equation.replaceAll(' ', '').split('->');
  const terms = left.split(',');
  if (
    more.length > 0 ||
    ![...terms, right ?? ''].every((term) => /^[a-zA-Z]*(\.{3})?[a-zA-Z]*$/.test(term))
  )
    throw new OperatorError(
      `invalid equation "${equation}". Letters, one ellipsis an operand, commas and an arrow, as in "...ij,jk->...ik"`,
      { actual: equation },
    );
  if (terms.length !== ranks.length)
    throw new ShapeError(
      `equation "${equation}" has ${terms.length} operands, got ${ranks.length}`,
      {
        expected: terms.length,
        actual: ranks.length,
      },
    );
  const hidden = terms.map((term, i) => (ranks[i] ?? 0) - term.replace('...', '').length);
  const widest = Math.max(0, ...hidden.filter((_, i) => terms[i]?.includes('...')));
  // Axes of ellipses are counted from the right, where they meet.
  const expand = (term: string, count: number): string[] => {
    const [before = '', after] = term.split('...');
    const axes = Array.from({ length: count }, (_, i) => `.${widest - count + i}`);
    return after === undefined ? [...before] : [...before, ...axes, ...after];
  };
  const operands = terms.map((term, i) => {
    const count = hidden[i] ?? 0;
    if (count < 0 || (count > 0 && !term.includes('...')))
      throw new ShapeError(
        `equation "${equation}": operand ${i} of rank ${ranks[i]} is not "${term}"`,
        {
          actual: ranks[i],
        },
      );
    return expand(term, count);
  });
  return {
    operands,
    output: right === undefined ? implied(operands, widest) : expand(right, widest),
  };
}

/** Without an arrow: the axes of ellipses, then the letters that occur once, in their order. */
function implied(operands: readonly (readonly string[])[], widest: number): string[] {
  const all = operands.flat();
  const once = all.filter((label) => all.filter((other) => other === label).length === 1);
  const letters = once.filter((label) => !label.startsWith('.')).sort();
  return [...Array.from({ length: widest }, (_, i) => `.${i}`), ...letters];
}

/** The size of each label; an axis of size 1 stretches. @throws ShapeError where two sizes differ. */
function sizes(
  operands: readonly (readonly string[])[],
  types: readonly TensorType[],
): Map<string, Dim> {
  const found = new Map<string, Dim>();
  operands.forEach((labels, i) => {
    labels.forEach((label, axis) => {
      const dim = types[i]?.shape[axis] ?? 1;
      const known = found.get(label);
      try {
        found.set(label, known === undefined ? dim : (broadcastShapes([known], [dim])[0] ?? 1));
      } catch {
        throw new ShapeError(
          `sizes of "${label}" differ: ${known} against ${dim} in operand ${i} ${formatShape(types[i]?.shape ?? [])}`,
          { expected: known, actual: dim },
        );
      }
    });
  });
  return found;
}

/**
 * The gradient of an operand is the sum over dy and the other operands whose output are the operand's axes. An axis of
 * its own alone is stretched; one that occurs twice, a diagonal, is spread over an identity matrix.
 */
export const Einsum: Op<['Inputs...'], EinsumAttributes> = {
  inputs: ['Inputs...'],
  outputs: ['Output'],
  attributes: { equation: required(string()) },
  infer({ inputs, input, attributes: { equation } }) {
    const types = inputs.map((_, i) => checkNumber(input(i)));
    for (const type of types) sameDType(types[0] as TensorType, type);
    const { operands, output } = parse(
      equation,
      types.map(({ shape }) => shape.length),
    );
    const size = sizes(operands, types);
    return {
      dtype: input(0).dtype,
      shape: output.map((label) => {
        const dim = size.get(label);
        if (dim !== undefined) return dim;
        throw new ShapeError(`equation "${equation}": no operand has "${label}" of the output`);
      }),
    };
  },
  macs({ inputs, attributes: { equation } }) {
    const ranks = inputs.map(({ length }) => length);
    const types = inputs.map((shape) => ({ dtype: 'float32' as const, shape }));
    return sizeOf([...sizes(parse(equation, ranks).operands, types).values()].map(Number));
  },
  gradient(context) {
    const { x, needs, attributes } = context;
    const operands = x.filter((value) => value !== null);
    const equation = parse(
      attributes.equation,
      operands.map(({ shape }) => shape.length),
    );
    return x.map((_, i) => (needs[i] ? byOperand(context, operands, equation, i) : null));
  },
  cases: [
    {
      inputs: [
        [2, 3],
        [3, 4],
      ],
      attributes: { equation: 'ij,jk->ik' },
    },
    {
      inputs: [
        [2, 3],
        [3, 4],
      ],
      attributes: { equation: 'ij, jk' },
    },
    {
      inputs: [
        [2, 2, 3],
        [2, 3, 2],
      ],
      attributes: { equation: 'bij,bjk->bik' },
    },
    { inputs: [[2, 3, 4]], attributes: { equation: 'ijk->kj' } },
    { inputs: [[2, 3]], attributes: { equation: 'ij->' } },
    { inputs: [[3, 3]], attributes: { equation: 'ii->i' } },
    { inputs: [[3, 3]], attributes: { equation: 'ii' } },
    {
      inputs: [
        [2, 1, 3],
        [2, 3, 2],
      ],
      attributes: { equation: '...ij,...jk->...ik' },
    },
    {
      inputs: [
        [2, 3, 2],
        [2, 2],
      ],
      attributes: { equation: '...ij,jk' },
    },
    {
      inputs: [
        [2, 2, 3],
        [2, 3],
      ],
      attributes: { equation: 'a...,...->...a' },
    },
    { inputs: [[2], [3], [2, 3]], attributes: { equation: 'i,j,ij->j' } },
  ].map(({ inputs, attributes }) => ({
    inputs: inputs as readonly (readonly number[])[],
    attributes,
  })),
};

function byOperand(
  { b, dy }: GradientContext<['Inputs...'], EinsumAttributes>,
  operands: readonly Value[],
  { operands: labels, output }: Equation,
  i: number,
): Value {
  const own = operands[i] as Value;
  const factors: Value[] = [dy];
  const terms: string[][] = [[...output]];
  operands.forEach((value, k) => {
    if (k === i) return;
    factors.push(value);
    terms.push([...(labels[k] ?? [])]);
  });
  const wanted: string[] = [];
  for (const [axis, label] of (labels[i] ?? []).entries()) {
    if (!wanted.includes(label)) {
      wanted.push(label);
      continue;
    }
    const again = `${label}/${axis}`;
    factors.push(identity(b, own, axis));
    terms.push([label, again]);
    wanted.push(again);
  }
  const there = new Set(terms.flat());
  const present = wanted.filter((label) => there.has(label));
  const name = letters([...terms, wanted].flat());
  const written = (term: readonly string[]): string =>
    term.map((label) => name.get(label)).join('');
  const equation = `${terms.map(written).join(',')}->${written(present)}`;
  const sum = b.Einsum(...factors, { equation });
  const dims = dimsOf(sum);
  let next = 0;
  const stretched = wanted.map((label) => (there.has(label) ? (dims[next++] ?? 1) : 1));
  return reshapedTo(b, sum, stretched);
}

/** The identity matrix of the size of an axis. @throws GradientError where it would be too large. */
function identity(b: Builder, like: Value, axis: number): Value {
  const size = dimsOf(like)[axis] ?? 1;
  checkMatrix(size, size);
  const ones = Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  return castTo(b, b.constant(tensor('float32', [size, size], ones)), like.dtype);
}

/** A letter for each label. @throws OperatorError where there are more labels than letters. */
function letters(labels: readonly string[]): Map<string, string> {
  const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const distinct = [...new Set(labels)];
  if (distinct.length > alphabet.length)
    throw new OperatorError(`${distinct.length} axes are more than there are letters`);
  return new Map(distinct.map((label, i) => [label, alphabet.charAt(i)]));
}
