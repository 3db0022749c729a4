/**
 * Reverse-mode differentiation: walks a graph from the loss back and adds the nodes of each operator's gradient
 * rule. Rules state calculus; this walker owns broadcasting, accumulation, checks and pruning.
 */
import { GradientError, internal } from '../errors.js';
import { attributesOf } from '../graph/builder.js';
import type { Node, Value } from '../graph/graph.js';
import { namesRead } from '../graph/order.js';
import type { Builder } from '../ops/builder.js';
import { entryOf, type GradientRule, type NoGradient, type Op } from '../ops/op.js';
import { isFloat } from '../tensor/dtype.js';
import { broadcastAxes, formatShape, isStatic, type Shape, sameShape } from '../tensor/shape.js';
import { scalar, zeros } from '../tensor/tensor.js';

export interface BackwardOptions {
  /** Gradient of the final objective by `loss`, of its shape; ones where left out. */
  readonly seed?: Value;
  /** Values that are treated as constants: no gradient passes through them. */
  readonly stop?: readonly Value[];
  /** What to give for a value that does not influence the loss: an error (the default), or zeros. */
  readonly unreached?: 'error' | 'zeros';
}

/**
 * Adds to `b` the nodes that compute the gradient of `loss` by each value of `wrt`, and returns those gradients,
 * of the shape and dtype of the values.
 * @param loss a float value; a scalar unless `seed` is given.
 * @throws GradientError where an operator on the path has no gradient (naming its node), a shape is not
 *   static, or a value of `wrt` does not influence the loss.
 */
export function backward(
  b: Builder,
  loss: Value,
  wrt: readonly Value[],
  options: BackwardOptions = {},
): Value[] {
  const forward = [...b.nodes];
  const reached = reachedFrom(b, forward, wrt, options.stop ?? []);
  checkLoss(loss, options, reached);
  const pending = new Map<string, Value[]>();
  const add = (name: string, gradient: Value): void => {
    const list = pending.get(name);
    if (list) list.push(gradient);
    else pending.set(name, [gradient]);
  };
  const total = (value: Value): Value | null => {
    const list = pending.get(value.name);
    if (!list) return null;
    const sum = list.reduce((a, c) => b.Add(a, c));
    pending.set(value.name, [sum]);
    return sum;
  };

  b.within('gradient', () => {
    add(loss.name, options.seed ?? ones(b, loss));
    const kept = new Set(wrt.map((value) => value.name));
    for (const node of forward.reverse()) {
      if (!node.outputs.some((output) => pending.has(output) && reached.has(output))) continue;
      const dys = node.outputs.map((output) => (output ? total(b.value(output)) : null));
      for (const [i, gradient] of applyRule(b, node, dys, reached).entries()) {
        const input = node.inputs[i] ?? '';
        if (gradient && reached.has(input)) add(input, fitTo(b, gradient, b.value(input), node));
      }
      for (const output of node.outputs) if (!kept.has(output)) pending.delete(output);
    }
  });
  return wrt.map((value) => {
    const gradient = b.within('gradient', () => total(value));
    if (gradient) return gradient;
    if (options.unreached === 'zeros')
      return b.constant(zeros(value.dtype, staticShape(value, value.name)));
    throw new GradientError(
      `backward: "${value.name}" does not influence "${loss.name}" through differentiable operators. Leave it out, or check how it is used.`,
      { actual: value.name },
    );
  });
}

/** Names of float values that depend on `wrt` other than through `stop`. */
function reachedFrom(
  b: Builder,
  nodes: readonly Node[],
  wrt: readonly Value[],
  stop: readonly Value[],
): Set<string> {
  const stopped = new Set(stop.map((value) => value.name));
  const reached = new Set<string>();
  for (const value of wrt) {
    if (!isFloat(value.dtype))
      throw new GradientError(
        `backward: "${value.name}" is ${value.dtype}; only floats have gradients`,
      );
    reached.add(value.name);
  }
  for (const node of nodes) {
    if (!namesRead(node).some((input) => reached.has(input))) continue;
    if (isZero(b, node)) continue;
    for (const output of node.outputs)
      if (output && !stopped.has(output) && isFloat(b.value(output).dtype)) reached.add(output);
  }
  return reached;
}

const isMissing = (gradient: Op['gradient']): gradient is NoGradient => 'kind' in gradient;

function isZero(b: Builder, node: Node): boolean {
  const gradient = entryOf(b.table, node)?.gradient;
  return gradient !== undefined && isMissing(gradient) && gradient.kind === 'zero';
}

