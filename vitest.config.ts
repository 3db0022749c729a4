import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take 10 seconds and more, where vitest does not know yet: begun last they would leave a worker idle. */
const long = [
  ...['bench', 'examples', 'resume', 'gradients', 'architectures', 'fuzz'],
  ...['conv-classifier', 'attack-http'],
].map((name) => `/${name}.test.ts`);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number =>
      (long.findIndex((name) => moduleId.endsWith(name)) + long.length + 1) % (long.length + 1);
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const common = { pool: 'forks' as const, testTimeout: 60_000, hookTimeout: 60_000 };

/** Files share a worker, which loads the sources once: that is a third of what all tests take. */
const shared = { ...common, isolate: false, maxWorkers: 2 };

/** What reads and writes numbers bit by bit. ONNX Runtime, once in a process, takes its denormal numbers for 0. */
const bits = ['src/tensor/**/*.test.ts', 'src/onnx/**/*.test.ts'];

/** What puts other modules in the place of ours, which no other file may see. */
const mocking = [
  'src/nn/models/parameter-counts.test.ts',
  'src/runtime/profile.test.ts',
  'src/methods/attack/best-batch.test.ts',
];

/** What measures how promptly a page answers, and wants the machine for itself. */
const prompt = ['test/browser/training.test.ts'];

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: { ...shared, name: 'bits', include: bits, sequence: { groupOrder: 0 } },
      },
      {
        test: {
          ...{ ...shared, isolate: true },
          ...{ name: 'mocking', include: mocking, sequence: { groupOrder: 0 } },
        },
      },
      {
        test: {
          ...shared,
          name: 'node',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...prompt, ...bits, ...mocking],
          sequence: { groupOrder: 1 },
        },
      },
      {
        // After all others.
        test: {
          ...common,
          name: 'browser',
          include: prompt,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
