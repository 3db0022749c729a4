/** Optimizers as graph: each turns a parameter, its gradient and its state into the next ones. */
import type { Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';

/** One parameter's update inside the step graph. */
export interface Update {
  readonly parameter: Value;
  /** Next state, in the order of `Optimizer.slots`. */
  readonly state: readonly Value[];
}

/** How one parameter is updated, as multiples of what holds for all (Caffe's lr_mult and decay_mult). */
export interface ParameterSettings {
  /** Of the learning rate; 1 where left out. 0 keeps the parameter as it is. */
  readonly rate?: number;
  /** Of the weight decay; 1 where left out. */
  readonly decay?: number;
}

export interface Optimizer {
  readonly name: string;
  /** Names of the state tensors kept for each parameter, of its shape, zero at first. */
  readonly slots: readonly string[];
  /** Names of the scalar inputs that `scalars` fills. */
  readonly inputs: readonly string[];
  /** Values of `inputs` for a step (from 1 on) at a learning rate; in double precision on the host. */
  scalars(step: number, learningRate: number): readonly number[];
  /** Adds the update of one parameter. `scalars` are float32 and rank 0, in the order of `inputs`. */
  update(
    b: Builder,
    parameter: Value,
    gradient: Value,
    state: readonly Value[],
    scalars: readonly Value[],
    settings?: ParameterSettings,
  ): Update;
}

export interface AdamOptions {
  /** Decay of the mean of gradients (Kingma & Ba 2015, section 2). */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. */
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Taken off apart from the gradient, `learningRate * weightDecay` of the parameter a step (AdamW). 0 by default. */
  readonly weightDecay?: number;
}

/** `value` times a factor known beforehand. */
const times = (b: Builder, value: Value, factor: number): Value =>
  factor === 1 ? value : b.Mul(value, factor);

/**
 * Adam (Kingma & Ba 2015, Algorithm 1), exactly, in ten passes over memory rather than fourteen: the state is
 * kept as M = m / (1 - beta1) and V = v / (1 - beta2), so that neither needs its gradient scaled, and the
 * constants left over go into the two scalars `stepSize` and `epsilon`. With weight decay it is AdamW (Loshchilov &
 * Hutter 2019, Algorithm 2), whose decay the schedule scales as it does the step.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
  return {
    name: 'adam',
    slots: ['M', 'V'],
    inputs: ['stepSize', 'epsilon', ...(weightDecay === 0 ? [] : ['decay'])],
    scalars(step, learningRate) {
      // m^ = M (1 - beta1) / (1 - beta1^t) and sqrt(v^) = k sqrt(V), divided through by k.
      const k = Math.sqrt((1 - beta2) / (1 - beta2 ** step));
      const stepSize = (learningRate * (1 - beta1)) / (1 - beta1 ** step) / k;
      return [stepSize, epsilon / k, ...(weightDecay === 0 ? [] : [learningRate * weightDecay])];
    },
    update(b, parameter, gradient, [M, V], [stepSize, scaledEpsilon, decay], settings = {}) {
      const { rate = 1, decay: share = 1 } = settings;
      const nextM = b.Add(b.Mul(M as Value, beta1), gradient);
      const nextV = b.Add(b.Mul(V as Value, beta2), b.Mul(gradient, gradient));
      const root = b.Add(b.Sqrt(nextV), scaledEpsilon as Value);
      const change = b.Div(b.Mul(nextM, times(b, stepSize as Value, rate)), root);
      const shrunk =
        decay && rate * share !== 0
          ? b.Mul(parameter, b.Sub(1, times(b, decay, rate * share)))
          : parameter;
      return { parameter: b.Sub(shrunk, change), state: [nextM, nextV] };
    },
  };
}

export interface SgdOptions {
  readonly momentum?: number;
  /** Nesterov's form (Sutskever et al. 2013), as PyTorch and Caffe write it. */
  readonly nesterov?: boolean;
  /** L2 penalty: `weightDecay` times the parameter is added to its gradient. */
  readonly weightDecay?: number;
}

/** Stochastic gradient descent: v = momentum v + g + weightDecay p; p = p - learningRate v. */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { momentum = 0, nesterov = false, weightDecay = 0 } = options;
  return {
    name: 'sgd',
    slots: momentum === 0 ? [] : ['velocity'],
    inputs: ['learningRate'],
    scalars: (_, learningRate) => [learningRate],
    update(b, parameter, gradient, [velocity], [learningRate], { rate = 1, decay = 1 } = {}) {
      const penalty = weightDecay * decay;
      const decayed = penalty === 0 ? gradient : b.Add(gradient, b.Mul(parameter, penalty));
      const next = velocity ? b.Add(b.Mul(velocity, momentum), decayed) : decayed;
      const direction = nesterov && velocity ? b.Add(b.Mul(next, momentum), decayed) : next;
      return {
        parameter: b.Sub(parameter, b.Mul(direction, times(b, learningRate as Value, rate))),
        state: velocity ? [next] : [],
      };
    },
  };
}
