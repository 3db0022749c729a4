/**
 * Several steps as one graph: ONNX's Scan over the step. Each run of a session copies every output back into
 * JavaScript (onnxruntime-node even where it wrote into a given tensor), so parameters that go from step to step inside
 * the graph save that: 37 MB a step for the ladder. How many steps a run takes is decided when it is called.
 */

import { internal } from '../errors.js';
import {
  type Attribute,
  type Graph,
  type Model,
  model,
  type Node,
  type ValueInfo,
} from '../graph/graph.js';
import { opsetOf } from '../ops/load.js';
import { nextName, scalarName, type TrainingStep } from './step.js';

/** Name of the symbolic dimension that the steps of a run lie on. */
const steps = 'steps';

/** Values inside the body may not have the names of those around it. */
const inside = (name: string): string => (name === '' ? '' : `step/${name}`);

/** Inputs of a step that differ from step to step: the batch, the noise and the optimizer's scalars. */
export function changingInputs({
  batch,
  stochastic,
  optimizer,
  model: { graph },
}: TrainingStep): ValueInfo[] {
  const names = [
    ...batch.map(({ name }) => name),
    ...stochastic.map(({ value }) => value.name),
    ...optimizer.inputs.map((input) => scalarName(optimizer, input)),
  ];
  return graph.inputs.filter(({ name }) => names.includes(name));
}

/**
 * A model that takes what `step.model` takes, with one axis more in front of what changes from step to step, and gives
 * the last step's parameters and state, and the losses of all steps, (steps).
 */
export function severalSteps(step: TrainingStep): Model {
  const { graph } = step.model;
  const changing = changingInputs(step);
  const isChanging = new Set(changing.map(({ name }) => name));
  const kept = graph.inputs.filter(({ name }) => !isChanging.has(name));
  const info = (name: string): ValueInfo =>
    graph.outputs.find((output) => output.name === name) ?? internal(`no output "${name}"`);
  const next = kept.map(({ name }) => info(nextName(name)));
  const losses = step.losses.map((name) => info(`losses/${name}`));
  const body: Graph = {
    name: 'step',
    inputs: [...kept, ...changing].map(renamed),
    outputs: [...next, ...losses].map(renamed),
    nodes: graph.nodes.map(
      (node): Node => ({
        ...node,
        inputs: node.inputs.map(inside),
        outputs: node.outputs.map(inside),
      }),
    ),
    initializers: new Map([...graph.initializers].map(([name, data]) => [inside(name), data])),
    values: new Map([...graph.values].map(([name, value]) => [inside(name), renamed(value)])),
  };
  const attributes: Record<string, Attribute> = {
    body: { type: 'graph', value: body },
    num_scan_inputs: { type: 'int', value: changing.length },
  };
  const scan: Node = {
    name: 'steps',
    op: 'Scan',
    domain: '',
    inputs: [...kept, ...changing].map(({ name }) => name),
    outputs: [...next, ...losses].map(({ name }) => name),
    attributes,
  };
  const whole: Graph = {
    name: 'training-steps',
    inputs: [...kept, ...changing.map(stacked)],
    outputs: [...next, ...losses.map(stacked)],
    nodes: [scan],
    initializers: new Map(),
    values: new Map(),
  };
  return model(whole, {}, opsetOf(step.model));
}

const renamed = (value: ValueInfo): ValueInfo => ({ ...value, name: inside(value.name) });

const stacked = (value: ValueInfo): ValueInfo => ({
  ...value,
  shape: [steps, ...(value.shape ?? [])],
});
