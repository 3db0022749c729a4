/** Our side in the browser: the step graph on onnxruntime-web. */
import { constant, train } from 'espalier';
import { webRuntime } from 'espalier/web';
import { expose } from './subject.js';

expose(async ({ network, batches, learningRate }, { steps, threads }, onStep) => {
  await train({
    ...network,
    runtime: await webRuntime(threads === undefined ? {} : { threads }),
    batch: (k) => batches[k % batches.length] ?? {},
    learningRate,
    steps,
    // A batch of images weighs more than what several steps in a run save.
    stepsPerRun: 1,
    reportEvery: 1,
    schedule: constant,
    seed: 1,
    onEvent: (event) => {
      if (event.type === 'step') onStep(event.losses['loss'] ?? Number.NaN);
    },
  });
});
