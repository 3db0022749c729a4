/**
 * Operators that run graphs of their own. Their results are inferred from these graphs, and they run; they are not
 * differentiated.
 */
import { OperatorError, ShapeError } from '../errors.js';
import type { Graph, TensorType } from '../graph/graph.js';
import type { InferContext } from '../graph/op-rules.js';
import { type Dim, formatShape, normalizeAxis, sameShape } from '../tensor/shape.js';
import { scalar, toNumbers } from '../tensor/tensor.js';
import { branches, loopBody, scanBody } from './control-flow-cases.js';
import { equalDims, nameOf } from './dims.js';
import { graphAttribute, int, ints, none, type Op, required } from './op.js';

/** Attributes of If: graphs without inputs. */
export interface IfAttributes {
  readonly then_branch: Graph;
  readonly else_branch: Graph;
}

const notDifferentiated = (instead: string) =>
  none(`the graphs inside it are not differentiated here. ${instead}`);

/**
 * A type that both have: a dimension in which they differ is only known to a run.
 * @throws ShapeError where dtype or rank differ.
 */
function common(
  a: TensorType,
  c: TensorType,
  name: (axis: number) => string,
  what: string,
): TensorType {
  if (a.dtype === c.dtype && a.shape.length === c.shape.length)
    return {
      dtype: a.dtype,
      shape: a.shape.map((dim, axis) => (dim === c.shape[axis] ? dim : name(axis))),
    };
  throw new ShapeError(
    `${what}: ${a.dtype}${formatShape(a.shape)} against ${c.dtype}${formatShape(c.shape)}`,
    { expected: a, actual: c },
  );
}

/** One of two graphs, by a condition. Where that is known beforehand, its branch alone says the result's shape. */
export const If: Op<['cond'], IfAttributes> = {
  inputs: ['cond'],
  outputs: ['outputs...'],
  attributes: { then_branch: required(graphAttribute()), else_branch: required(graphAttribute()) },
  infer({ input, constant, outputs, inner, attributes: { then_branch, else_branch } }) {
    const known = constant(0);
    const holds = known ? toNumbers(known)[0] !== 0 : null;
    const [yes, no] = [inner(then_branch, []), inner(else_branch, [])];
    for (const types of [yes, no])
      if (types.length !== outputs)
        throw new OperatorError(`a branch gives ${types.length} values, the node ${outputs}`, {
          expected: outputs,
          actual: types.length,
        });
    if (holds !== null) return holds ? yes : no;
    const name = nameOf(input(0));
    return yes.map((type, i) =>
      common(
        type,
        no[i] ?? type,
        (axis) => `if(${name})[${i}][${axis}]`,
        `branches differ in output ${i}`,
      ),
    );
  },
  gradient: notDifferentiated('Write both branches out and choose by Where'),
  cases: [
    { inputs: [{ fixed: scalar('bool', 1) }], attributes: branches([2, 3], [2, 3]) },
    { inputs: [{ fixed: scalar('bool', 0) }], attributes: branches([2, 3], [4]) },
  ],
};

/** Attributes of Loop. */
export interface LoopAttributes {
  /** (iteration, condition, ...carried) -> (condition, ...carried, ...collected). */
  readonly body: Graph;
}

/** A graph again and again: `M` times at most, while its condition holds. */
export const Loop: Op<['M?', 'cond?', 'v_initial...'], LoopAttributes> = {
  inputs: ['M?', 'cond?', 'v_initial...'],
  outputs: ['v_final_and_scan_outputs...'],
  attributes: { body: required(graphAttribute()) },
  infer(context) {
    const { inputs, outputs, inner, attributes } = context;
    const initial = inputs.slice(2).map((_, i) => context.input(i + 2));
    const name = `loop(${attributes.body.name})`;
    const run = (carried: readonly TensorType[]): readonly TensorType[] =>
      inner(attributes.body, [
        { dtype: 'int64', shape: [] },
        { dtype: 'bool', shape: [] },
        ...carried,
      ]).slice(1);
    const [carried, results] = settle(initial, run, name);
    const collected = results.slice(carried.length);
    checkCount(results.length, outputs);
    const times = timesOf(context, name);
    return [
      ...carried,
      ...collected.map(({ dtype, shape }) => ({ dtype, shape: [times, ...shape] })),
    ];
  },
  gradient: notDifferentiated('Write the iterations out'),
  cases: [
    {
      inputs: [{ fixed: scalar('int64', 3) }, null, [2, 2]],
      attributes: { body: loopBody() },
      outputs: 2,
    },
    {
      inputs: [{ fixed: scalar('int64', 2) }, { fixed: scalar('bool', 1) }, [4]],
      attributes: { body: loopBody() },
      outputs: 2,
    },
  ],
};

/** How often a loop's body runs, as far as that is known: collected values have this many rows. */
function timesOf(
  { inputs, constant, attributes }: InferContext<LoopAttributes>,
  name: string,
): Dim {
  const times = constant(0);
  const bounded = Number(times && toNumbers(times)[0]);
  const condition = constant(1);
  const isFree = !inputs[1] || (condition !== null && toNumbers(condition)[0] !== 0);
  // Exporters write int64's limit where only the condition ends the loop.
  const isCount = times !== null && Number.isSafeInteger(bounded);
  return isCount && isFree && goesOn(attributes.body) ? Math.max(0, bounded) : name;
}

