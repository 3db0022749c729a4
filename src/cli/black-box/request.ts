/** One HTTP request with what an audit needs around it: a time limit, a size limit, no leaving of the origin. */
import { ModelError } from '../../errors.js';
import { PassingFailure, retryAfter } from './retry.js';

export interface RequestOptions {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds until the whole answer is there. */
  readonly timeout: number;
  /** Bytes that the answer may take. */
  readonly cap: number;
}

/** Statuses that pass: time-outs, too many requests, and what a server or a proxy says that is overloaded or restarts. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Redirections that keep a POST a POST; a GET follows them all. */
const faithful = new Set([307, 308]);
const mostRedirects = 5;

/**
 * The text of a successful answer.
 * @throws PassingFailure where another try may do; ModelError where none will: a status of the client's own fault, a
 *   redirection to another origin.
 */
export async function request(address: string, options: RequestOptions): Promise<string> {
  const signal = AbortSignal.timeout(options.timeout);
  let url = new URL(address);
  for (let redirects = 0; ; redirects++) {
    const response = await send(url, options, signal);
    const { status, headers } = response;
    if (status >= 300 && status < 400) {
      await response.body?.cancel().catch(() => undefined);
      url = redirected(url, response, options.method, redirects);
      continue;
    }
    const text = await readCapped(response, options, signal);
    if (response.ok) return text;
    const said = text.trim().slice(0, 200);
    const words = `answers ${status}${said === '' ? '' : ` (${JSON.stringify(said)})`}`;
    if (passing.has(status))
      throw new PassingFailure(words, retryAfter(headers.get('retry-after'), Date.now()));
    const remedy =
      status === 401 || status === 403
        ? 'Name the variable with the credentials by --auth-variable'
        : 'See docs/black-box.md for what an endpoint is asked';
    throw new ModelError(`${address} ${words}. ${remedy}`, { path: address, actual: status });
  }
}

async function send(
  url: URL,
  { method, headers, body, timeout }: RequestOptions,
  signal: AbortSignal,
): Promise<Response> {
  try {
    return await fetch(url, {
      ...{ method, headers, signal, redirect: 'manual' },
      ...(body !== undefined && { body }),
    });
  } catch (cause) {
    throw broken(cause, timeout);
  }
}

/** Why there was no whole answer. */
function broken(cause: unknown, timeout: number): PassingFailure {
  const { name, message } = cause instanceof Error ? cause : new Error(String(cause));
  if (name === 'TimeoutError')
    return new PassingFailure(`does not answer within ${timeout / 1000} s`, null, cause);
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : null;
  const code = inner && 'code' in inner ? ` (${String(inner.code)})` : '';
  return new PassingFailure(
    `cannot be reached: ${(inner?.message || message).toLowerCase()}${code}`,
    null,
    cause,
  );
}

/** The address of a redirection, which stays at the origin: images and credentials go to nobody else. */
function redirected(from: URL, { status, headers }: Response, method: string, before: number): URL {
  const location = headers.get('location');
  const refuse = (why: string): never => {
    throw new ModelError(`${from.href} redirects (${status}) ${why}`, {
      path: from.href,
      actual: location,
    });
  };
  if (location === null || !URL.canParse(location, from.href)) return refuse('to nowhere');
  const to = new URL(location, from.href);
  if (to.origin !== from.origin)
    return refuse(
      `to another origin, ${to.origin}, which gets neither images nor credentials. If it is to have them, name it itself`,
    );
  if (method === 'POST' && !faithful.has(status))
    return refuse(`to ${to.href} as a GET, and images go by POST. Name that address itself`);
  if (before >= mostRedirects) return refuse(`more than ${mostRedirects} times`);
  return to;
}

async function readCapped(
  { body }: Response,
  { cap, timeout }: RequestOptions,
  signal: AbortSignal,
): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) return Buffer.concat(parts).toString('utf8');
      length += value.length;
      if (length > cap) break;
      parts.push(value);
    }
  } catch (cause) {
    throw broken(cause, timeout);
  }
  await reader.cancel().catch(() => undefined);
  throw new PassingFailure(`answers more than ${cap} bytes`);
}