function checkLoss(loss: Value, options: BackwardOptions, reached: ReadonlySet<string>): void {
  if (!isFloat(loss.dtype))
    throw new GradientError(`backward: the loss "${loss.name}" is ${loss.dtype}, not a float`);
  if (!isStatic(loss.shape))
    throw new GradientError(
      `backward: the loss "${loss.name}" has the shape ${formatShape(loss.shape)}. Bind its symbolic dimensions first.`,
    );
  if (!options.seed && loss.shape.some((dim) => dim !== 1))
    throw new GradientError(
      `backward: the loss "${loss.name}" must be a scalar, got shape ${formatShape(loss.shape)}. Reduce it, or pass a seed.`,
      { actual: loss.shape },
    );
  if (!reached.has(loss.name) && options.unreached !== 'zeros')
    throw new GradientError(`backward: nothing asked for influences the loss "${loss.name}"`);
}

function ones(b: Builder, like: Value): Value {
  const one = b.constant(scalar(like.dtype, 1));
  return sameShape(like.shape, []) ? one : b.Expand(one, staticShape(like, like.name));
}

function applyRule(
  b: Builder,
  node: Node,
  dys: readonly (Value | null)[],
  reached: ReadonlySet<string>,
): readonly (Value | null)[] {
  const op = entryOf(b.table, node);
  const where = `${node.op} at node "${node.name || node.outputs[0]}"`;
  const details = { op: node.op, node: node.name };
  if (!op) throw new GradientError(`${where}: no gradient is known for this operator`, details);
  if (isMissing(op.gradient))
    throw new GradientError(`${where}: has no gradient: ${op.gradient.reason}`, details);
  const rule = op.gradient as GradientRule<readonly string[], unknown>;
  const x = op.inputs.some((name) => name.endsWith('...'))
    ? node.inputs
    : Array.from(op.inputs, (_, i) => node.inputs[i] ?? '');
  for (const name of [...x, ...node.outputs])
    if (name && !isStatic(b.value(name).shape))
      throw new GradientError(
        `${where}: "${name}" has the shape ${formatShape(b.value(name).shape)}. Bind symbolic dimensions before differentiating.`,
        details,
      );
  const ys = node.outputs.map((output) => (output ? b.value(output) : null));
  const context = {
    b,
    attributes: attributesOf(b.table, node),
    x: x.map((input) => (input ? b.value(input) : null)),
    y: ys[0] as Value,
    ys: ys as Value[],
    dy: dys[0] as Value,
    dys,
    needs: node.inputs.map((input) => reached.has(input)),
    // A weight that is differentiated by is no constant: its gradient's gradient would miss it.
    constant: (i: number) => {
      const input = node.inputs[i] ?? '';
      return reached.has(input) ? null : b.known(input);
    },
  };
  const gradients = placed(where, details, () => rule(context));
  if (gradients.length !== x.length)
    internal(`${where}: its rule gave ${gradients.length} gradients for ${x.length} inputs`);
  return gradients;
}

/** What a rule throws about itself, said of the node at which it happened. */
function placed<T>(where: string, details: { op: string; node: string }, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof GradientError) || error.details.node !== undefined) throw error;
    throw new GradientError(`${where}: ${error.message}`, { ...error.details, ...details });
  }
}

/** Sums or expands `gradient` to the shape of `input`, and checks its dtype. */
function fitTo(b: Builder, gradient: Value, input: Value, node: Node): Value {
  if (gradient.dtype !== input.dtype)
    internal(
      `${node.op} at node "${node.name}": its rule gave a ${gradient.dtype} gradient for the ${input.dtype} "${input.name}"`,
    );
  if (sameShape(gradient.shape, input.shape)) return gradient;
  const target = staticShape(input, node.name);
  const axes = broadcastAxes(gradient.shape, input.shape);
  let fitted = gradient;
  if (axes.length > 0) fitted = b.ReduceSum(fitted, axes, { keepdims: 1 });
  if (fitted.shape.length > target.length) fitted = b.Reshape(fitted, target);
  return sameShape(fitted.shape, target) ? fitted : expand(b, fitted, target, node);
}

function expand(b: Builder, value: Value, target: readonly number[], node: Node): Value {
  const expanded = b.Expand(value, target);
  if (!sameShape(expanded.shape, target))
    internal(
      `${node.op} at node "${node.name}": its rule gave the shape ${formatShape(value.shape)} for an input of ${formatShape(target)}`,
    );
  return expanded;
}

function staticShape(value: Value, where: string): readonly number[] {
  const shape: Shape = value.shape;
  if (isStatic(shape)) return shape;
  throw new GradientError(
    `"${value.name}" at "${where}" has the shape ${formatShape(shape)}. Bind symbolic dimensions before differentiating.`,
  );
}
