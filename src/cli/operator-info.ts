/** What the operator table says of gradients, in the words of the command line. */
import type { NoGradient, Op } from '../ops/op.js';
import { ops } from '../ops/table.js';

/** An operator of the table. */
export interface OperatorInfo {
  readonly name: string;
  /** `yes`; `zero` where the derivative is zero wherever it exists; `none` where there is none. */
  readonly gradient: 'yes' | 'zero' | 'none';
  /** Why it is zero or none; empty for yes. */
  readonly reason: string;
  /** Calls on which the gradient is checked against finite differences. */
  readonly cases: number;
  /** Of these, calls whose second derivative is checked as well. */
  readonly secondOrder: number;
  readonly inputs: readonly string[];
}

const table: Readonly<Record<string, Op>> = ops as unknown as Readonly<Record<string, Op>>;

/** All operators, by name. */
export function operatorInfos(): OperatorInfo[] {
  return Object.entries(table)
    .map(([name, op]) => describe(name, op))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The operator of the standard domain called so, or null where the table has none. */
export function operatorInfo(name: string, domain: string): OperatorInfo | null {
  const op = domain === '' && Object.hasOwn(table, name) ? table[name] : undefined;
  return op ? describe(name, op) : null;
}

function describe(name: string, { gradient, cases, inputs }: Op): OperatorInfo {
  const missing: NoGradient | null = 'kind' in gradient ? gradient : null;
  const checked = missing ? [] : cases;
  return {
    name,
    gradient: missing?.kind ?? 'yes',
    reason: missing?.reason ?? '',
    cases: checked.length,
    secondOrder: checked.filter(({ smooth }) => smooth !== false).length,
    inputs,
  };
}
