/** What becomes of each operator when a classifier slides over an image; the others cannot be converted. */
import { type Conversion, Refusal, type Rule } from './conversion.js';
import {
  alongChannels,
  batchNormalization,
  concat,
  perPosition,
  place,
  reduction,
  reshape,
  split,
  transpose,
} from './convert-channels.js';
import { gather, pad, slice } from './convert-cut.js';
import { elementwise } from './convert-elementwise.js';
import { gemm, matMul } from './convert-linear.js';
import { globalPool, resize, sliding, spreading } from './convert-pool.js';

const all = (rule: Rule, ...names: readonly string[]): Record<string, Rule> =>
  Object.fromEntries(names.map((name) => [name, rule]));

const refused =
  (reason: string): Rule =>
  (_, __: Conversion) => {
    throw new Refusal(reason);
  };

const statistics = 'it takes its statistics over the whole map, which grows with the image';

/** By operator. */
export const rules: Readonly<Record<string, Rule>> = {
  ...all(sliding, 'Conv', 'MaxPool', 'AveragePool', 'LpPool'),
  ...all(globalPool, 'GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'),
  ...all(reshape, 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Identity'),
  ...all(elementwise, 'Abs', 'Add', 'And', 'Cast', 'Ceil', 'Celu', 'Clip', 'Cos', 'Div', 'Dropout'),
  ...all(elementwise, 'Elu', 'Equal', 'Erf', 'Exp', 'Floor', 'Gelu', 'Greater', 'GreaterOrEqual'),
  ...all(elementwise, 'HardSigmoid', 'HardSwish', 'IsNaN', 'LeakyRelu', 'Less', 'LessOrEqual'),
  ...all(
    elementwise,
    'Log',
    'Max',
    'Mean',
    'Min',
    'Mish',
    'Mul',
    'Neg',
    'Not',
    'Or',
    'PRelu',
    'Pow',
  ),
  ...all(elementwise, 'Reciprocal', 'Relu', 'Round', 'Selu', 'Shrink', 'Sigmoid', 'Sign', 'Sin'),
  ...all(elementwise, 'Softplus', 'Softsign', 'Sqrt', 'Sub', 'Sum', 'Tanh', 'ThresholdedRelu'),
  ...all(elementwise, 'Where', 'Xor'),
  ...all(alongChannels, 'Softmax', 'LogSoftmax', 'Hardmax', 'LpNormalization'),
  ...all(place, 'ArgMax', 'ArgMin'),
  ...all(reduction, 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceSum', 'ReduceProd', 'ReduceL1'),
  ...all(reduction, 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceSumSquare'),
  ...all(perPosition, 'LRN'),
  ...all(refused(statistics), 'InstanceNormalization', 'GroupNormalization'),
  ...all(refused(statistics), 'LayerNormalization', 'MeanVarianceNormalization'),
  BatchNormalization: batchNormalization,
  Concat: concat,
  ConvTranspose: spreading,
  Gather: gather,
  Gemm: gemm,
  MatMul: matMul,
  Pad: pad,
  Resize: resize,
  Slice: slice,
  Split: split,
  Transpose: transpose,
};
