/** Several steps as one, each from what those before it left: a round of updates that is one graph. */
import { internal } from '../errors.js';
import { type Graph, model, type Node, type ValueInfo } from '../graph/graph.js';
import { reading } from '../graph/order.js';
import type { Optimizer } from '../nn/optimizer.js';
import { opsetOf } from '../ops/load.js';
import { optimize } from '../ops/rewrite/optimize.js';
import type { Tensor } from '../tensor/tensor.js';
import { nextName, scalarName, type TrainingStep } from './step.js';

/** One update of a round. */
export interface UpdateOfRound {
  /** Names of its optimizer's state and scalars begin with it. */
  readonly name: string;
  readonly step: TrainingStep;
  /** Its learning rate as a multiple of the round's. */
  readonly rate: number;
  /** What its `loss` is called among those of the round; others keep their names. */
  readonly loss: string;
}

/** The optimizer of a round has nothing to update itself: it hands out the scalars of the updates'. */
const roundName = 'round';

/**
 * Chains steps: parameters that an earlier step of the round has updated are read as it left them. Inputs of the same
 * name are the same: a batch, a noise. What two steps compute alike is computed once.
 * @param updates in their order; a parameter or state tensor belongs to one of them alone, as does a loss
 */
export function sequence(updates: readonly UpdateOfRound[]): TrainingStep {
  const nodes: Node[] = [];
  const inputs = new Map<string, ValueInfo>();
  const outputs: ValueInfo[] = [];
  const initializers = new Map<string, Tensor>();
  const values = new Map<string, ValueInfo>();
  const initial = new Map<string, Tensor>();
  const updated = new Set<string>();
  for (const update of updates) {
    const { graph } = update.step.model;
    const naming = namesOf(update, updated);
    const renamed = (info: ValueInfo): ValueInfo => ({ ...info, name: naming(info.name) });
    for (const info of graph.inputs) {
      const { name } = renamed(info);
      if (!updated.has(info.name)) inputs.set(name, { ...info, name });
    }
    for (const node of graph.nodes)
      nodes.push({
        ...reading(node, naming),
        name: `${update.name}/${node.name}`,
        outputs: node.outputs.map(naming),
      });
    for (const [name, data] of graph.initializers) initializers.set(naming(name), data);
    for (const info of graph.values.values()) values.set(naming(info.name), renamed(info));
    outputs.push(...graph.outputs.map(renamed));
    for (const [name, data] of update.step.initial) initial.set(naming(name), data);
    for (const name of kept(update.step)) {
      if (updated.has(name)) internal(`two updates of a round change "${name}"`);
      updated.add(name);
    }
  }
  const whole: Graph = {
    ...{ name: 'round', inputs: [...inputs.values()], outputs, nodes, initializers, values },
  };
  const opset = Math.max(...updates.map(({ step }) => opsetOf(step.model)));
  const steps = updates.map(({ step }) => step);
  return {
    model: model(optimize(whole, opset), {}, opset),
    initial,
    parameters: steps.flatMap(({ parameters }) => parameters),
    carried: steps.flatMap(({ carried }) => carried),
    batch: unique(steps.flatMap(({ batch }) => batch)).filter(({ name }) => !initial.has(name)),
    stochastic: uniqueBy(
      steps.flatMap(({ stochastic }) => stochastic),
      ({ value }) => value.name,
    ),
    optimizer: together(updates),
    losses: updates.flatMap(({ step, loss }) =>
      step.losses.map((name) => (name === 'loss' ? loss : name)),
    ),
  };
}

const kept = ({ parameters, carried }: TrainingStep): string[] => [...parameters, ...carried];

const uniqueBy = <T>(items: readonly T[], key: (item: T) => string): T[] => [
  ...new Map(items.map((item) => [key(item), item])).values(),
];

const unique = <T extends { readonly name: string }>(items: readonly T[]): T[] =>
  uniqueBy(items, ({ name }) => name);

/** What a value of an update's graph is called in that of the round. */
function namesOf(
  { name: update, step, loss }: UpdateOfRound,
  updated: ReadonlySet<string>,
): (name: string) => string {
  const own = new Set(kept(step));
  const shared = new Set(
    [...step.batch, ...step.stochastic.map(({ value }) => value)].map(({ name }) => name),
  );
  const fixed = new Map<string, string>();
  for (const input of step.optimizer.inputs)
    fixed.set(scalarName(step.optimizer, input), `${roundName}.${update}.${input}`);
  for (const name of step.initial.keys()) {
    const there = own.has(name) ? name : `${update}/${name}`;
    fixed.set(name, there);
    fixed.set(nextName(name), nextName(there));
  }
  fixed.set('losses/loss', `losses/${loss}`);
  for (const name of step.losses)
    if (name !== 'loss') fixed.set(`losses/${name}`, `losses/${name}`);
  return (name) => {
    if (name === '') return '';
    if (updated.has(name)) return nextName(name);
    return fixed.get(name) ?? (shared.has(name) ? name : `${update}/${name}`);
  };
}

function together(updates: readonly UpdateOfRound[]): Optimizer {
  return {
    name: roundName,
    slots: [],
    inputs: updates.flatMap(({ name, step }) =>
      step.optimizer.inputs.map((input) => `${name}.${input}`),
    ),
    scalars: (step, learningRate) =>
      updates.flatMap(({ step: { optimizer }, rate }) =>
        optimizer.scalars(step, learningRate * rate),
      ),
    update: () => internal('a round has no update of its own'),
  };
}
