/** Dropout (Srivastava et al. 2014), as operator set 13 has it. */
import { GradientError } from '../errors.js';
import { scalar, toNumbers } from '../tensor/tensor.js';
import { checkFloat } from './infer.js';
import { int, type Op } from './op.js';
import { pointwise } from './receptive-field-rules.js';

/** Attributes of Dropout. */
export interface DropoutAttributes {
  readonly seed: number | undefined;
}

/**
 * The input itself, unless `training_mode` is true: then the runtime draws its own mask, which no gradient can know.
 * `trainingForm` of `src/nn` takes the mask as an input.
 */
export const Dropout: Op<['data', 'ratio?', 'training_mode?'], DropoutAttributes> = {
  inputs: ['data', 'ratio?', 'training_mode?'],
  outputs: ['output', 'mask?'],
  attributes: { seed: int() },
  infer({ input }) {
    const data = checkFloat(input(0));
    return [data, { dtype: 'bool', shape: data.shape }];
  },
  field: (context) => (context.index === 0 ? pointwise(context) : null),
  gradient({ x: [, , mode], dy, constant }) {
    const known = constant(2);
    if (mode && (!known || toNumbers(known)[0] !== 0))
      throw new GradientError(
        'training_mode has no gradient here, since the runtime draws the mask. Use trainingForm first',
      );
    return [dy, null, null];
  },
  cases: [
    { inputs: [[2, 3]] },
    { inputs: [[2, 3], { fixed: scalar('float32', 0.25) }], outputs: 2 },
    { inputs: [[4], null, { fixed: scalar('bool', 0) }] },
  ],
};
