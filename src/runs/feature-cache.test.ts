import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { tensor } from '../tensor/tensor.js';
import { featureCache, featureKey } from './feature-cache.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-features-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const features = {
  image: { width: 3, height: 2, channels: 1 as const, pixels: Uint8Array.of(1, 2, 3, 4, 5, 255) },
  maps: Array.from({ length: 11 }, (_, i) => tensor('float32', [1, 2], [i, -i])),
};

it('gives back what was written, in its order, and nothing for other keys', async () => {
  const cache = featureCache(join(folder, 'deep/features'));
  expect(await cache.read('a')).toBeNull();
  await cache.write('a', features);
  expect(await cache.read('a')).toEqual(features);
  await cache.write('b', features);
  await cache.keepOnly(['b']);
  expect(readdirSync(join(folder, 'deep/features'))).toEqual(['b.safetensors']);
});

it('takes a damaged file for none', async () => {
  const cache = featureCache(folder);
  writeFileSync(join(folder, 'c.safetensors'), 'no tensors');
  expect(await cache.read('c')).toBeNull();
});

it('tells all parts of a key apart', () => {
  const keys = [featureKey('ab', 'c'), featureKey('a', 'bc'), featureKey('abc'), featureKey()];
  expect(new Set(keys).size).toBe(4);
  expect(featureKey(Uint8Array.of(97), 'c')).toBe(featureKey('a', 'c'));
});
