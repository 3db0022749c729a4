/** The gradient that LpPool and GlobalLpPool share. */
import type { Value } from '../graph/graph.js';
import type { Builder } from './builder.js';
import { replaced } from './mask.js';

/**
 * dx of y = (Σ |x|ᵖ)^(1/p): sign(x) |x|^(p-1) times the sum of dy y^(1-p) over the windows that hold the element; 0
 * in windows of zeros.
 * @param spread sums a value of y's shape over the windows of each element of x; its result may broadcast to x
 */
export function lpGradient(
  b: Builder,
  x: Value,
  y: Value,
  dy: Value,
  p: number,
  spread: (value: Value) => Value,
): Value {
  if (p === 1) return b.Mul(b.Sign(x), spread(dy));
  const safe = replaced(b, b.Equal(y, 0), 1, y);
  if (p === 2) return b.Mul(x, spread(b.Div(dy, safe)));
  return b.Mul(b.Mul(x, b.Pow(b.Abs(x), p - 2)), spread(b.Mul(dy, b.Pow(safe, 1 - p))));
}
