import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../../../test/cli.js';
import { DataError } from '../../errors.js';
import { type DownloadOptions, download } from './download.js';

const content = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7) % 251));
const sha256 = createHash('sha256').update(content).digest('hex');
const md5 = createHash('md5').update(content).digest('hex');

type Handler = (request: IncomingMessage, response: ServerResponse, call: number) => void;
let server: Server;
let url = '';
let handler: Handler;
/** The range of each request. */
let ranges: (string | undefined)[] = [];
let folder: Folder;
let target = '';

beforeEach(async () => {
  folder = makeFolder();
  target = join(folder.path, 'file.bin');
  ranges = [];
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    handler(request, response, ranges.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.bin`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  folder.remove();
});

const get = (options: DownloadOptions = {}) =>
  download(url, target, { attempts: 3, delay: 1, ...options });
async function failure(work: Promise<unknown>): Promise<DataError> {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}
/** Serves ranges as a good server does. */
const good: Handler = (request, response) => {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const isSame = request.headers['if-range'] === '"v1"';
  const start = isSame ? from : 0;
  response.writeHead(start > 0 ? 206 : 200, {
    etag: '"v1"',
    'content-length': content.length - start,
    ...(start > 0 && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
  });
  response.end(content.subarray(start));
};
/** Sends `bytes` of the whole and cuts the connection. */
const cutAfter = (bytes: number, headers: Record<string, string> = { etag: '"v1"' }): Handler => {
  return (_, response) => {
    response.writeHead(200, { ...headers, 'content-length': content.length });
    response.write(content.subarray(0, bytes), () => response.destroy());
  };
};

describe('download', () => {
  it('fetches a file and checks it', async () => {
    handler = good;
    const progress: number[] = [];
    const found = await get({
      ...{ bytes: content.length, sha256, md5 },
      onProgress: (done, total) => progress.push(done / total),
    });
    expect(found).toMatchObject({ bytes: content.length, sha256, md5 });
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(readdirSync(folder.path)).toEqual(['file.bin']);
    expect(progress.at(-1)).toBe(1);
  });

  it('goes on where the connection was cut', async () => {
    handler = (request, response, call) =>
      (call === 1 ? cutAfter(70_000) : good)(request, response, call);
    await get({ sha256 });
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('goes on in another run with what came in the first', async () => {
    handler = cutAfter(70_000);
    const error = await failure(get({ attempts: 1 }));
    expect(error.message).toMatch(/cannot be fetched: .*cut.* bytes that came are kept: try again/);
    expect(error.exitCode).toBe(3);
    expect(existsSync(target)).toBe(false);
    handler = good;
    await get({ sha256 });
    expect(ranges[1]).toMatch(/^bytes=/);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('begins anew where the file was replaced meanwhile, or the server knows no ranges', async () => {
    writeFileSync(`${target}.part`, 'old content');
    writeFileSync(`${target}.part.json`, JSON.stringify({ url, validator: '"v0"' }));
    handler = good;
    await get({ sha256 });
    expect(ranges).toEqual(['bytes=11-']);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('begins anew where it is not known which version a part is of', async () => {
    writeFileSync(`${target}.part`, 'old content');
    handler = good;
    await get({ sha256 });
    expect(ranges).toEqual([undefined]);
  });

  it('fetches once more where a part of another run does not fit', async () => {
    writeFileSync(`${target}.part`, 'old content');
    writeFileSync(`${target}.part.json`, JSON.stringify({ url, validator: '"v1"' }));
    handler = good;
    await get({ sha256 });
    expect(ranges).toEqual(['bytes=11-', undefined]);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('is not misled by a server that sends another range', async () => {
    handler = (request, response, call) => {
      if (call === 1) return cutAfter(50_000)(request, response, call);
      if (call > 2) return good(request, response, call);
      response.writeHead(206, { 'content-range': 'bytes 0-9/200000', 'content-length': 10 });
      response.end('0123456789');
    };
    await get({ sha256 });
    expect(readFileSync(target).equals(content)).toBe(true);
  });
});

describe('a file that is not the expected one', () => {
  it.each([
    [{ sha256: '0'.repeat(64) }, /its SHA-256 is [0-9a-f]{64}, 0{64} is expected/],
    [{ md5: '0'.repeat(32) }, /its MD5 is/],
  ])('is discarded: %o', async (options, sentence) => {
    handler = good;
    const error = await failure(get(options));
    expect(error.message).toMatch(sentence);
    expect(error.exitCode).toBe(3);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('is refused at once by its length', async () => {
    handler = good;
    expect((await failure(get({ bytes: 300_000 }))).message).toMatch(/smaller than expected/);
    expect((await failure(get({ bytes: 100_000 }))).message).toMatch(/larger than expected/);
    expect(ranges.length).toBe(2);
  });

  it('is cut off where it does not end, without a stated length', async () => {
    handler = (_, response) => {
      response.writeHead(200);
      const more = () => {
        if (!response.destroyed) response.write(content, more);
      };
      more();
    };
    const error = await failure(get({ maxBytes: 1_000_000 }));
    expect(error.message).toMatch(/larger than expected: .* 1000000 at most are taken/);
  });

  it('is refused where it is shorter than the server says', async () => {
    handler = (_, response) => {
      response.writeHead(200, { 'content-length': content.length + 5000 });
      response.write(content, () => response.destroy());
    };
    expect((await failure(get())).message).toMatch(/cannot be fetched: .*cut/);
  });
});

describe('a server that fails', () => {
  it('is asked again where that may help', async () => {
    handler = (request, response, call) => {
      if (call < 3) response.writeHead(503).end();
      else good(request, response, call);
    };
    await get({ sha256 });
    handler = (_, response) => response.writeHead(503).end();
    expect((await failure(get())).message).toMatch(/answers 503 .* after 3 attempts/);
  });

  it('is not asked again where it is sure', async () => {
    handler = (_, response) => response.writeHead(404).end();
    expect((await failure(get())).message).toMatch(/the server answers 404 Not Found/);
    expect(ranges.length).toBe(1);
  });

  it('is given up where it stops sending', async () => {
    handler = (_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write('x');
    };
    expect((await failure(get({ idle: 30 }))).message).toMatch(/the server stopped sending/);
  });

  it('is told where it cannot be reached', async () => {
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const error = await failure(
      download(`http://127.0.0.1:${port}/x`, target, { attempts: 2, delay: 1 }),
    );
    expect(error.message).toMatch(/it refuses connections, after 2 attempts/);
  });

  it('may not compress on the way', async () => {
    handler = (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end();
    };
    expect((await failure(get())).message).toMatch(/compresses it on the way \(gzip\)/);
  });
});

it('ends at a signal, and keeps what came', async () => {
  handler = (_, response) => {
    response.writeHead(200, { etag: '"v1"', 'content-length': content.length });
    response.write(content.subarray(0, 1000));
  };
  const stop = new AbortController();
  const work = get({ signal: stop.signal, onProgress: () => stop.abort() });
  await expect(work).rejects.toMatchObject({ name: 'AbortError' });
  expect(readFileSync(`${target}.part`).length).toBe(1000);
});

describe('a disk', () => {
  it('without room is told before anything is fetched', async () => {
    handler = good;
    const error = await failure(get({ bytes: content.length, freeBytes: async () => 1000 }));
    expect(error.message).toMatch(/has 0\.0 MB free and 0\.2 MB are needed: .*ESPALIER_CACHE/);
    expect(ranges).toEqual([]);
  });

  it('that cannot be written to is told', async () => {
    handler = good;
    folder.write('a', 'a file');
    const error = await failure(download(url, join(folder.path, 'a/file.bin')));
    expect(error.message).toMatch(/cannot be written: .*ESPALIER_CACHE/);
  });
});
