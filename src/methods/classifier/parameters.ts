/** Which weights of a network are trained, and how each of them. */
import { UsageError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import type { ParameterSettings } from '../../nn/optimizer.js';
import { weightsBehind } from '../../ops/tied.js';
import type { ClassifierConfig } from './config.js';
import type { Network } from './network.js';

/** What a parameter is to its layer. A `scale` multiplies channels or features. */
export type Role = 'weight' | 'bias' | 'scale';

/** The inputs of operators that are weights; BatchNormalization's running statistics are not. */
const roles: Readonly<Record<string, Readonly<Record<number, Role>>>> = {
  Conv: { 1: 'weight', 2: 'bias' },
  ConvTranspose: { 1: 'weight', 2: 'bias' },
  Gemm: { 0: 'weight', 1: 'weight', 2: 'bias' },
  MatMul: { 0: 'weight', 1: 'weight' },
  BatchNormalization: { 1: 'scale', 2: 'bias' },
  InstanceNormalization: { 1: 'scale', 2: 'bias' },
  LayerNormalization: { 1: 'scale', 2: 'bias' },
  GroupNormalization: { 1: 'scale', 2: 'bias' },
  PRelu: { 1: 'scale' },
  Add: { 0: 'bias', 1: 'bias' },
  Mul: { 0: 'scale', 1: 'scale' },
};

/**
 * The float32 weights of a graph by name, in the order in which they are used, in whatever form. Scalars are constants.
 */
export function trainableWeights(graph: Graph): ReadonlyMap<string, Role> {
  const found = new Map<string, Role>();
  const behind = weightsBehind(graph);
  for (const { op, domain, inputs } of graph.nodes)
    for (const [i, role] of Object.entries(domain === '' ? (roles[op] ?? {}) : {})) {
      const name = behind.get(inputs[Number(i)] ?? '') ?? '';
      const data = graph.initializers.get(name);
      if (data?.dtype === 'float32' && data.data.length > 1 && !found.has(name))
        found.set(name, role);
    }
  return found;
}

/** A pattern over names: `*` stands for any letters, `?` for one. */
export function globMatches(pattern: string, name: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  const expression = escaped.replaceAll('*', '.*').replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(name);
}

/**
 * The names of the parameters to train.
 * @param train `all`, `head`, or patterns over names; a parameter that any of them fits is trained
 * @throws UsageError for a pattern that fits no weight.
 */
export function chooseParameters({ graph, head }: Network, train: readonly string[]): Set<string> {
  const names = [...trainableWeights(graph).keys()];
  const ofHead = [head.weight, head.bias];
  const chosen = new Set<string>();
  for (const pattern of train) {
    const fitting = names.filter(
      (name) =>
        pattern === 'all' ||
        (pattern === 'head' ? ofHead.includes(name) : globMatches(pattern, name)),
    );
    if (fitting.length === 0) throw unknownWeight(pattern, names);
    for (const name of fitting) chosen.add(name);
  }
  return chosen;
}

const unknownWeight = (pattern: string, names: readonly string[]): UsageError =>
  new UsageError(`no weight of the model is called "${pattern}". There are ${shortened(names)}`, {
    expected: names,
    actual: pattern,
  });

function shortened(names: readonly string[]): string {
  const most = 12;
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return names.slice(0, most).join(', ') + more;
}

/** A pattern and its learning rate, as a multiple of the base rate. */
export interface RateOf {
  readonly pattern: string;
  readonly rate: number;
}

/**
 * Reads `pattern=rate`.
 * @throws UsageError where the text is not of that form.
 */
export function parseRate(text: string): RateOf {
  const at = text.lastIndexOf('=');
  const rate = Number(text.slice(at + 1));
  if (at < 1 || text.slice(at + 1).trim() === '' || !(rate >= 0 && Number.isFinite(rate)))
    throw new UsageError(
      `invalid learning rate "${text}": write a pattern and a multiple from 0 on, as "features.*=0.1"`,
      { actual: text },
    );
  return { pattern: text.slice(0, at), rate };
}

/**
 * How a parameter is trained: rates are multiplied, and decay may be for weights alone.
 * @throws UsageError for a rate whose pattern fits no weight.
 */
export function settingsOf(
  { graph, head }: Network,
  config: Pick<ClassifierConfig, 'headRate' | 'biasRate' | 'rates' | 'decay'>,
): (name: string) => ParameterSettings {
  const roleOf = trainableWeights(graph);
  const rates = config.rates.map(parseRate);
  const names = [...roleOf.keys()];
  for (const { pattern } of rates)
    if (!names.some((name) => globMatches(pattern, name))) throw unknownWeight(pattern, names);
  return (name) => {
    const role = roleOf.get(name) ?? 'weight';
    const isHead = name === head.weight || name === head.bias;
    // The last pattern that fits holds, so that a general one can come first.
    const own = rates.findLast(({ pattern }) => globMatches(pattern, name))?.rate ?? 1;
    const rate = own * (isHead ? config.headRate : 1) * (role === 'bias' ? config.biasRate : 1);
    return { rate, decay: config.decay === 'all' || role === 'weight' ? 1 : 0 };
  };
}
