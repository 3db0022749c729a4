/** Every operator that Espalier knows, one line each. To add one: its entry in a file of this folder, and a line here. */

import * as activation from './activation.js';
import * as arithmetic from './arithmetic.js';
import * as controlFlow from './control-flow.js';
import * as convolution from './convolution.js';
import * as creation from './creation.js';
import * as cumulative from './cumulative.js';
import * as dropout from './dropout.js';
import * as einsum from './einsum.js';
import * as elementwise from './elementwise.js';
import * as gridSample from './grid-sample.js';
import * as indexing from './indexing.js';
import * as logic from './logic.js';
import * as matmul from './matmul.js';
import * as movement from './movement.js';
import * as normalization from './normalization.js';
import * as normalizationBatch from './normalization-batch.js';
import * as normalizationGroups from './normalization-groups.js';
import * as normalizationResponse from './normalization-response.js';
import * as pad from './pad.js';
import * as pool from './pool.js';
import * as poolGlobal from './pool-global.js';
import * as rearrangeBlocks from './rearrange-blocks.js';
import * as reduceProd from './reduce-prod.js';
import * as reduction from './reduction.js';
import * as repetition from './repetition.js';
import * as resize from './resize.js';
import * as scatterNd from './scatter-nd.js';
import * as slicing from './slicing.js';
import * as softmax from './softmax.js';
import * as topk from './topk.js';

export const ops = {
  ...activation,
  ...elementwise,
  ...controlFlow,
  ...convolution,
  ...creation,
  ...cumulative,
  ...dropout,
  ...einsum,
  ...gridSample,
  ...indexing,
  ...matmul,
  ...movement,
  ...pad,
  ...pool,
  ...poolGlobal,
  ...repetition,
  ...scatterNd,
  ...resize,
  ...slicing,
  ...arithmetic,
  ...logic,
  ...normalization,
  ...normalizationBatch,
  ...normalizationGroups,
  ...normalizationResponse,
  ...rearrangeBlocks,
  ...reduceProd,
  ...reduction,
  ...softmax,
  ...topk,
};

export type Ops = typeof ops;
export type OpName = keyof Ops;
