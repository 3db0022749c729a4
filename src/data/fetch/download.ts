/**
 * Fetches a file by HTTP: resumed where it was cut off, checked, and under its own name only once it is whole.
 * Until then it is `<file>.part`, beside which `<file>.part.json` says which version of the file it is a part of.
 */
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { z } from 'zod';
import { DataError, EspalierError } from '../../errors.js';
import { type Checksums, checksumsOf, difference, type Expected } from './checksums.js';
import { diskError, isDiskFailure, networkReason, requireSpace } from './failures.js';

/** How a file is fetched. */
export interface DownloadOptions extends Expected {
  /** Bytes after which it is given up where `bytes` is not known; 8 GB unless given. */
  readonly maxBytes?: number;
  /** How often it is tried again without a byte of progress; 5 unless given. */
  readonly attempts?: number;
  /** Milliseconds without a byte after which a connection is given up; 30 s unless given. */
  readonly idle?: number;
  /** Milliseconds before the first new attempt, doubled each time; 1 s unless given. */
  readonly delay?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** The version of the file that a part belongs to. */
const versionSchema = z.object({ url: z.string(), validator: z.string() });

/** A failure after which another attempt may go better. */
class Passing extends Error {}

const sidecar = (part: string): string => `${part}.json`;

/**
 * Fetches `url` to `target`.
 * @returns its checksums
 * @throws DataError where the server refuses, the connection fails again and again, the content is not what is
 * expected, or the disk is full; an AbortError where the signal says so.
 */
export async function download(
  url: string,
  target: string,
  options: DownloadOptions = {},
): Promise<Checksums> {
  const { attempts = 5, delay = 1000, signal } = options;
  const part = `${target}.part`;
  const resumed = await sizeOf(part);
  if (options.bytes !== undefined)
    await requireSpace(dirname(target), options.bytes - resumed, options.freeBytes);
  for (let failures = 0, before = resumed; ; ) {
    try {
      await transfer(url, part, options);
      break;
    } catch (error) {
      if (!(error instanceof Passing)) throw error;
      const now = await sizeOf(part);
      failures = now > before ? 1 : failures + 1;
      before = now;
      if (failures >= attempts)
        throw new DataError(
          `${url} cannot be fetched: ${error.message}, after ${attempts} attempts. ` +
            `${now > 0 ? `The ${now} bytes that came are kept: t` : 'T'}ry again later.`,
          { path: target, actual: now, cause: error },
        );
      await pause(delay * 2 ** (failures - 1), signal);
    }
  }
  const found = await checksumsOf(part);
  const fault = difference(found, options);
  if (fault !== null) {
    await discard(part);
    // What was begun by another run may have been of another version: once more from the start.
    if (resumed > 0) return download(url, target, options);
    throw new DataError(
      `${url} gave a file that is not the expected one: ${fault}. It was discarded; the publisher may have replaced it, or something on the way changes it.`,
      {
        path: target,
        expected: options.sha256 ?? options.md5 ?? options.bytes,
        actual: found.sha256,
      },
    );
  }
  await rename(part, target).catch((cause) => {
    throw diskError(target, cause);
  });
  await rm(sidecar(part), { force: true });
  return found;
}

async function discard(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(sidecar(part), { force: true });
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** One request, and its answer appended to the part or in its place. */
async function transfer(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { idle = 30_000, signal } = options;
  const stalled = new AbortController();
  const reset = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(new Passing('the server stopped sending')), idle);
  };
  let timer = setTimeout(() => undefined, 0);
  reset();
  try {
    const either = signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal;
    const { headers, have } = await rangeHeaders(url, part);
    const response = await fetch(url, { headers, signal: either });
    const from = await startOf(response, url, part, have);
    if (from === null) return;
    await append(response, part, from, url, options, reset);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (stalled.signal.aborted) throw stalled.signal.reason;
    if (error instanceof EspalierError || error instanceof Passing) throw error;
    if (isDiskFailure(error)) throw diskError(part, error);
    throw new Passing(networkReason(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Asks for what is missing, where it is known which version the part is of. */
async function rangeHeaders(url: string, part: string) {
  // A server that compresses on the way would change lengths and ranges.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  const have = await sizeOf(part);
  const version = await readFile(sidecar(part), 'utf8')
    .then((text) => versionSchema.parse(JSON.parse(text)))
    .catch(() => null);
  if (have === 0 || version?.url !== url) return { headers, have: 0 };
  return { headers: { ...headers, range: `bytes=${have}-`, 'if-range': version.validator }, have };
}

/** Byte at which the answer begins; null where there is nothing more to come. */
async function startOf(
  response: Response,
  url: string,
  part: string,
  have: number,
): Promise<number | null> {
  const { status } = response;
  const refuse = (what: string) =>
    new DataError(`${url} cannot be fetched: ${what}`, { path: url, actual: status });
  if (status === 206) {
    const range = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
    if (have > 0 && Number(range?.[1]) === have) return have;
    await discard(part);
    throw new Passing('the server sent another part than was asked for');
  }
  if (status === 416) {
    const total = /\*\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
    if (have > 0 && Number(total) === have) return null;
    await discard(part);
    throw new Passing('the server does not have the rest');
  }
  if (status === 408 || status === 429 || status >= 500)
    throw new Passing(`the server answers ${status} ${response.statusText}`.trim());
  if (status !== 200) throw refuse(`the server answers ${status} ${response.statusText}`.trim());
  const encoding = response.headers.get('content-encoding');
  if (encoding !== null && encoding !== 'identity')
    throw refuse(`the server compresses it on the way (${encoding}), so it cannot be checked`);
  await keepVersion(response, url, part);
  return 0;
}

/** Only a strong validator says that two parts belong together. */
async function keepVersion(response: Response, url: string, part: string): Promise<void> {
  const etag = response.headers.get('etag');
  const strong = etag?.startsWith('"') ? etag : null;
  const validator = strong ?? response.headers.get('last-modified');
  await rm(sidecar(part), { force: true });
  if (validator !== null)
    await writeFile(sidecar(part), JSON.stringify({ url, validator })).catch((cause) => {
      throw diskError(sidecar(part), cause);
    });
}

async function append(
  response: Response,
  part: string,
  from: number,
  url: string,
  options: DownloadOptions,
  alive: () => void,
): Promise<void> {
  const stated = Number(response.headers.get('content-length') ?? Number.NaN);
  const total = from + stated;
  const cap = options.bytes ?? options.maxBytes ?? 8e9;
  const tooLong = (length: number) =>
    new DataError(
      `${url} is larger than expected: ${length} bytes, and ${cap} ${options.bytes === undefined ? 'at most are taken' : 'are expected'}. The publisher may have replaced it.`,
      { path: part, expected: cap, actual: length },
    );
  if (total > cap) throw tooLong(total);
  if (options.bytes !== undefined && total < options.bytes)
    throw new DataError(
      `${url} is smaller than expected: the server has ${total} bytes, and ${options.bytes} are expected. The publisher may have replaced it.`,
      { path: part, expected: options.bytes, actual: total },
    );
  const file = await open(part, from > 0 ? 'a' : 'w').catch((cause) => {
    throw diskError(part, cause);
  });
  let done = from;
  try {
    for await (const chunk of bodyOf(response)) {
      if (done + chunk.length > cap) throw tooLong(done + chunk.length);
      await file.appendFile(chunk);
      done += chunk.length;
      alive();
      options.onProgress?.(done, options.bytes ?? total);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (Number.isFinite(total) && done < total) throw new Passing('the connection was cut');
}

/** The bytes of a response as they come; none where it has no body. */
function bodyOf({ body }: Response): AsyncIterable<Uint8Array> {
  return body ? Readable.fromWeb(body as ReadableStream<Uint8Array>) : Readable.from([]);
}
