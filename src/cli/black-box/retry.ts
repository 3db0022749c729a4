/** Repeats what failed in passing: waits that double, with chance in them, or as long as the server asks for. */
import { ModelError } from '../../errors.js';
import { type Pace, realSurroundings, type Surroundings } from './pace.js';

/** A failure that another try may not meet: a connection that broke, a server that is busy, an answer cut short. */
export class PassingFailure extends Error {
  override readonly name = 'PassingFailure';
  /** Milliseconds that the server asks to wait, or null where it does not say. */
  readonly wait: number | null;

  constructor(message: string, wait: number | null = null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.wait = wait;
  }
}

export interface RetryOptions {
  /** Further tries after the first. */
  readonly retries: number;
  /** Milliseconds: the first wait is up to so long, the next up to twice that, and so on. */
  readonly firstWait: number;
}

/** Ours: no wait of our own choice is longer. */
export const longestWait = 30_000;
/** Ours: a server that asks for a longer pause is not waited for. */
export const longestPause = 600_000;

/**
 * Runs `attempt` until it does not fail in passing.
 * @param what begins the sentence of the error: `http://localhost:1234`
 * @throws ModelError where the tries are used up, or the server asks for a pause of more than ten minutes; what else
 *   `attempt` throws; AbortError once `signal` is aborted between two tries.
 */
export async function withRetries<T>(
  what: string,
  attempt: () => Promise<T>,
  { retries, firstWait }: RetryOptions,
  pace: Pace,
  signal?: AbortSignal,
  around: Surroundings = realSurroundings,
): Promise<T> {
  for (let tried = 0; ; tried++) {
    await pace.turn(signal);
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof PassingFailure)) throw error;
      if (tried >= retries)
        throw new ModelError(
          `${what} ${error.message}${tried === 0 ? '' : `, ${tried + 1} times`}. See to the server, or raise --retries`,
          { path: what, cause: error },
        );
      if (error.wait !== null) {
        if (error.wait > longestPause)
          throw new ModelError(
            `${what} ${error.message} and asks to wait ${Math.round(error.wait / 60_000)} min: try again then`,
            { path: what, cause: error },
          );
        pace.hold(error.wait);
      }
      // Full jitter (Exponential Backoff and Jitter, AWS 2015): clients that failed together do not come back together.
      const wait = around.random() * Math.min(longestWait, firstWait * 2 ** tried);
      await around.sleep(wait, signal);
    }
  }
}

/**
 * Milliseconds of a Retry-After header, or null where it is none.
 * @param header seconds, or a date as HTTP has them
 * @param today milliseconds since 1970
 * @see RFC 9110, section 10.2.3
 */
export function retryAfter(header: string | null, today: number): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header.trim())) return 1000 * Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - today);
}
