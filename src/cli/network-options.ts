/** The options of training commands that say which network is trained, and which of its parts. */
import { z } from 'zod';

export const networkOptions = {
  head: z
    .enum(['auto', 'new', 'keep'])
    .default('auto')
    .describe('the last layer: new, as it is, or as it is where the classes are the same'),
  batchNorm: z
    .enum(['frozen', 'live'])
    .optional()
    .describe("BatchNormalization by its own statistics (--from), or by the batch's (--model)"),
  classes: z.array(z.string()).optional().describe("the model's class names, where it has none"),
  input: z
    .string()
    .optional()
    .meta({ placeholder: 'name' })
    .describe('input that takes the images'),
  outputName: z
    .string()
    .optional()
    .meta({ placeholder: 'name' })
    .describe('output that has the scores (logits, probabilities, or the first)'),
  hub: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('write the folder for transformers.js here too (it is huggingface/ of the run)'),
};

/** @param usual the weights that are trained unless said otherwise */
export const trainedWeights = (usual: readonly string[]) =>
  z
    .array(z.string())
    .default([...usual])
    .meta({ placeholder: 'all|head|pattern,...' })
    .describe(
      'which weights: all, the head, or those whose names fit a pattern such as features.12.*',
    );
