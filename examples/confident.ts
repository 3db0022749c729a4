/** How sure a classifier is off its data, by method: npx tsx examples/confident.ts --steps 1500 --picture confident.svg */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import * as es from 'espalier';
import { nodeRuntime } from 'espalier/node';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1500' },
    picture: { type: 'string', default: 'confident.svg' },
  },
});
const [n, latents, hidden, reach, cells] = [128, 4, 100, 6, 40];
// Algorithm 1 as printed, with more of the pull-away term: in the plane it keeps samples from lying all one way.
const preset = { ...es.confidentPresets.paper, batchSize: n, latents, pullAway: 5 };

/** Two hidden layers, weights new or as trained: float32 (batch, inputs) to (batch, outputs). */
function mlp(name: string, inputs: number, outputs: number, trained?: es.Weights): es.Model {
  const b = es.builder();
  let x = b.input('x', 'float32', ['batch', inputs]);
  for (let i = 0; i < 3; i++) {
    const [from, to] = [i === 0 ? inputs : hidden, i === 2 ? outputs : hidden];
    const weight = (kind: string, dims: number[], std: number): es.Value => {
      const known = trained?.get(`${name}/${i}.${kind}`);
      return b.parameter(`${i}.${kind}`, known ?? es.normal(1, `${name}${i}${kind}`, dims, std));
    };
    const w = weight('weight', [from, to], Math.sqrt(2 / from));
    x = b.Gemm(i > 0 ? b.Relu(x) : x, w, weight('bias', [to], 0));
  }
  b.output(x, 'y');
  return es.model(b.build(name));
}

const part = (name: string, from: number, to: number) => es.partOf(name, mlp(name, from, to));

const rows = (at: Iterable<number>) => es.tensor('float32', [n, 2], Float32Array.from(at));
const floats = (x: es.Tensor) => x.data as Float32Array;
/** Two round clouds, a class each; and points of the whole square, which only `confidence` is given. */
const clouds = (step: number) =>
  rows(
    floats(es.normal(step, 'clouds', [n, 2], 0.6)).map((x, i) => x + ([-2, -1, 2, 1][i % 4] ?? 0)),
  );
const anywhere = (step: number) => {
  const points = new Float32Array(2 * n);
  es.fillUniform(points, es.streamKey(1, step, 'outside'));
  return rows(points.map((x) => reach * (2 * x - 1)));
};
const ofEach = Array.from({ length: n }, (_, i) => i % 2);
const labels = es.tensor('int64', [n], ofEach);
const middles = Array.from({ length: cells }, (_, i) => reach * ((2 * i + 1) / cells - 1));
const grid = middles.flatMap((y) => middles.flatMap((x) => [x, -y]));

const runtime = await nodeRuntime();
const answers = async (made: es.Model, x: es.Tensor) =>
  floats((await (await runtime.load(made)).run({ x }))['y'] ?? x);
const dots = (points: Float32Array, fills: readonly string[]): string[] =>
  Array.from({ length: points.length / 2 }, (_, i) => {
    const [x = 0, y = 0] = points.subarray(2 * i).map((at) => Math.round(20 * at));
    return `<circle cx="${120 + x}" cy="${120 - y}" r="2" fill="${fills[i % fills.length]}"/>`;
  });
const square = (sure: number, k: number): string => {
  const [x, y, fill] = [(k % cells) * 6, Math.floor(k / cells) * 6, sure > 0 ? '#07b' : '#d50'];
  return `<path d="M${x} ${y}h6v6h-6z" fill="${fill}" opacity="${Math.abs(sure).toFixed(2)}"/>`;
};

let panels = '';
for (const [at, method] of es.confidentMethods.entries()) {
  const config: es.ConfidentConfig = { ...preset, method };
  const generator = part('generator', latents, 2);
  const gan = { generator, discriminator: part('discriminator', 2, 1) };
  const parts: es.ConfidentParts = {
    ...{ classifier: part('classifier', 2, 2), classes: 2, image: [2] },
    ...{ scale: { factor: [1], shift: [0] }, gan: es.hasGan(method) ? gan : null },
  };
  const { parameters } = await es.train({
    ...{ runtime, step: es.confidentRound(parts, config), stepsPerEpoch: 100, seed: 1 },
    ...{ steps: Number(values.steps), learningRate: 0.001, schedule: es.parseSchedule('cosine') },
    batch: (step) => ({
      ...{ x: clouds(step), [es.labelsName]: labels },
      ...(method !== 'ce' && { [es.confidentInputs.beta]: es.betaAt(config, step, 100) }),
      ...(method === 'confidence' && { [es.confidentInputs.outside]: anywhere(step) }),
    }),
  });
  const z = es.normal(1, 'latents', [n, latents], 1);
  const made = parts.gan ? await answers(mlp('generator', latents, 2, parameters), z) : null;
  const far = made ?? (method === 'ce' ? new Float32Array(0) : anywhere(0).data);
  const x = es.tensor('float32', [cells ** 2, 2], grid);
  const logits = await answers(mlp('classifier', 2, 2, parameters), x);
  // From -1, sure of the one class, over 0, where both are alike, to 1: colour and how much of it.
  const leans = logits.map((value, k) => Math.tanh((value - (logits[k + 1] ?? 0)) / 2));
  const sure = Array.from(leans).filter((_, k) => k % 2 === 0);
  const points = [...dots(clouds(0).data, ['#035', '#620']), ...dots(far, ['#666'])].join('');
  const squares = `<g shape-rendering="crispEdges">${sure.map(square).join('')}</g>`;
  panels += `<svg x="${260 * at}" width="240" height="270"><text y="20">${method}</text>`;
  panels += `<svg y="30">${squares}${points}</svg></svg>`;
  const mean = sure.reduce((sum, each) => sum + (1 + Math.abs(each)) / 2 / cells ** 2, 0);
  console.log(`${method}: mean confidence over the square ${mean.toFixed(2)}`);
}
const svg = 'xmlns="http://www.w3.org/2000/svg" width="1040" height="280" font-family="sans-serif"';
await writeFile(values.picture, `<svg ${svg}>${panels}</svg>\n`);
