/**
 * Any ONNX classifier behind an HTTP address, as `espalier attack` asks it (docs/black-box.md). Stops after so many
 * questions; without --steps it does not.
 *
 *     npx tsx examples/serve.ts --steps 1000 model.onnx
 */
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { onnxBox } from 'espalier';
import { decodeImage, nodeRuntime, readModelFile } from 'espalier/node';

const options = { steps: { type: 'string' }, port: { type: 'string', default: '0' } } as const;
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const model = await readModelFile(positionals[0] ?? 'model.onnx');
const box = await onnxBox({ runtime: await nodeRuntime(), model });
const { classes, scores, ...shape } = box;
const target = { ...shape, channels: shape.channels === 1 ? (1 as const) : (3 as const) };
let left = Number(values.steps ?? Number.POSITIVE_INFINITY);

async function answer(request: IncomingMessage): Promise<object> {
  const { channels, height, width } = shape;
  const facts = { channels, height, width, classes, scores, batch: 64 };
  if (request.method !== 'POST')
    return { protocol: 'espalier-black-box/1', ...facts, accepts: ['float32', 'png'] };
  const { encoding, images } = JSON.parse(await text(request)) as Record<string, string[]>;
  const pixels = (images ?? []).map(async (image) => {
    const bytes = Buffer.from(image, 'base64');
    if (String(encoding) === 'png') return decodeImage(bytes, target, 'image');
    return new Float32Array(new Uint8Array(bytes).buffer);
  });
  const rows = (await Promise.all(pixels)).flatMap((values) => Array.from(values));
  const found = await box.predict(Float32Array.from(rows), pixels.length);
  const row = (_: unknown, i: number) => found.slice(i * classes.length, (i + 1) * classes.length);
  return { [scores]: pixels.map(row).map((values) => Array.from(values)) };
}

const server = createServer(async (request, response) => {
  const said = await answer(request).catch(String);
  response.writeHead(typeof said === 'string' ? 400 : 200).end(JSON.stringify(said));
  if (request.method === 'POST' && --left <= 0) server.close().closeIdleConnections();
});
server.listen(Number(values.port), 'localhost', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`http://localhost:${address?.port}/`);
});
