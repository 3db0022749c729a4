import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { ShapeError } from '../errors.js';
import { model } from '../graph/graph.js';
import { builder } from '../ops/builder.js';
import { tensor, zeros } from '../tensor/tensor.js';
import { profile } from './profile.js';

const b = builder();
const x = b.input('x', 'float32', [256, 256]);
b.output(b.Exp(b.Gemm(x, x)), 'y');
const graph = model(b.build('profiled'));

// A temporary folder of this test's own: others may be profiling at the same time.
const temporary = mkdtempSync(join(tmpdir(), 'espalier-test-'));
vi.stubEnv('TMPDIR', temporary).stubEnv('TEMP', temporary);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true, force: true });
});

it('gives each node once, the slowest first, and leaves no file behind', async () => {
  const times = await profile(
    graph,
    { x: zeros('float32', [256, 256]) },
    { runs: 3, warmup: 1, threads: 1 },
  );
  expect(times.map(({ op }) => op).sort()).toEqual(['Exp', 'Gemm']);
  expect(times.every(({ runs }) => runs === 3)).toBe(true);
  expect(times.every(({ milliseconds }) => milliseconds > 0)).toBe(true);
  expect(times[0]?.milliseconds).toBeGreaterThanOrEqual(times[1]?.milliseconds ?? Infinity);
  expect(times.map(({ node }) => node)).toContain('Gemm');
  expect(readdirSync(temporary).filter((name) => name.startsWith('espalier'))).toEqual([]);
});

it('names a missing feed and cleans up after it', async () => {
  await expect(profile(graph, { z: tensor('float32', [1], [0]) })).rejects.toThrow(ShapeError);
  expect(readdirSync(temporary).filter((name) => name.startsWith('espalier'))).toEqual([]);
});
