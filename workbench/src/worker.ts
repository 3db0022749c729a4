/** Trains in a worker, so that the page stays free: a run of the graph keeps its thread busy until it is done. */
import { constant, train } from 'espalier';
import { type WebRuntime, webRuntime } from 'espalier/web';
import { networks } from './networks.js';
import type { FromWorker, Settings, ToWorker } from './protocol.js';

const say = (message: FromWorker): void => postMessage(message);
let stop = new AbortController();

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === 'stop') stop.abort();
  else
    run(data.settings).catch((error: unknown) => {
      say({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
    });
});

async function run({ network, provider, steps, threads }: Settings): Promise<void> {
  stop = new AbortController();
  const runtime = await runtimeOf(provider, threads);
  const { step, batch, learningRate, stepsPerEpoch } = networks[network]();
  say({ type: 'ready', runtime: runtime.name, reason: runtime.reason });
  await train({
    runtime,
    step,
    batch,
    steps,
    stepsPerEpoch,
    learningRate,
    schedule: constant,
    seed: 1,
    run: network,
    reportEvery: 1,
    // WebGPU has no Scan, which several steps a run are made of.
    ...(provider === 'webgpu' ? { stepsPerRun: 1 } : {}),
    signal: stop.signal,
    onEvent: (event) => say({ type: 'event', event }),
  });
}

/** The build for WebGPU is fetched when it is asked for, and not before. */
async function runtimeOf(
  provider: Settings['provider'],
  threads: number | undefined,
): Promise<WebRuntime> {
  const options = threads === undefined ? {} : { threads };
  if (provider === 'wasm') return webRuntime(options);
  const { webgpuRuntime } = await import('espalier/webgpu');
  return webgpuRuntime(options);
}
