import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, type Ran, run } from '../../../test/cli.js';
import { type Model, model } from '../../graph/graph.js';
import { builder } from '../../ops/builder.js';
import { tensor } from '../../tensor/tensor.js';

/** Bright or dark by the mean of 4 x 4 pixels, ten times as sure of itself as it should be. */
function classifier(): Model {
  const b = builder();
  const x = b.input('image', 'float32', [1, 1, 4, 4]);
  const weights = Float32Array.from({ length: 32 }, (_, i) => (i % 2 ? 20 : -20) / 16);
  const w = b.initializer('w', tensor('float32', [16, 2], weights));
  const bias = b.constant(tensor('float32', [2], Float32Array.of(10, -10)));
  b.output(b.Softmax(b.Add(b.MatMul(b.Flatten(x), w), bias), { axis: 1 }), 'probabilities');
  return model(b.build('overconfident'));
}

/** Every fourth image is of the other class than its brightness says. */
const truthOf = (i: number): string => (i >= 8 === (i % 4 !== 1) ? 'bright' : 'dark');
const level = (i: number): number => (i >= 8 ? 190 : 65);

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('model.onnx', classifier());
  for (let i = 0; i < 16; i++) {
    folder.write(`photos/train/${truthOf(i)}/${i}.png`, level(i));
    for (const copy of [0, 1, 2, 3, 4, 5])
      folder.write(`photos/test/${truthOf(i)}/${i}-${copy}.png`, level(i));
  }
});
afterAll(() => folder.remove());

const calibrate = (line: string): Promise<Ran> =>
  run(`calibrate model.onnx --data photos --classes dark,bright ${line}`, { cwd: folder.path });

describe('calibrate', () => {
  it('lowers gaps and likelihood, keeps accuracy, and the file gives the same in plain ONNX Runtime', async () => {
    const { code, out, err } = await calibrate('--output calibrated.onnx --json');
    expect(code, err).toBe(0);
    const { before, after, calibration } = JSON.parse(out);
    expect(calibration.temperature).toBeGreaterThan(2);
    expect(after.accuracy).toBe(before.accuracy);
    expect(after.nll).toBeLessThan(before.nll / 2);
    expect(after.ece).toBeLessThan(before.ece / 2);
    const both = await Promise.all(
      ['model.onnx', 'calibrated.onnx'].map((name) =>
        InferenceSession.create(join(folder.path, name)),
      ),
    );
    const image = new OrtTensor('float32', new Float32Array(16).fill(0.6), [1, 1, 4, 4]);
    const [plain = [], scaled = []] = await Promise.all(
      both.map(async (session) => {
        const { probabilities } = await session.run({ image });
        return [...((probabilities?.data ?? []) as Float32Array)];
      }),
    );
    const odds = (row: number[]): number => Math.log((row[1] ?? 0) / (row[0] ?? 1));
    expect(odds(scaled) * calibration.temperature).toBeCloseTo(odds(plain), 3);
  });

  it('writes a page with both diagrams, the figures and the surest mistakes', async () => {
    const { code, err, out } = await calibrate('--folder page --json');
    expect(code, err).toBe(0);
    const { report, before, after } = JSON.parse(out);
    expect(report).toBe(join(folder.path, 'page/report.html'));
    const page = readFileSync(report, 'utf8');
    expect(page).toContain('<h3>before</h3>');
    expect(page).toContain('<h3>after temperature scaling</h3>');
    for (const { ece } of [before, after]) expect(page).toContain(`${(100 * ece).toFixed(2)} %`);
    expect(page.match(/<svg class="reliability-diagram"/g)).toHaveLength(2);
    expect(page).toContain('48 others');
    expect(page).toMatch(/npx espalier ood model\.onnx --in photos/);
    // Nothing is fetched: the page is whole.
    expect(page).not.toMatch(/(?:src|href)="https?:/);
  });

  it('leaves a report that is there, and what a training made', async () => {
    const { code, err } = await calibrate('--folder page');
    expect(code).toBe(2);
    expect(err).toContain('already holds a run. Add --overwrite to replace it');
    folder.write('trained/metrics.jsonl', '{}\n');
    folder.write('trained/model.onnx', 'precious');
    const trained = await calibrate('--folder trained --overwrite');
    expect(trained.err).toContain('holds what a training made');
    expect(readFileSync(join(folder.path, 'trained/model.onnx'), 'utf8')).toBe('precious');
  });

  it('writes where it is told to, blanks and new folders too, and again by its config.yaml', async () => {
    const words = ['calibrate', 'model.onnx', '--folder', 'my pages/one', '--json'];
    const line = [...words, '--data', 'photos', '--classes', 'dark,bright'];
    const options = { cwd: folder.path };
    const stopped = await run(line, { ...options, signal: AbortSignal.abort() });
    expect(stopped.code).toBe(130);
    const output = ['--output', 'my pages/one/new/model.onnx'];
    const { code, out, err } = await run([...line, ...output], options);
    expect(code, err).toBe(0);
    const { report, after } = JSON.parse(out);
    expect(report).toBe(join(folder.path, 'my pages/one/report.html'));
    const again = [...words, '--config', 'my pages/one/config.yaml', '--overwrite'];
    expect(JSON.parse((await run(again, options)).out).after).toEqual(after);
  });

  it('tells both in a table, and refuses a part that is not there', async () => {
    const { code, out, err } = await calibrate('--method vector --overwrite');
    expect(code, err).toBe(0);
    expect(out).toMatch(/before +after/);
    expect(out).toMatch(/eceMass/);
    const none = await calibrate('--split validation');
    expect(none.code).toBe(3);
    expect(none.err).toContain('no validation images');
  });
});
