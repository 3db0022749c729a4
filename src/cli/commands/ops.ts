/** `espalier ops`: which operators there are, and which have a gradient. */
import { z } from 'zod';
import { UsageError } from '../../errors.js';
import { command } from '../command.js';
import { type OperatorInfo, operatorInfos } from '../operator-info.js';
import { didYouMean } from '../suggest.js';
import { counted, textTable } from '../text-table.js';

const options = z.object({
  gradient: z.enum(['yes', 'zero', 'none']).optional().describe('only those with such a gradient'),
});

export const ops = command({
  name: 'ops',
  summary: 'List the ONNX operators and what is known of their gradients',
  examples: ['espalier ops', 'espalier ops reduce', 'espalier ops --gradient none --json'],
  arguments: [
    {
      name: 'names',
      description: 'operators, or parts of their names',
      required: false,
      variadic: true,
    },
  ],
  options,
  async run({ options: { gradient }, arguments: { names } }) {
    const all = operatorInfos();
    for (const name of names)
      if (!all.some((op) => matches(op, name)))
        throw new UsageError(
          `no operator is called anything like "${name}".${didYouMean(
            name,
            all.map((op) => op.name),
          )} "espalier ops" lists all`,
          { actual: name },
        );
    const chosen = all.filter(
      (op) =>
        (names.length === 0 || names.some((name) => matches(op, name))) &&
        (gradient === undefined || op.gradient === gradient),
    );
    return { json: { operators: chosen }, text: describe(chosen) };
  },
});

const matches = (op: OperatorInfo, name: string): boolean =>
  op.name.toLowerCase().includes(name.toLowerCase());

function describe(operators: readonly OperatorInfo[]): string {
  const rows = operators.map(({ name, gradient, reason, cases, secondOrder }) => [
    name,
    gradient,
    gradient === 'yes' ? String(cases) : '',
    gradient === 'yes' ? String(secondOrder) : '',
    reason,
  ]);
  const count = (kind: OperatorInfo['gradient']) =>
    operators.filter((op) => op.gradient === kind).length;
  return [
    textTable(['operator', 'gradient', 'checks', '2nd order', ''], rows, [
      'left',
      'left',
      'right',
      'right',
    ]),
    '',
    `${counted(operators.length, 'operator')}: ${count('yes')} with a gradient, ${count('zero')} with zero, ${count('none')} without`,
  ].join('\n');
}
