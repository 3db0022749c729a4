/**
 * Damaged files through all that a file goes through: read, inferred, printed, written, inspected. Whatever the damage,
 * the answer is a model or one of our errors, and neither takes long or much memory. `ESPALIER_FUZZ_SECONDS` (2) and
 * `ESPALIER_FUZZ_SEED` (1) say how long and with which damage.
 */
import { describe, expect, it } from 'vitest';
import { analyse, analyseStated } from '../src/cli/model-analysis.js';
import { summarize } from '../src/cli/model-summary.js';
import { EspalierError } from '../src/errors.js';
import { printGraph } from '../src/graph/print.js';
import { readModel } from '../src/onnx/read.js';
import { writeModel } from '../src/onnx/write.js';
import { loadModel } from '../src/ops/load.js';
import { corpus } from './fuzz-corpus.js';
import { damageBytes, damageFields, drawsFrom } from './fuzz-mutations.js';

const seconds = Number(process.env['ESPALIER_FUZZ_SECONDS'] ?? 2);
const firstSeed = Number(process.env['ESPALIER_FUZZ_SEED'] ?? 1);

/** Far more than a file of the corpus takes, also where other programs keep the machine busy. */
const patience = { seconds: 20, bytes: 2 ** 28 };

type Reached = 'refused' | 'read' | 'loaded' | 'inspected';

/** What became of a file: how far it came, or an error that is none of ours. */
function fate(bytes: Uint8Array, trained = false): Reached | Error {
  let reached: Reached = 'refused';
  try {
    const model = readModel(bytes);
    const written = writeModel(model);
    if (!Buffer.from(writeModel(readModel(written))).equals(written))
      return new Error('what was written is not what is read from it');
    printGraph(model.graph);
    reached = 'read';
    JSON.stringify([summarize(model), analyseStated(model)]);
    const b = loadModel(model, trained ? { trainable: () => true } : {});
    printGraph(b.build(), b.values);
    reached = 'loaded';
    JSON.stringify(analyse(model, {}));
    reached = 'inspected';
  } catch (error) {
    if (!(error instanceof EspalierError)) return error as Error;
    if (error.message.startsWith('internal')) return error;
  }
  return reached;
}

/** As `fate`, and an error where it took too much: what was allocated in one go is seen, garbage is not. */
function boundedFate(bytes: Uint8Array, trained: boolean): Reached | Error {
  const [start, before] = [performance.now(), process.memoryUsage().arrayBuffers];
  const result = fate(bytes, trained);
  const took = (performance.now() - start) / 1000;
  const more = process.memoryUsage().arrayBuffers - before;
  if (took > patience.seconds) return new Error(`it took ${took.toFixed(0)} s`);
  if (more > patience.bytes) return new Error(`it took ${(more / 2 ** 20).toFixed(0)} MiB`);
  return result;
}

describe('damaged files', () => {
  it(
    'give a model or an error of ours',
    () => {
      const files = corpus();
      const counts = { refused: 0, read: 0, loaded: 0, inspected: 0 };
      const end = performance.now() + 1000 * seconds;
      for (let seed = firstSeed; performance.now() < end; seed++) {
        const draw = drawsFrom(seed);
        const file = files[draw(files.length)] ?? new Uint8Array();
        const fields = draw(3) > 0 ? damageFields(file, draw) : file;
        const damaged = fields === file || draw(4) === 0 ? damageBytes(fields, draw) : fields;
        const result = boundedFate(damaged, seed % 2 === 0);
        if (typeof result !== 'string') throw new Error(`seed ${seed}: ${result.stack}`);
        counts[result]++;
      }
      // Damage that only ever stops the reader, or never does, would test little.
      const { loaded, ...usual } = counts;
      for (const count of Object.values(usual)) expect(count).toBeGreaterThan(20);
      // Inspected with a batch of 1, which not every graph takes.
      expect(loaded).toBeGreaterThan(0);
    },
    1000 * seconds + 60_000,
  );

  it('are the same for the same seed', () => {
    const [file = new Uint8Array()] = corpus();
    for (const damage of [damageBytes, damageFields])
      expect(damage(file, drawsFrom(3))).toEqual(damage(file, drawsFrom(3)));
  });

  it('start from files that are whole', () => {
    for (const file of corpus()) expect(['read', 'loaded', 'inspected']).toContain(fate(file));
  });
});
