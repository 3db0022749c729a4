/** Compiles a loss into a training step: one ONNX graph for forward, backward and the optimizer's update. */
import { backward } from '../autodiff/backward.js';
import type { Stochastic } from '../graph/builder.js';
import { type Model, model, type Value } from '../graph/graph.js';
import type { CarriedState } from '../nn/carried-state.js';
import type { Optimizer, ParameterSettings } from '../nn/optimizer.js';
import type { Builder } from '../ops/builder.js';
import { optimize } from '../ops/rewrite/optimize.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, zeros } from '../tensor/tensor.js';

export interface StepOptions {
  /** Scalar to minimise. */
  readonly loss: Value;
  /** Scalars to report beside the loss, by name. */
  readonly report?: Readonly<Record<string, Value>>;
  readonly optimizer: Optimizer;
  /** Largest global norm of all gradients together; longer ones are scaled down to it. Not clipped by default. */
  readonly clip?: number;
  /** How a parameter is updated where not as all are, by its name and shape. */
  readonly settings?: (name: string, shape: readonly number[]) => ParameterSettings;
  /** What the forward pass carries on from step to step beside the parameters. */
  readonly state?: readonly CarriedState[];
}

export type { CarriedState };

/** A step's graph and all that is needed to run it again and again. */
export interface TrainingStep {
  readonly model: Model;
  /** Parameters and optimizer state at step 0; the graph takes each by its name and gives `<name>.next`. */
  readonly initial: ReadonlyMap<string, Tensor>;
  /** Names of the parameters among `initial`. */
  readonly parameters: readonly string[];
  /** Names of the carried state among `initial`: with the parameters it makes the trained network. */
  readonly carried: readonly string[];
  /** Inputs that the caller feeds: the batch. */
  readonly batch: readonly Value[];
  readonly stochastic: readonly Stochastic[];
  readonly optimizer: Optimizer;
  /** Scalar outputs: `loss` and what `report` named. */
  readonly losses: readonly string[];
}

/** Name of the output that holds the next value of a parameter or state tensor. */
export const nextName = (name: string): string => `${name}.next`;
/** Name of an optimizer's scalar input. */
export const scalarName = (optimizer: Optimizer, input: string): string =>
  `${optimizer.name}.${input}`;

/**
 * Adds gradients and updates for every parameter of `b` and closes the graph.
 * @throws GradientError where a parameter does not influence the loss or an operator has no gradient.
 */
export function compileStep(b: Builder, options: StepOptions): TrainingStep {
  const { optimizer, loss } = options;
  const carried = options.state ?? [];
  const filled = new Set([...b.stochastic, ...carried].map(({ value }) => value.name));
  const batch = b.inputs.filter((input) => !filled.has(input.name));
  const parameters = [...b.parameters.keys()].map((name) => b.value(name));
  const gradients = clipped(b, backward(b, loss, parameters), options.clip);
  const initial = new Map(b.parameters);
  for (const { value, initial: first, next } of carried) {
    initial.set(value.name, first);
    b.output(next, nextName(value.name));
  }
  const scalars = optimizer.inputs.map((input) =>
    b.input(scalarName(optimizer, input), 'float32', []),
  );
  const losses = { loss, ...options.report };
  for (const [name, value] of Object.entries(losses))
    b.output(b.Reshape(value, []), `losses/${name}`);

  b.within('update', () => {
    for (const group of groupsOf(parameters, options.settings))
      updateGroup(b, optimizer, group, parameters, gradients, scalars, initial);
  });
  return {
    model: model(optimize(b.build('training-step', 'inputs'), b.opset), {}, b.opset),
    initial,
    parameters: parameters.map((parameter) => parameter.name),
    carried: carried.map(({ value }) => value.name),
    batch,
    stochastic: [...b.stochastic],
    optimizer,
    losses: Object.keys(losses),
  };
}

