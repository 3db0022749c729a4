/** A classifier behind an HTTP address, as a black box: the protocol is in docs/black-box.md. */
import { createHash } from 'node:crypto';
import { ModelError, UsageError } from '../../errors.js';
import type { BlackBox } from '../../methods/attack/model.js';
import { Pace, realSurroundings, type Surroundings } from './pace.js';
import {
  answerCap,
  type Description,
  descriptionCap,
  encodingOf,
  Garbage,
  readAnswer,
  readDescription,
  writeRequest,
} from './protocol.js';
import { request } from './request.js';
import { PassingFailure, withRetries } from './retry.js';

export interface HttpBoxOptions {
  /** Seconds that a request may take. */
  readonly timeout: number;
  /** Further tries of a request that failed in passing. */
  readonly retries: number;
  /** Seconds that the first wait takes at most; each further one twice that. */
  readonly backOff: number;
  /** Requests a second at most. */
  readonly rate?: number | undefined;
  /** Requests under way at a time. */
  readonly concurrency: number;
  /** Sent with each request, credentials among them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Hears of each request before it leaves and of each that failed, for counts of what was tried. */
  readonly onTry?: (failed: boolean) => void;
}

/**
 * Asks the address what it is, and gives a box that asks it for answers. A batch is one request; it is repeated where it
 * fails in passing, under the same `Idempotency-Key`.
 * @throws UsageError for an address that is none; ModelError where it cannot be reached, refuses, or answers what the
 *   protocol does not have, on every try.
 */
export async function httpBox(
  address: string,
  options: HttpBoxOptions,
  signal?: AbortSignal,
  around: Surroundings = realSurroundings,
): Promise<BlackBox> {
  checkAddress(address);
  const pace = new Pace(options, around);
  const patience = { retries: options.retries, firstWait: 1000 * options.backOff };
  const ask = async <T>(
    call: Omit<Parameters<typeof request>[1], 'timeout'>,
    read: (text: string) => T,
    stop: AbortSignal | undefined,
  ): Promise<T> => {
    const attempt = async (): Promise<T> => {
      options.onTry?.(false);
      try {
        return read(await request(address, { ...call, timeout: 1000 * options.timeout }));
      } catch (error) {
        const failure =
          error instanceof Garbage
            ? new PassingFailure(`answers ${error.message}`, null, error)
            : error;
        if (failure instanceof PassingFailure) options.onTry?.(true);
        throw failure;
      }
    };
    return pace.inside(() => withRetries(address, attempt, patience, pace, stop, around));
  };
  const headers = { accept: 'application/json', ...options.headers };
  const description = await ask(
    { method: 'GET', headers, cap: descriptionCap },
    readDescription,
    signal,
  );
  return {
    ...factsOf(address, description),
    concurrency: options.concurrency,
    predict(images, n, stop, isJudgement = false) {
      const body = writeRequest(images, n, description);
      // What asks the same once more is another question, and a repeated try the same one.
      const question = createHash('sha256').update(isJudgement ? `judged:${body}` : body);
      const call = {
        ...{ method: 'POST' as const, body },
        headers: {
          ...headers,
          'content-type': 'application/json',
          'idempotency-key': `"${question.digest('hex').slice(0, 32)}"`,
        },
        cap: answerCap(n, description.classes),
      };
      return ask(call, (text) => readAnswer(text, n, description), stop);
    },
  };
}

function factsOf(address: string, description: Description) {
  const { name, channels, height, width, classes, scores, batch } = description;
  if (new Set(classes).size < classes.length)
    throw new ModelError(`${address} names a class twice: each needs a name of its own`, {
      path: address,
      actual: classes,
    });
  return {
    name: name ?? address,
    ...{ channels, height, width, classes, scores },
    outOfRange: encodingOf(description) === 'float32',
    bestBatch: batch,
  };
}

function checkAddress(address: string): void {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new UsageError(`${address} is no http address`, { actual: address });
  if (url.username !== '' || url.password !== '')
    throw new UsageError(
      'credentials do not belong into the address, where everybody reads them: put them into a variable and name it by --auth-variable',
    );
}

/** What goes with each request, out of the environment. */
export interface Credentials {
  /** Name of the variable that holds the header's value. */
  readonly variable: string;
  /** Name of the header. */
  readonly header: string;
}

/** @throws UsageError where the variable is not set, or is no header. */
export function credentialsOf(
  { variable, header }: Credentials,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const value = env[variable];
  if (value === undefined || value === '')
    throw new UsageError(
      `--auth-variable: the variable ${variable} is not set. Put there what the header ${header} is to say, as in ${variable}="Bearer ..."`,
    );
  // The value itself is never told.
  if (!/^[\x20-\x7e]+$/.test(value))
    throw new UsageError(
      `--auth-variable: ${variable} holds characters that no header takes, such as a line break`,
    );
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(header))
    throw new UsageError(`--auth-header: "${header}" is no name of a header`, { actual: header });
  return { [header]: value };
}
