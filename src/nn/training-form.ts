/**
 * An inference graph in the form that is trained: BatchNormalization takes the statistics of the batch and goes on
 * averaging them, Dropout drops. All in standard operators, since few builds of ONNX Runtime have the training modes.
 */
import { ModelError } from '../errors.js';
import { attributesOf } from '../graph/builder.js';
import type { Graph, Model, Node, Value } from '../graph/graph.js';
import { namesIn } from '../graph/order.js';
import { type Builder, builder } from '../ops/builder.js';
import { type LoadOptions, load, loadModel } from '../ops/load.js';
import { isStatic } from '../tensor/shape.js';
import { type Tensor, toNumbers } from '../tensor/tensor.js';
import type { CarriedState } from './carried-state.js';
import { dropout } from './dropout.js';
import { batchStatistics } from './normalization.js';
import { isStandard, MapForms } from './training-form-maps.js';

/** How a graph is loaded for training, and what of it is live. */
export interface TrainingFormOptions extends LoadOptions {
  /** `live`: statistics of the batch, running ones carried on. `frozen`: as in inference. */
  readonly batchNormalization: 'live' | 'frozen';
  /** `live`: elements are dropped by a stochastic input. `off`: as in inference. `live` where left out. */
  readonly dropout?: 'live' | 'off';
}

/** A graph ready to be trained, and the state that its steps carry on. */
export interface TrainingForm {
  /** As `load` gives it, and ready for a loss; the masks are among its stochastic inputs. */
  readonly b: Builder;
  /** The running statistics, by the names of their initializers: for `compileStep`. */
  readonly state: readonly CarriedState[];
}

/**
 * Loads a graph for training. Every value keeps its name. A live BatchNormalization gives
 * scale (x - mean) / sqrt(variance + epsilon) + B with the batch's mean and (population) variance, and its running
 * statistics become running · momentum + batch · (1 - momentum), as the ONNX specification has it; a node whose
 * statistics another one shares goes on from there. A live Dropout takes the ratio that the node says, 0.5 if none.
 * @throws what `load` throws; ModelError where running statistics or a ratio are computed by the graph, or a shape is
 *   not known that a mask needs.
 */
export function trainingForm(source: Graph | Model, options: TrainingFormOptions): TrainingForm {
  const inference = 'opsets' in source ? loadModel(source, options) : load(source, options);
  const running =
    options.batchNormalization === 'live' ? runningStatistics(inference) : new Set<string>();
  const b = builder(inference.opset, options.ops);
  b.reserve(namesIn(inference.nodes));
  const state = new Map<string, CarriedState>();
  for (const [name, data] of inference.parameters) if (!running.has(name)) b.parameter(name, data);
  for (const [name, data] of inference.initializers)
    if (!running.has(name)) b.initializer(name, data);
  for (const { name, dtype, shape } of inference.inputs) b.input(name, dtype, shape);
  for (const name of running) {
    const initial = inference.parameters.get(name) ?? (inference.known(name) as Tensor);
    const value = b.input(name, initial.dtype, initial.dims);
    state.set(name, { value, initial, next: value });
  }
  const maps = new MapForms(inference);
  for (const node of inference.nodes)
    if (isStandard(node, 'BatchNormalization') && running.size > 0)
      liveNormalization(b, node, state);
    else if (isStandard(node, 'Dropout') && options.dropout !== 'off') liveDropout(b, node);
    else if (!maps.add(b, node))
      for (const each of asInference(node)) b.add(each, inference.values);
  for (const { name } of inference.outputs) b.output(b.value(name));
  return { b, state: [...state.values()] };
}

/** The node without its training mode, as files say it that were exported for training. */
function asInference(node: Node): readonly Node[] {
  if (isStandard(node, 'Dropout')) return [{ ...node, inputs: node.inputs.slice(0, 2) }];
  if (!isStandard(node, 'BatchNormalization')) return [node];
  const { training_mode: _, ...attributes } = node.attributes;
  const [y = '', ...statistics] = node.outputs;
  const carried = statistics.flatMap((output, i): Node[] => {
    const inputs = [node.inputs[3 + i] ?? ''];
    const rest = { name: node.name, domain: '', attributes: {} };
    return output === '' ? [] : [{ ...rest, op: 'Identity', inputs, outputs: [output] }];
  });
  return [{ ...node, attributes, outputs: [y] }, ...carried];
}

/** Names of the initializers that hold running statistics. */
function runningStatistics(b: Builder): Set<string> {
  const found = new Set<string>();
  for (const node of b.nodes.filter((each) => isStandard(each, 'BatchNormalization')))
    for (const name of node.inputs.slice(3, 5)) {
      if (!b.initializers.has(name) && !b.parameters.has(name))
        throw new ModelError(
          `BatchNormalization at node "${node.name}": its running statistics "${name}" must be an initializer to be carried on. Use frozen`,
          { node: node.name, actual: name },
        );
      found.add(name);
    }
  return found;
}

function liveNormalization(b: Builder, node: Node, state: Map<string, CarriedState>): void {
  const [x, scale, bias] = node.inputs.map((name) => b.value(name)) as [Value, Value, Value];
  const { epsilon, momentum } = attributesOf(b.table, node) as Record<string, number>;
  const { mean, variance } = b.within(node.name, () => batchStatistics(b, x));
  const [y = '', ...statistics] = node.outputs;
  b.node('BatchNormalization', [x, scale, bias, mean, variance], { epsilon }, { outputs: [y] });
  for (const [i, batch] of [mean, variance].entries()) {
    const name = node.inputs[3 + i] ?? '';
    const carried = state.get(name) as CarriedState;
    const kept = momentum ?? 0.9;
    const next = b.within(node.name, () =>
      b.Add(b.Mul(carried.next, kept), b.Mul(batch, 1 - kept)),
    );
    state.set(name, { ...carried, next });
    if (statistics[i]) b.node('Identity', [next], {}, { outputs: [statistics[i]] });
  }
}

function liveDropout(b: Builder, node: Node): void {
  const [data = '', ratioName = ''] = node.inputs;
  const [output = '', mask = ''] = node.outputs;
  const x = b.value(data);
  const known = ratioName === '' ? [0.5] : toNumbersOf(b, ratioName);
  const [ratio] = known ?? [];
  if (ratio === undefined || !isStatic(x.shape))
    throw new ModelError(
      `Dropout at node "${node.name}": its ratio and the shape of its input must be known before the run to draw a mask. Bind symbolic dimensions, or leave dropout off`,
      { node: node.name, actual: x.shape },
    );
  const name = `${node.name || output}.keep`;
  if (ratio === 0) b.node('Identity', [x], {}, { outputs: [output] });
  else dropout(b, x, name, ratio, output);
  if (mask) {
    const kept = ratio === 0 ? b.Equal(x, x) : b.Cast(b.value(name), { to: 9 });
    b.node('Identity', [kept], {}, { outputs: [mask] });
  }
}

const toNumbersOf = (b: Builder, name: string): number[] | null => {
  const data = b.known(name);
  return data && toNumbers(data);
};
