/** L-BFGS (Liu and Nocedal 1989) with halved steps, for smooth costs that are looked at whole. */

export interface DescentOptions {
  /** Steps at most. */
  readonly iterations: number;
  /** Largest element of the gradient at which the descent is done; 1e-4 unless given. */
  readonly tolerance?: number;
  /** Told after each step: how many are done, the cost, and the step's length as a multiple of the direction. */
  readonly onStep?: ((steps: number, cost: number, length: number) => void) | undefined;
}

/** A place whose cost is wanted. */
export interface Question {
  readonly point: Float64Array;
  /** To be written over with the gradient there. */
  readonly gradient: Float64Array;
}

/** Where a descent ended. */
export interface Descent {
  readonly point: Float64Array;
  readonly cost: number;
  readonly steps: number;
}

/** Pairs of steps and changes of the gradient that the curvature is told from: ours, as most have it. */
const memory = 10;

/**
 * Asks for costs and gradients, one after the other, and returns the place of the least. A generator, so that whoever
 * answers may take their time: on the host at once, or by a runtime.
 * @param start not written to
 */
export function* descend(
  start: Float64Array,
  { iterations, tolerance = 1e-4, onStep }: DescentOptions,
): Generator<Question, Descent, number> {
  let point = start;
  let gradient = new Float64Array(point.length);
  let cost = yield { point, gradient };
  const pairs: Pairs = [];
  let steps = 0;
  for (; steps < iterations; steps++) {
    if (gradient.every((slope) => Math.abs(slope) <= tolerance)) break;
    const direction = directionOf(gradient, pairs);
    const slope = dot(direction, gradient);
    // The first step is as long as the gradient is short, later ones are Newton's.
    let length = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    const next = new Float64Array(point.length);
    const there = new Float64Array(point.length);
    let reached = Number.POSITIVE_INFINITY;
    // Halved until it pays (Armijo).
    for (let tries = 0; tries < 30; tries++, length /= 2) {
      for (let i = 0; i < point.length; i++)
        next[i] = (point[i] as number) + length * (direction[i] as number);
      reached = yield { point: next, gradient: there };
      if (reached <= cost + 1e-4 * length * slope) break;
    }
    if (!(reached < cost)) break;
    const step = next.map((value, i) => value - (point[i] ?? 0));
    const change = there.map((value, i) => value - (gradient[i] ?? 0));
    if (dot(step, change) > 1e-12 * dot(change, change)) pairs.push({ step, change });
    if (pairs.length > memory) pairs.shift();
    point = next;
    gradient = there;
    cost = reached;
    onStep?.(steps + 1, cost, length);
  }
  return { point, cost, steps };
}

/** Pairs of a step and the gradient's change along it, the latest last. */
type Pairs = { readonly step: Float64Array; readonly change: Float64Array }[];

export const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
};

/** Minus the gradient times the inverse curvature that the pairs tell of: the two loops. */
function directionOf(gradient: Float64Array, pairs: Pairs): Float64Array {
  const direction = gradient.map((value) => -value);
  const add = (other: Float64Array, factor: number): void => {
    for (let i = 0; i < direction.length; i++)
      direction[i] = (direction[i] as number) + factor * (other[i] as number);
  };
  const factors: number[] = [];
  for (const { step, change } of pairs.toReversed()) {
    const factor = dot(step, direction) / dot(step, change);
    factors.push(factor);
    add(change, -factor);
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = dot(last.step, last.change) / dot(last.change, last.change);
    for (let i = 0; i < direction.length; i++) direction[i] = (direction[i] as number) * scale;
  }
  for (const { step, change } of pairs) {
    const factor = factors.pop() ?? 0;
    add(step, factor - dot(change, direction) / dot(step, change));
  }
  return direction;
}
