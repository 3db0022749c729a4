/** What every training command does around its method: the run's folder, its log and checkpoints, and its end. */
import { rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { InterruptedError } from '../errors.js';
import { fileCheckpointStore } from '../runs/checkpoint-store.js';
import { openMetricsLog } from '../runs/metrics-log.js';
import { readRunConfig, writeRunConfig } from '../runs/run-config.js';
import { openRunFolder, type RunFolder } from '../runs/run-folder.js';
import type { Runtime } from '../runtime/runtime.js';
import type { TrainEvent } from '../train/events.js';
import type { TrainOptions, TrainResult } from '../train/train.js';
import { version } from './version.js';

/** What a training command hands on of its options and surroundings. */
export interface TrainingRunOptions {
  readonly runtime: Runtime;
  readonly threads?: number | undefined;
  /** The options as the user gave them, resolved: written to `config.yaml`. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly output: string;
  readonly overwrite?: boolean | undefined;
  readonly resume?: boolean | undefined;
  readonly patience?: number | undefined;
  readonly checkpointEvery?: number | undefined;
  readonly signal: AbortSignal;
  readonly progress: (event: TrainEvent) => void;
}

/** What a method's training takes of it. */
export interface TrainingSurroundings
  extends Pick<
    TrainOptions,
    'session' | 'store' | 'resume' | 'checkpointEvery' | 'signal' | 'onEvent'
  > {
  readonly runtime: Runtime;
  readonly patience?: number;
}

/**
 * Makes the folder ready, writes `config.yaml` of a new run, and says how a resumed one differs from its beginning.
 * @throws UsageError where the folder cannot be used.
 */
export async function openTrainingRun(run: TrainingRunOptions): Promise<RunFolder> {
  const folder = await openRunFolder(run.output, {
    overwrite: run.overwrite ?? false,
    resume: run.resume ?? false,
  });
  if (folder.resumed) await noteChanges(folder, run);
  else await writeRunConfig(folder, run.options);
  return folder;
}

/**
 * Trains with checkpoints and the metrics log in the folder.
 * @throws InterruptedError after a signal, with the checkpoint saved; and what `train` throws.
 */
export async function trainInto<T extends TrainResult>(
  folder: RunFolder,
  run: TrainingRunOptions,
  train: (surroundings: TrainingSurroundings) => Promise<T>,
): Promise<T> {
  const log = await openMetricsLog(folder);
  let hasBegun = false;
  try {
    const trained = await train({
      runtime: run.runtime,
      ...(run.threads === undefined ? {} : { session: { threads: run.threads } }),
      store: fileCheckpointStore(folder),
      resume: folder.resumed,
      ...(run.patience === undefined ? {} : { patience: run.patience }),
      ...(run.checkpointEvery === undefined ? {} : { checkpointEvery: run.checkpointEvery }),
      signal: run.signal,
      onEvent: (event) => {
        hasBegun ||= event.type !== 'notice';
        log.write(event);
        run.progress(event);
      },
    });
    if (trained.reason === 'interrupted')
      throw new InterruptedError(
        `interrupted at step ${trained.step}; the checkpoint is saved. Go on with the same command and --resume.`,
        { path: folder.path },
      );
    return trained;
  } finally {
    log.close();
    // A run that was refused before its first step is none: the next try finds the folder as it was, and a run that was
    // to be resumed keeps its own settings.
    if (hasBegun && folder.resumed) await writeRunConfig(folder, run.options);
    if (!hasBegun && !folder.resumed)
      for (const file of [folder.config, folder.metrics]) await rm(file, { force: true });
  }
}

/** Settings of which a run that is resumed gives the same result, whatever they are. */
const harmless = new Set(['checkpointEvery', 'threads']);

/** Says which settings a resumed run does not share with its beginning: it is another run from there on. */
async function noteChanges(folder: RunFolder, { options, progress }: TrainingRunOptions) {
  const before = await readRunConfig(folder).catch(() => ({}));
  const changed = Object.entries((before ?? {}) as Record<string, unknown>).flatMap(
    ([key, value]) => {
      const [old, now] = [JSON.stringify(value), JSON.stringify(options[key])];
      return old === now || now === undefined || harmless.has(key)
        ? []
        : [`${key} ${old}, now ${now}`];
    },
  );
  if (changed.length > 0)
    progress({ type: 'notice', message: `resumed with other settings: ${changed.join('; ')}` });
}

/** Headline figures of a run's report: the test error where there is one, then what it took. */
export function headlines(
  testError: number | null,
  { step, seconds }: TrainResult,
  more: readonly { readonly name: string; readonly value: string }[] = [],
) {
  return [
    ...(testError === null
      ? []
      : [{ name: 'Test error', value: `${(100 * testError).toFixed(2)} %` }]),
    ...more,
    { name: 'Steps', value: step.toLocaleString('en') },
    { name: 'Training time', value: durationOf(seconds) },
  ];
}

/** Seconds of work in words: `under 1 s`, `42 s`, `12.5 min`. */
export function durationOf(seconds: number): string {
  if (seconds < 1) return 'under 1 s';
  return seconds < 59.5 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`;
}

/** What made a run: enough to make it again. */
export function provenanceOf(runtime: Runtime, seed: number): Record<string, string> {
  return {
    Espalier: version,
    Runtime: runtime.name,
    Node: process.version,
    Machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    Seed: String(seed),
  };
}

/** The options that are given, without those that only say where a run goes and how it starts. */
export function repeatable(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const places = ['output', 'hub', 'overwrite', 'resume', 'watch'];
  return Object.fromEntries(
    Object.entries(options).filter(([key, value]) => !places.includes(key) && value !== undefined),
  );
}

/** A record without its undefined values. */
export function defined<T extends object>(
  record: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** A word as a shell takes it: as it is, or between quotes where it has letters that mean something to shells. */
export function quoted(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
