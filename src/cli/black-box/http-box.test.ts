import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decode } from 'fast-png';
import { afterEach, describe, expect, it } from 'vitest';
import { credentialsOf, type HttpBoxOptions, httpBox } from './http-box.js';
import type { Surroundings } from './pace.js';

const description = {
  protocol: 'espalier-black-box/1',
  ...{ channels: 1, height: 2, width: 2, batch: 8 },
  classes: ['dark', 'bright'],
  scores: 'probabilities',
  accepts: ['png'],
};

interface Asked {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: { encoding: string; images: string[]; shape?: number[] };
}
type Answer = (response: ServerResponse, asked: Asked) => void;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server that gives the answers in their order, the last one again and again. */
async function serve(answers: readonly Answer[], about: object = description) {
  const asked: Asked[] = [];
  const server = createServer(async (incoming, response) => {
    let text = '';
    for await (const part of incoming) text += part;
    if (incoming.method === 'GET') {
      json(about)(response, { method: 'GET', headers: {}, body: { encoding: '', images: [] } });
      return;
    }
    const { method = '', headers } = incoming;
    const one = { method, headers, body: JSON.parse(text) };
    asked.push(one);
    (answers[asked.length - 1] ?? answers.at(-1))?.(response, one);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { asked, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

const json =
  (value: unknown): Answer =>
  (response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(value));
  };
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(code, headers).end('no');
  };
const good = json({ probabilities: [[0.25, 0.75]] });

/** A clock that passes when it is waited for. */
function quickly(): Surroundings & { readonly waits: number[] } {
  const waits: number[] = [];
  let now = 0;
  return {
    waits,
    now: () => now,
    random: () => 1,
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted();
      waits.push(milliseconds);
      now += milliseconds;
    },
  };
}

const options: HttpBoxOptions = { timeout: 5, retries: 3, backOff: 0.5, concurrency: 1 };
const image = Float32Array.of(0, 100.4, 300, -7);

describe('httpBox', () => {
  it('says of the box what the endpoint says', async () => {
    const { address } = await serve([good], { ...description, name: 'two', accepts: ['float32'] });
    expect(await httpBox(address, options)).toMatchObject({
      ...{ name: 'two', channels: 1, height: 2, width: 2, classes: ['dark', 'bright'] },
      ...{ scores: 'probabilities', outOfRange: true, bestBatch: 8, concurrency: 1 },
    });
  });

  it('sends PNGs, rounded and clipped', async () => {
    const { address, asked } = await serve([good]);
    const box = await httpBox(address, options);
    expect(box.outOfRange).toBe(false);
    expect(await box.predict(image, 1)).toEqual(Float32Array.of(0.25, 0.75));
    const { encoding, images } = asked[0]?.body ?? { encoding: '', images: [] };
    expect(encoding).toBe('png');
    const png = decode(Buffer.from(images[0] ?? '', 'base64'));
    expect({ ...png, data: [...png.data] }).toMatchObject({
      ...{ width: 2, height: 2, channels: 1, data: [0, 100, 255, 0] },
    });
  });

  it('sends floats where they are taken', async () => {
    const about = { ...description, accepts: ['png', 'float32'] };
    const { address, asked } = await serve([good], about);
    await (await httpBox(address, options)).predict(image, 1);
    const bytes = Buffer.from(asked[0]?.body.images[0] ?? '', 'base64');
    expect(asked[0]?.body.shape).toEqual([1, 2, 2]);
    expect(Array.from({ length: 4 }, (_, i) => bytes.readFloatLE(4 * i))).toEqual([...image]);
  });

  it('fills up a top k, and makes labels rows', async () => {
    const classes = ['a', 'b', 'c', 'd'];
    const top = await serve(
      [
        json({
          top: [
            [
              { class: 'c', probability: 0.7 },
              { class: 'a', probability: 0.2 },
            ],
          ],
        }),
      ],
      { ...description, classes, scores: 'top-k' },
    );
    const row = await (await httpBox(top.address, options)).predict(image, 1);
    expect([...row].map((p) => Number(p.toFixed(4)))).toEqual([0.2, 0.05, 0.7, 0.05]);
    const label = await serve([json({ labels: ['b'] })], {
      ...description,
      classes,
      scores: 'label',
    });
    expect([...(await (await httpBox(label.address, options)).predict(image, 1))]).toEqual([
      ...[0, 1, 0, 0],
    ]);
  });

  it('asks again after 429, 500, garbage and a dropped connection, under one key, and waits as it is told', async () => {
    const around = quickly();
    const drop: Answer = (response) => response.destroy();
    const answers = [
      status(429, { 'retry-after': '7' }),
      status(500),
      json({ wrong: 1 }),
      drop,
      good,
    ];
    const { address, asked } = await serve(answers);
    const tries: boolean[] = [];
    const box = await httpBox(
      address,
      { ...options, retries: 4, onTry: (failed) => tries.push(failed) },
      undefined,
      around,
    );
    expect([...(await box.predict(image, 1))]).toEqual([0.25, 0.75]);
    expect(new Set(asked.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(asked).toHaveLength(5);
    // 0.5 s doubled each time, and what was left of the seven seconds.
    expect(around.waits).toEqual([500, 6500, 1000, 2000, 4000]);
    expect(tries.filter((failed) => failed)).toHaveLength(4);
  });

  it('gives up after its tries, and says what came', async () => {
    const { address, asked } = await serve([status(503)]);
    const box = await httpBox(address, options, undefined, quickly());
    await expect(box.predict(image, 1)).rejects.toThrow(/answers 503 \("no"\), 4 times/);
    expect(asked).toHaveLength(4);
  });

  it.each([
    ['a status of our own fault', status(400), /answers 400/],
    ['a refusal', status(401), /--auth-variable/],
    [
      'another origin',
      status(307, { location: 'http://127.0.0.1:9/' }),
      /another origin, http:\/\/127.0.0.1:9/,
    ],
    ['a redirection that makes a GET', status(302, { location: '/there' }), /as a GET/],
  ])('does not ask again after %s', async (_, answer, words) => {
    const { address, asked } = await serve([answer]);
    const box = await httpBox(address, options, undefined, quickly());
    await expect(box.predict(image, 1)).rejects.toThrow(words);
    expect(asked).toHaveLength(1);
  });

  it('follows a redirection within the origin', async () => {
    const { address, asked } = await serve([status(307, { location: '/there' }), good]);
    await (await httpBox(address, options)).predict(image, 1);
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['another number of rows', { probabilities: [] }, /0 rows for 1 images/],
    ['another width', { probabilities: [[1]] }, /1 scores for 2 classes/],
    ['what is no probability', { probabilities: [[7, -6]] }, /does not fit/],
    ['too much', { probabilities: [[0, 1]], more: 'x'.repeat(100_000) }, /more than \d+ bytes/],
  ])('refuses %s', async (_, value, words) => {
    const { address } = await serve([json(value)]);
    const box = await httpBox(address, { ...options, retries: 0 }, undefined, quickly());
    await expect(box.predict(image, 1)).rejects.toThrow(words);
  });

  it('waits no longer than its time limit', async () => {
    const { address } = await serve([() => undefined]);
    const box = await httpBox(address, { ...options, timeout: 0.05, retries: 0 });
    await expect(box.predict(image, 1)).rejects.toThrow(/does not answer within 0.05 s/);
  });

  it('keeps to its concurrency and its rate', async () => {
    let [under, most] = [0, 0];
    const slow: Answer = (response, asked) => {
      most = Math.max(most, ++under);
      setTimeout(() => {
        under--;
        good(response, asked);
      }, 10);
    };
    const { address } = await serve([slow]);
    const around = quickly();
    const box = await httpBox(address, { ...options, concurrency: 2, rate: 10 }, undefined, around);
    await Promise.all(Array.from({ length: 6 }, () => box.predict(image, 1)));
    expect(most).toBeLessThanOrEqual(2);
    expect(around.now()).toBeGreaterThanOrEqual(600);
  });

  it('begins nothing after a signal', async () => {
    const { address, asked } = await serve([good]);
    const box = await httpBox(address, options);
    await expect(box.predict(image, 1, AbortSignal.abort())).rejects.toThrow(/abort/i);
    expect(asked).toHaveLength(0);
  });

  it.each([
    ['ftp://here', /no http address/],
    ['http://me:secret@here/', /credentials do not belong/],
  ])('refuses %s', async (address, words) => {
    await expect(httpBox(address, options)).rejects.toThrow(words);
  });

  it('says what an endpoint is that is none', async () => {
    const { address } = await serve([good], { hello: 1 });
    await expect(httpBox(address, options, undefined, quickly())).rejects.toThrow(/protocol/);
  });
});

describe('credentialsOf', () => {
  it('reads the header out of the environment and never tells it', () => {
    const wanted = { variable: 'TOKEN', header: 'Authorization' };
    expect(credentialsOf(wanted, { TOKEN: 'Bearer x' })).toEqual({ Authorization: 'Bearer x' });
    expect(() => credentialsOf(wanted, {})).toThrow(/TOKEN is not set/);
    expect(() => credentialsOf(wanted, { TOKEN: 'secret\n' })).toThrow(/^(?!.*secret)/);
    expect(() => credentialsOf({ ...wanted, header: 'a b' }, { TOKEN: 'x' })).toThrow(/no name/);
  });
});
