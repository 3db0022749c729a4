/** Which weights of a segmenter are trained, and how each of them. */
import { UsageError } from '../../errors.js';
import type { ParameterSettings } from '../../nn/optimizer.js';
import { globMatches, parseRate, trainableWeights } from '../classifier/parameters.js';
import type { FcnConfig } from './config.js';
import type { FcnNetwork } from './network.js';

/**
 * The names of the parameters to train: those that any of `config.train` fits, and the kernels of the upsamplings that
 * `config.upsampling` names.
 * @throws UsageError for a pattern that fits no weight.
 */
export function chooseParameters(network: FcnNetwork, config: FcnConfig): Set<string> {
  const kernels = new Set(network.kernels);
  const names = [...trainableWeights(network.graph).keys()].filter((name) => !kernels.has(name));
  const ofScores = new Set(network.scores.flatMap(({ weight, bias }) => [weight, bias]));
  const chosen = new Set(learnedKernels(network, config.upsampling));
  for (const pattern of config.train) {
    const fitting = names.filter(
      (name) =>
        pattern === 'all' ||
        (pattern === 'scores' ? ofScores.has(name) : globMatches(pattern, name)),
    );
    if (fitting.length === 0)
      throw new UsageError(
        `no weight of the network is called "${pattern}". There are ${names.slice(0, 12).join(', ')}${names.length > 12 ? ` and ${names.length - 12} more` : ''}`,
        { expected: names, actual: pattern },
      );
    for (const name of fitting) chosen.add(name);
  }
  return chosen;
}

function learnedKernels(
  { kernels }: FcnNetwork,
  upsampling: FcnConfig['upsampling'],
): readonly string[] {
  if (upsampling === 'fixed') return [];
  return upsampling === 'learned' ? kernels : kernels.slice(0, -1);
}

/** How a parameter is trained: rates are multiplied, and decay may be for weights alone. Kernels never decay. */
export function settingsOf(
  network: FcnNetwork,
  config: Pick<FcnConfig, 'scoreRate' | 'biasRate' | 'rates' | 'decay'>,
): (name: string) => ParameterSettings {
  const roleOf = trainableWeights(network.graph);
  const rates = config.rates.map(parseRate);
  const ofScores = new Set(network.scores.flatMap(({ weight, bias }) => [weight, bias]));
  return (name) => {
    const role = roleOf.get(name) ?? 'weight';
    // The last pattern that fits holds, so that a general one can come first.
    const own = rates.findLast(({ pattern }) => globMatches(pattern, name))?.rate ?? 1;
    const ofScore = ofScores.has(name) ? config.scoreRate : 1;
    const rate = own * ofScore * (role === 'bias' ? config.biasRate : 1);
    const decays = config.decay === 'all' || role === 'weight';
    return { rate, decay: decays && !network.kernels.includes(name) ? 1 : 0 };
  };
}
