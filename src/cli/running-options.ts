/** The options of every training command that say how it runs, not what it learns. */
import { z } from 'zod';
import { nodeRuntime } from '../runtime/node.js';
import { webRuntime } from '../runtime/web.js';
import type { Context } from './command.js';
import type { TrainingRunOptions } from './training-run.js';

const positive = z.number().int().positive();

export const runningOptions = {
  overwrite: z.boolean().optional().describe('replace a run that is there'),
  resume: z.boolean().optional().describe('go on with it'),
  patience: positive
    .optional()
    .describe('end after so many epochs without a better validation error'),
  checkpointEvery: positive.optional().describe('steps between checkpoints (an epoch)'),
  runtime: z
    .enum(['node', 'web'])
    .default('node')
    .describe('native ONNX Runtime, or its WebAssembly build'),
  threads: positive.optional().describe('threads (as many as cores)'),
};

const optionsSchema = z.object(runningOptions);

/**
 * What a training run takes of them and of its surroundings.
 * @throws RuntimeUnavailableError where the runtime is not installed.
 */
export async function runningOf(
  { runtime, ...given }: z.output<typeof optionsSchema>,
  { signal, progress }: Context,
): Promise<Omit<TrainingRunOptions, 'options' | 'output'>> {
  return {
    runtime: runtime === 'web' ? await webRuntime() : await nodeRuntime(),
    threads: given.threads,
    overwrite: given.overwrite,
    resume: given.resume,
    patience: given.patience,
    checkpointEvery: given.checkpointEvery,
    ...{ signal, progress },
  };
}
