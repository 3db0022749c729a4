/**
 * The metrics of a run as a file of JSON lines, one event each. What only measures the machine is left out but
 * for one `time`, so two runs with one seed write the same lines apart from it.
 */
import { appendFileSync, closeSync, ftruncateSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { DataError, TrainingError } from '../errors.js';
import type { TrainEvent, TrainListener } from '../train/events.js';
import { describeFailure, errorCode } from './atomic-file.js';
import type { RunPaths } from './run-folder.js';

type WithoutClock<E> = E extends { readonly type: 'step' }
  ? Omit<E, 'stepsPerSecond' | 'secondsLeft'>
  : E extends { readonly type: 'end' }
    ? Omit<E, 'seconds'>
    : E;

/** A line of the metrics: an event, and `time` in milliseconds of training since the run began. */
export type MetricsLine = WithoutClock<TrainEvent> & { readonly time: number };

/** Writes events as they come; what comes before `start` is written with it. */
export interface MetricsLog {
  /** @throws TrainingError where the disk is full or fails. */
  readonly write: TrainListener;
  close(): void;
}

const count = z.number().int().nonnegative();
// JSON has no NaN and no Infinity: they are written as null.
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const figures = z.record(z.string(), figure);
const time = z.number().nonnegative();
const lineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('start'),
    run: z.string(),
    step: count,
    steps: count,
    resumed: z.boolean(),
    time,
  }),
  z.object({
    type: z.literal('step'),
    step: count,
    steps: count,
    epoch: z.number(),
    losses: figures,
    learningRate: figure,
    time,
  }),
  z.object({
    type: z.literal('evaluation'),
    step: count,
    epoch: z.number(),
    metrics: figures,
    time,
  }),
  z.object({ type: z.literal('checkpoint'), step: count, kind: z.enum(['last', 'best']), time }),
  z.object({ type: z.literal('notice'), message: z.string(), time }),
  z.object({
    type: z.literal('end'),
    step: count,
    reason: z.enum(['finished', 'interrupted', 'stopped early']),
    time,
  }),
]) satisfies z.ZodType<MetricsLine>;

/**
 * The lines written so far. A last line without its end, of a process that was killed or still writes, is left
 * out; no file gives no lines.
 * @throws DataError naming the line that is not an event.
 */
export async function readMetrics(paths: Pick<RunPaths, 'metrics'>): Promise<MetricsLine[]> {
  return (await readLines(paths)).map(({ line }) => line);
}

/** The lines, each with the bytes that it takes in the file, its end included. */
async function readLines({
  metrics: path,
}: Pick<RunPaths, 'metrics'>): Promise<{ line: MetricsLine; bytes: number }[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if (errorCode(cause) === 'ENOENT') return '';
    const { reason } = describeFailure(cause, path);
    throw new DataError(`metrics: cannot read ${path}: ${reason}.`, { path, cause });
  });
  return text
    .split('\n')
    .slice(0, -1)
    .map((line, i) => ({
      line: parseLine(line, `${path}, line ${i + 1}`),
      bytes: Buffer.byteLength(line) + 1,
    }));
}

function parseLine(line: string, where: string): MetricsLine {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new DataError(`metrics: ${where} is not an event: ${problem}. Delete that line.`, {
      path: where,
      cause,
    });
  }
}

/**
 * Opens the metrics for appending. The first `start` event says from where the run goes on: what the file says of
 * later steps is then dropped, since they are done again. Time goes on where it was.
 * @param now milliseconds on any clock that does not go back
 * @throws TrainingError where the file cannot be written, DataError where it cannot be read.
 */
export async function openMetricsLog(
  paths: Pick<RunPaths, 'metrics'>,
  now: () => number = () => performance.now(),
): Promise<MetricsLog> {
  const path = paths.metrics;
  const earlier = await readLines(paths);
  const guarded = <T>(operation: () => T): T => {
    try {
      return operation();
    } catch (cause) {
      const { reason, remedy } = describeFailure(cause, path);
      throw new TrainingError(`metrics: cannot write ${path}: ${reason}. ${remedy}`, {
        path,
        cause,
      });
    }
  };
  const file = guarded(() => openSync(path, 'a'));
  let began = now();
  let started = false;
  const waiting: TrainEvent[] = [];
  const append = (event: TrainEvent) => {
    const line = { ...withoutClock(event), time: Math.round(now() - began) };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  };
  const begin = (step: number) => {
    started = true;
    const later = earlier.findIndex(({ line }) => line.type !== 'notice' && line.step > step);
    const kept = later < 0 ? earlier : earlier.slice(0, later);
    began -= kept.at(-1)?.line.time ?? 0;
    ftruncateSync(
      file,
      kept.reduce((total, { bytes }) => total + bytes, 0),
    );
    for (const event of waiting.splice(0)) append(event);
  };
  return {
    write: (event) =>
      guarded(() => {
        if (event.type === 'start' && !started) begin(event.step);
        if (started) append(event);
        else waiting.push(event);
      }),
    close: () => closeSync(file),
  };
}

function withoutClock(event: TrainEvent): WithoutClock<TrainEvent> {
  if (event.type === 'step') {
    const { stepsPerSecond: _rate, secondsLeft: _left, ...content } = event;
    return content;
  }
  if (event.type === 'end') {
    const { seconds: _seconds, ...content } = event;
    return content;
  }
  return event;
}
