/** An HTTP endpoint that tells bright images from dark ones, misbehaves as it is told, and keeps its own log. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { imageKey } from '../src/methods/attack/image-key.js';

export const side = 8;
const area = side * side;

/** What is done with a request. `lost`: it is answered, but the connection breaks before the answer is through. */
export type Fate = 'answer' | 'silence' | 'busy' | 'fail' | 'drop' | 'lost' | 'garbage';

export interface Logged {
  /** The `Idempotency-Key`: one a question, however often it is tried. */
  readonly key: string;
  /** As the journal of an audit names images. */
  readonly images: readonly string[];
  readonly fate: Fate;
  readonly milliseconds: number;
}

export interface EndpointOptions {
  /** Of the request with this number, from 0; all are answered where left out. */
  readonly fate?: (number: number) => Fate;
  /** Called when a request is here, before it is answered. */
  readonly onRequest?: (number: number) => void;
  readonly scores?: 'probabilities' | 'label';
  /** What the header `authorization` has to say. */
  readonly credentials?: string;
}

export interface Endpoint {
  readonly address: string;
  readonly log: Logged[];
  close(): void;
}

/** Pixels count differently, so that some are better to change than others. */
const weights = Float64Array.from({ length: area }, (_, i) => (8 + ((i * 37) % 17)) / 16 / area);

/** [dark, bright] of one image, 0..255. */
function probabilities(image: Float32Array): number[] {
  const mean = image.reduce((sum, value, i) => sum + ((weights[i] ?? 0) * value) / 255, 0);
  const bright = 1 / (1 + Math.exp(8 - 16 * mean));
  return [1 - bright, bright];
}

function floatsOf(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

/** Listens on a free port of this machine. */
export async function endpoint(options: EndpointOptions = {}): Promise<Endpoint> {
  const { fate = () => 'answer', onRequest, scores = 'probabilities', credentials } = options;
  const log: Logged[] = [];
  const describe = JSON.stringify({
    protocol: 'espalier-black-box/1',
    ...{ channels: 1, height: side, width: side, batch: 4 },
    ...{ classes: ['dark', 'bright'], scores, accepts: ['float32'] },
  });
  const server = createServer(async (incoming, response) => {
    let text = '';
    for await (const part of incoming) text += part;
    if (credentials !== undefined && incoming.headers.authorization !== credentials)
      return void response.writeHead(401).end();
    if (incoming.method === 'GET') return void response.end(describe);
    const images: Float32Array[] = JSON.parse(text).images.map(floatsOf);
    const number = log.length;
    const is = fate(number);
    log.push({
      key: String(incoming.headers['idempotency-key']),
      images: images.map((image) => imageKey(image)),
      ...{ fate: is, milliseconds: performance.now() },
    });
    onRequest?.(number);
    const rows = images.map(probabilities);
    const answer =
      scores === 'label'
        ? { labels: rows.map(([dark = 0, bright = 0]) => (dark > bright ? 'dark' : 'bright')) }
        : { probabilities: rows };
    respond(response, is, JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    log,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function respond(response: ServerResponse, fate: Fate, answer: string): void {
  if (fate === 'answer') response.end(answer);
  if (fate === 'busy') response.writeHead(429, { 'retry-after': '1' }).end();
  if (fate === 'fail') response.writeHead(500).end('out of memory');
  if (fate === 'drop') response.destroy();
  if (fate === 'garbage') response.end('{"probabilities": [[');
  if (fate === 'lost') {
    response.writeHead(200, { 'content-length': String(answer.length) });
    response.write(answer.slice(0, answer.length / 2), () => response.destroy());
  }
}
