/** `espalier start`, which `npm start` runs: the main jobs in minutes, on real digits. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { nodeRuntime } from '../../runtime/node.js';
import { command } from '../command.js';
import type { LegOutput } from '../start/leg.js';
import { legs } from '../start/table.js';

const names = legs.map(({ name }) => name) as [string, ...string[]];

const options = z.object({
  legs: z
    .array(z.enum(names))
    .default([...names])
    .describe('which parts to run'),
  labels: z.number().int().positive().default(100).describe('labels to learn from'),
  // Ours: the paper trains 150; four are enough to see what the unlabelled images are worth.
  epochs: z.number().positive().default(4).describe('passes over the 60,000 unlabelled digits'),
  seed: z
    .number()
    .int()
    .nonnegative()
    .default(1)
    .describe('decides labels, scenes, weights, noise and order'),
  output: z
    .string()
    .default('runs/start')
    .meta({ placeholder: 'folder' })
    .describe('folder of all runs'),
});

export const start = command({
  name: 'start',
  summary:
    'Learn digits from 100 labels, beside a baseline, fool what was learnt, and segment scenes of digits',
  examples: [
    'espalier start',
    'espalier start --json',
    'espalier start --epochs 15',
    'espalier start --legs segmentation',
  ],
  arguments: [],
  options,
  async run({ options: { output, legs: chosen, ...given } }, context) {
    const runtime = await nodeRuntime();
    const input = { ...given, runtime, output: resolve(context.cwd, output), context };
    const json: Record<string, unknown> = {};
    const parts: string[] = [];
    const begun = performance.now();
    for (const { run } of legs.filter(({ name }) => chosen.includes(name))) {
      const legBegun = performance.now();
      const done = await run(input);
      Object.assign(json, done.json);
      parts.push(describeLeg(done, secondsSince(legBegun)));
    }
    const seconds = secondsSince(begun);
    return { json: { ...json, seconds }, text: parts.join('\n\n\n') };
  },
});

const secondsSince = (begun: number): number => Math.round((performance.now() - begun) / 1000);

function describeLeg(
  { headline, figures, model, report, next }: LegOutput,
  seconds: number,
): string {
  const width = Math.max(...figures.map(([name]) => name.length));
  return [
    `${headline} in ${seconds} s`,
    '',
    ...figures.map(([name, value]) => `  ${name.padEnd(width)}  ${value.padStart(8)}`),
    '',
    `model   ${model}`,
    `report  ${report}`,
    '',
    'next:',
    ...next.map((line) => `  ${line}`),
  ].join('\n');
}