/** Adds the update of a group of parameters and its outputs; its state goes into `initial`. */
function updateGroup(
  b: Builder,
  optimizer: Optimizer,
  { name, members, settings }: Group,
  parameters: readonly Value[],
  gradients: readonly Value[],
  scalars: readonly Value[],
  initial: Map<string, Tensor>,
): void {
  const own = members.map((k) => parameters[k] as Value);
  const gradient = flatten(
    b,
    members.map((k) => gradients[k] as Value),
  );
  const parameter = flatten(b, own);
  const state = optimizer.slots.map((slot) => {
    const slotName = `${name}.${slot}`;
    initial.set(slotName, zeros(parameter.dtype, parameter.shape as readonly number[]));
    return b.input(slotName, parameter.dtype, parameter.shape);
  });
  const update = optimizer.update(b, parameter, gradient, state, scalars, settings);
  const next = unflatten(b, update.parameter, own);
  own.forEach((value, i) => {
    b.output(next[i] as Value, nextName(value.name));
  });
  update.state.forEach((value, k) => {
    b.output(value, nextName(state[k]?.name ?? ''));
  });
}

/** Scales all gradients so that their global norm is at most `limit` (Pascanu et al. 2013, Algorithm 1). */
function clipped(
  b: Builder,
  gradients: readonly Value[],
  limit: number | undefined,
): readonly Value[] {
  if (limit === undefined || gradients.length === 0) return gradients;
  return b.within('clip', () => {
    const squares = gradients.map((gradient) => b.ReduceSumSquare(gradient, { keepdims: 0 }));
    const norm = b.Sqrt(squares.length === 1 ? (squares[0] as Value) : b.Sum(...squares));
    const scale = b.Div(limit, b.Max(norm, limit));
    return gradients.map((gradient) => b.Mul(gradient, scale));
  });
}

/**
 * Parameters of at most this many elements are updated together, as one vector: a network has many of them
 * (biases, and the ladder's combinators), and a dozen nodes for each cost more than the arithmetic. Ours.
 */
const smallParameter = 16_384;

/** Parameters that are updated together, and the name that their state has. */
interface Group {
  readonly name: string;
  readonly members: readonly number[];
  readonly settings: ParameterSettings;
}

/** Small parameters of equal settings together, every other by itself. */
function groupsOf(parameters: readonly Value[], settingsOf: StepOptions['settings']): Group[] {
  const groups: Group[] = [];
  const small = new Map<string, { members: number[]; settings: ParameterSettings }>();
  parameters.forEach(({ name, shape }, k) => {
    const dims = shape as readonly number[];
    const settings = settingsOf?.(name, dims) ?? {};
    const { rate = 1, decay = 1 } = settings;
    if (sizeOf(dims) > smallParameter) groups.push({ name, members: [k], settings });
    else {
      const key = rate === 1 && decay === 1 ? '' : `.rate-${rate}.decay-${decay}`;
      const known = small.get(key);
      if (known) known.members.push(k);
      else small.set(key, { members: [k], settings });
    }
  });
  for (const [key, { members, settings }] of small) {
    const [only = 0, ...more] = members;
    const alone = more.length === 0;
    const name = alone ? (parameters[only]?.name ?? '') : `small-parameters${key}`;
    groups.push({ name, members, settings });
  }
  return groups;
}

/** Several values as one vector; a single one as it is. */
function flatten(b: Builder, values: readonly Value[]): Value {
  const [first] = values;
  if (values.length === 1 && first) return first;
  return b.Concat(...values.map((value) => b.Reshape(value, [-1])), { axis: 0 });
}

/** The reverse of `flatten`. */
function unflatten(b: Builder, flat: Value, like: readonly Value[]): Value[] {
  if (like.length === 1) return [flat];
  const shapes = like.map(({ shape }) => shape as readonly number[]);
  const parts = b.node('Split', [flat, shapes.map(sizeOf)], { axis: 0 }, { count: like.length });
  return parts.map((part, i) => b.Reshape(part, shapes[i] ?? []));
}
