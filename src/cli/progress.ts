/**
 * Draws what a run tells: one line redrawn on a terminal, plain lines for a log, JSON lines for a program. The
 * stream is the caller's choice, since standard output is for data.
 */
import { styleText } from 'node:util';
import type { TrainEvent, TrainListener } from '../train/events.js';
import {
  eventLine,
  formatDuration,
  formatRate,
  layOut,
  type Part,
  printable,
  stepLine,
  stepParts,
} from './progress-format.js';

/** Where progress goes: a stream, which is a terminal where it says so. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Width of the terminal; read anew for each line, since windows change. */
  readonly columns?: number;
}

/** How progress looks. */
export type ProgressMode = 'bar' | 'plain' | 'json' | 'quiet';

/** What a renderer of progress needs. */
export interface ProgressOptions {
  readonly stream: ProgressStream;
  readonly mode: ProgressMode;
  /** Width in columns; the stream's, or 80, where left out. */
  readonly columns?: number;
  /** Whether the bar is coloured; as `wantsColour` says where left out. */
  readonly colour?: boolean;
  /** Milliseconds on a clock that does not go back. */
  readonly now?: () => number;
}

/** Draws events. `close` takes the unfinished line away, for the words of an error to start on their own. */
export interface Progress extends TrainListener {
  close(): void;
}

/** Progress of work that is a count, such as images read. */
export interface Bar {
  update(done: number): void;
  /** The line goes, and in plain mode the result is written. */
  end(): void;
}

/** Least milliseconds between two drawings. */
const drawEvery = { bar: 100, plain: 10_000 } as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The mode that fits: what the options say, else a bar on a terminal that can redraw a line, and plain lines in
 * a log, a pipe or under `TERM=dumb`.
 */
export function progressMode(
  stream: ProgressStream,
  { json = false, quiet = false }: { readonly json?: boolean; readonly quiet?: boolean } = {},
  environment: Environment = process.env,
): ProgressMode {
  if (json) return 'json';
  if (quiet) return 'quiet';
  return stream.isTTY === true && environment['TERM'] !== 'dumb' ? 'bar' : 'plain';
}

/**
 * Whether colour is wanted: on a terminal that is not dumb, unless `NO_COLOR` is set.
 * @see https://no-color.org
 */
export function wantsColour(
  stream: ProgressStream,
  environment: Environment = process.env,
): boolean {
  const refused = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return stream.isTTY === true && !refused;
}

/**
 * A renderer of training events. As a bar it redraws at most ten times a second; as plain lines it tells of a step
 * at most every ten seconds, and of everything else at once; as JSON it writes every event as a line.
 */
export function createProgress(options: ProgressOptions): Progress {
  const { stream, mode } = options;
  if (mode === 'quiet') return Object.assign(() => undefined, { close: () => undefined });
  if (mode === 'json')
    return Object.assign(
      (event: TrainEvent) => {
        stream.write(`${JSON.stringify(event)}\n`);
      },
      { close: () => undefined },
    );
  const line = new LiveLine(options);
  const listen = (event: TrainEvent) => {
    if (event.type === 'step') {
      const last = event.step >= event.steps;
      line.show(
        event.step / event.steps,
        () => stepParts(event),
        () => stepLine(event),
        last,
      );
      return;
    }
    const text = eventLine(event);
    if (event.type === 'end') line.clear();
    if (text !== null) line.say(text);
  };
  return Object.assign(listen, { close: () => line.clear() });
}

/**
 * A bar for other long work than training.
 * @param label what is done, such as `reading images`
 * @param total how many there are
 */
export function createBar(label: string, total: number, options: ProgressOptions): Bar {
  const { stream, mode, now = () => performance.now() } = options;
  const name = printable(label);
  const began = now();
  let count = 0;
  if (mode === 'quiet' || mode === 'json') return { update: () => undefined, end: () => undefined };
  const line = new LiveLine(options);
  return {
    update(done) {
      count = done;
      const parts = (): Part[] => {
        const rate = done / ((now() - began) / 1000);
        return [
          { text: name, rank: 0 },
          { text: `${done}/${total}`, rank: 2 },
          { text: formatRate(rate, 'item'), rank: 3 },
          { text: `${formatDuration((total - done) / rate)} left`, rank: 1 },
        ];
      };
      line.show(total === 0 ? 1 : done / total, parts, () => `${name}: ${done}/${total}`, false);
    },
    end() {
      line.clear();
      if (mode === 'plain')
        stream.write(`${name}: ${count}/${total}, ${formatDuration((now() - began) / 1000)}\n`);
    },
  };
}

/** The line at the bottom of a terminal, or of a log that no line can be taken from again. */
class LiveLine {
  readonly #options: ProgressOptions;
  readonly #now: () => number;
  readonly #colour: boolean;
  #drawnAt: number;
  /** What stands there now, to be put back under a line that is said meanwhile. */
  #drawn = '';

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#colour = options.colour ?? wantsColour(options.stream);
    // A bar shows at once; a log waits until there is something to tell.
    this.#drawnAt = options.mode === 'bar' ? Number.NEGATIVE_INFINITY : this.#now();
  }

  /** Draws unless it did a moment ago; `force` draws in any case. */
  show(fraction: number, parts: () => readonly Part[], plain: () => string, force: boolean): void {
    const { mode, stream } = this.#options;
    const now = this.#now();
    if (!force && now - this.#drawnAt < drawEvery[mode === 'bar' ? 'bar' : 'plain']) return;
    this.#drawnAt = now;
    if (mode === 'plain') {
      stream.write(`${plain()}\n`);
      return;
    }
    this.#drawn = this.#paint(fraction, parts());
    stream.write(`\r${this.#drawn}\x1b[K`);
  }

  /** Writes a line that stays, above the live one. */
  say(text: string): void {
    const { mode, stream } = this.#options;
    stream.write(mode === 'bar' ? `\r\x1b[K${text}\n${this.#drawn}` : `${text}\n`);
  }

  clear(): void {
    if (this.#drawn !== '') this.#options.stream.write('\r\x1b[K');
    this.#drawn = '';
  }

  #paint(fraction: number, parts: readonly Part[]): string {
    const columns = this.#options.columns ?? this.#options.stream.columns ?? 80;
    const { percent, done, left, text } = layOut(fraction, parts, columns);
    if (!this.#colour) return percent + done + left + text;
    // Whether colour is wanted is decided above, for this stream and not for standard output.
    const style = (format: 'green' | 'dim', piece: string) =>
      piece === '' ? '' : styleText(format, piece, { validateStream: false });
    return percent + style('green', done) + style('dim', left) + text;
  }
}
