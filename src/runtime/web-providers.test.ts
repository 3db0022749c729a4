import { expect, it } from 'vitest';
import { webProviders, webThreads } from './web-providers.js';

const { SharedArrayBuffer: shared } = globalThis;
const isolated = { crossOriginIsolated: true, isSecureContext: true, SharedArrayBuffer: shared };
const cores = (hardwareConcurrency: number) => ({ navigator: { hardwareConcurrency } });

it.each([
  [1, 1, 'One thread: there is one core.'],
  [2, 1, 'One thread: there are two cores, and one is left to the page.'],
  [4, 3, '3 threads.'],
  [64, 8, '8 threads.'],
])('of %i cores takes %i', (count, threads, reason) => {
  expect(webThreads(undefined, { ...isolated, ...cores(count) })).toEqual({ threads, reason });
});

it('takes as many threads as it is asked to, where memory can be shared', () => {
  expect(webThreads(3, { ...isolated, ...cores(2) }).threads).toBe(3);
  expect(webThreads(1, isolated)).toEqual({ threads: 1, reason: 'One thread, as asked for.' });
  for (const scope of [
    { ...isolated, crossOriginIsolated: false },
    { crossOriginIsolated: true },
  ]) {
    const { threads, reason } = webThreads(3, { ...scope, ...cores(8) });
    expect(threads).toBe(1);
    expect(reason).toMatch(/not cross-origin isolated.*Cross-Origin-Embedder-Policy: require-corp/);
  }
});

const device = { destroy: () => undefined };
const adapter = {
  info: { vendor: 'acme', architecture: 'one' },
  requestDevice: async () => device,
};
const withAdapter = (requestAdapter: () => Promise<unknown>) => ({
  ...isolated,
  navigator: { hardwareConcurrency: 4, gpu: { requestAdapter } },
});

it.each([
  [{ ...isolated, isSecureContext: false }, /not a secure context.*HTTPS/],
  [{ ...isolated, ...cores(4) }, /no navigator\.gpu/],
  [withAdapter(async () => null), /found no adapter/],
  [
    withAdapter(async () => ({
      requestDevice: () => Promise.reject(new Error('device lost')),
    })),
    /gave no device: device lost/,
  ],
])('says why there is no WebGPU: %#', async (scope, reason) => {
  const [wasm, webgpu] = await webProviders(scope);
  expect(wasm).toMatchObject({ name: 'wasm', available: true });
  expect(webgpu).toMatchObject({ name: 'webgpu', available: false });
  expect(webgpu?.reason).toMatch(reason);
});

it('names the adapter where there is WebGPU', async () => {
  expect(await webProviders(withAdapter(async () => adapter))).toEqual([
    { name: 'wasm', available: true, threads: 3, reason: '3 threads.' },
    { name: 'webgpu', available: true, threads: 1, reason: 'WebGPU on acme one.' },
  ]);
});

it('finds no WebGPU in Node, and says so where it is asked for', async () => {
  const { webgpuRuntime } = await import('./webgpu.js');
  await expect(webgpuRuntime()).rejects.toThrow('No WebGPU: there is no navigator.gpu');
});