/** Whether a body's condition, which runtimes mind even where the loop begins without one, always holds. */
function goesOn({ nodes, inputs, outputs, initializers }: Graph): boolean {
  let name = outputs[0]?.name ?? '';
  for (;;) {
    if (name === inputs[1]?.name) return true;
    const maker = nodes.find((node) => node.outputs.includes(name));
    const stated = maker?.op === 'Constant' ? maker.attributes['value'] : undefined;
    const data = stated?.type === 'tensor' ? stated.value : initializers.get(name);
    if (data) return toNumbers(data)[0] !== 0;
    if (maker?.op !== 'Identity' && maker?.op !== 'Cast') return false;
    name = maker.inputs[0] ?? '';
  }
}

/**
 * Types of what is carried from run to run, which must not depend on the run, and all results for them. Dimensions that
 * a run changes are only known at the end.
 */
function settle(
  initial: readonly TensorType[],
  run: (carried: readonly TensorType[]) => readonly TensorType[],
  name: string,
): [carried: readonly TensorType[], results: readonly TensorType[]] {
  const join = (before: readonly TensorType[], after: readonly TensorType[]): TensorType[] =>
    before.map((type, i) =>
      common(
        type,
        after[i] ?? type,
        (axis) => `${name}[${i}][${axis}]`,
        `value ${i} changes from run to run`,
      ),
    );
  const first = run(initial);
  const carried = join(initial, first);
  const isSettled = carried.every(({ shape }, i) => sameShape(shape, initial[i]?.shape ?? []));
  const results = isSettled ? first : run(carried);
  return [join(carried, results), results];
}

function checkCount(given: number, outputs: number): void {
  if (given === outputs) return;
  throw new OperatorError(`the body gives ${given} values, the node ${outputs}`, {
    expected: outputs,
    actual: given,
  });
}

/** Attributes of Scan. */
export interface ScanAttributes {
  /** (...state, ...one element of each sequence) -> (...state, ...one element of each result). */
  readonly body: Graph;
  /** How many of the last inputs are sequences. */
  readonly num_scan_inputs: number;
  readonly scan_input_axes: readonly number[] | undefined;
  /** 1: from the end. */
  readonly scan_input_directions: readonly number[] | undefined;
  readonly scan_output_axes: readonly number[] | undefined;
  readonly scan_output_directions: readonly number[] | undefined;
}

/** A graph over the elements of sequences, with a state that is carried on. */
export const Scan: Op<['initial_state_and_scan_inputs...'], ScanAttributes> = {
  inputs: ['initial_state_and_scan_inputs...'],
  outputs: ['final_state_and_scan_outputs...'],
  attributes: {
    body: required(graphAttribute()),
    num_scan_inputs: required(int()),
    scan_input_axes: ints(),
    scan_input_directions: ints(),
    scan_output_axes: ints(),
    scan_output_directions: ints(),
  },
  infer({ inputs, input, outputs, inner, attributes }) {
    const { body, num_scan_inputs: count, scan_input_axes, scan_output_axes } = attributes;
    const types = inputs.map((_, i) => input(i));
    if (count < 1 || count > types.length)
      throw new OperatorError(`num_scan_inputs must be from 1 to ${types.length}, got ${count}`, {
        actual: count,
      });
    const sequences = types.slice(types.length - count);
    const axes = sequences.map(({ shape }, i) =>
      normalizeAxis(scan_input_axes?.[i] ?? 0, shape.length),
    );
    const length = sequences
      .map(({ shape }, i) => shape[axes[i] ?? 0] ?? 1)
      .reduce((a, c) => equalDims(a, c, 'lengths of the sequences'));
    const elements = sequences.map(({ dtype, shape }, i) => ({
      dtype,
      shape: shape.toSpliced(axes[i] ?? 0, 1),
    }));
    const run = (state: readonly TensorType[]) => inner(body, [...state, ...elements]);
    const [state, results] = settle(types.slice(0, -count), run, `scan(${body.name})`);
    checkCount(results.length, outputs);
    const collected = results.slice(state.length).map(({ dtype, shape }, i) => {
      const axis = normalizeAxis(scan_output_axes?.[i] ?? 0, shape.length + 1);
      return { dtype, shape: shape.toSpliced(axis, 0, length) };
    });
    return [...state, ...collected];
  },
  gradient: notDifferentiated('Write the steps out'),
  cases: [
    {
      inputs: [[2], [3, 2]],
      attributes: { body: scanBody(), num_scan_inputs: 1 },
      outputs: 2,
    },
    {
      inputs: [[2], [2, 3]],
      attributes: {
        body: scanBody(),
        num_scan_inputs: 1,
        scan_input_axes: [-1],
        scan_output_axes: [1],
        scan_output_directions: [1],
      },
      outputs: 2,
    },
  ],
};
