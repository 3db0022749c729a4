/** Trains a segmenter's networks one after another as one run: with one count of steps, and the best weights of each. */
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type FcnNetwork, weightsOf, withWeights } from '../methods/fcn/network.js';
import type { LabelledScenes } from '../methods/fcn/score.js';
import { type TrainFcnOptions, trainFcn } from '../methods/fcn/train.js';
import { fileCheckpointStore } from '../runs/checkpoint-store.js';
import type { RunFolder } from '../runs/run-folder.js';
import type { CheckpointStore } from '../train/events.js';
import { decodeSafetensors } from '../train/safetensors.js';
import type { TrainResult } from '../train/train.js';
import { shiftedEvents } from './segmenter-events.js';

export interface StagesOptions
  extends Pick<
    TrainFcnOptions,
    | 'runtime'
    | 'session'
    | 'config'
    | 'batches'
    | 'evaluateEvery'
    | 'patience'
    | 'resume'
    | 'checkpointEvery'
    | 'signal'
    | 'onEvent'
  > {
  /** From the coarsest to the finest. */
  readonly networks: readonly FcnNetwork[];
  readonly validation: LabelledScenes | null;
}

/** A network as its training left it: the best on validation scenes, or the last where there are none. */
export interface Stage {
  readonly network: FcnNetwork;
  /** Names of what was trained. */
  readonly trained: ReadonlySet<string>;
}

export interface TrainedStages extends TrainResult {
  /** Those that ended, in order. */
  readonly stages: readonly Stage[];
}

/** What a network is called: `fcn-8s`. */
export const stageName = ({ stride }: Pick<FcnNetwork, 'stride'>): string => `fcn-${stride}s`;

/** Folder of the networks that the last one was built upon. */
export const stagesFolder = ({ path }: Pick<RunFolder, 'path'>): string => join(path, 'stages');

/** Removes what an earlier run left of its stages; other files in the folder stay. */
export async function removeStages(folder: RunFolder): Promise<void> {
  const path = stagesFolder(folder);
  for (const name of await readdir(path).catch(() => []))
    if (/^fcn-\d+s(\.onnx)?$/.test(name)) await rm(join(path, name), { recursive: true });
  // Where something else is left in it, it stays.
  await rmdir(path).catch(() => undefined);
}

/** Checkpoints of a stage that is not the last, in a folder that is made when there is something to keep. */
function stageStore(folder: RunFolder, network: FcnNetwork): CheckpointStore {
  const path = join(stagesFolder(folder), stageName(network));
  const file = (kind: string) => join(path, `${kind}.safetensors`);
  const store = fileCheckpointStore({ checkpoints: { last: file('last'), best: file('best') } });
  return {
    ...store,
    async save(kind, bytes) {
      await mkdir(path, { recursive: true });
      await store.save(kind, bytes);
    },
  };
}

/**
 * Trains every network, each beginning with the best weights of the one before and `config.stageRate` times its
 * learning rate. To resume goes through the stages again: those that had ended load their weights and end at once.
 * @returns with the parameters of the last stage that was begun, and the steps and seconds of all
 * @throws as `trainFcn`.
 */
export async function trainStagesInto(
  folder: RunFolder,
  { networks, config, validation, onEvent, ...rest }: StagesOptions,
): Promise<TrainedStages> {
  const stages: Stage[] = [];
  const { stepsPerEpoch } = rest.batches;
  const planned = Math.max(1, Math.round(config.epochs * stepsPerEpoch));
  let done: TrainResult = { parameters: new Map(), step: 0, seconds: 0, reason: 'finished' };
  for (const [i, network] of networks.entries()) {
    const left = networks.length - 1 - i;
    const store = left === 0 ? fileCheckpointStore(folder) : stageStore(folder, network);
    const before = stages.at(-1);
    const trained = await trainFcn({
      ...rest,
      store,
      network: before ? withWeights(network, weightsOf(before.network)) : network,
      config: { ...config, learningRate: config.learningRate * config.stageRate ** i },
      ...(validation && { validation }),
      ...(onEvent && {
        onEvent: shiftedEvents(onEvent, {
          ...{ name: stageName(network), stepsPerEpoch, isLast: left === 0 },
          ...{ before: done.step, after: left * planned },
        }),
      }),
    });
    const { parameters, reason } = trained;
    const [step, seconds] = [done.step + trained.step, done.seconds + trained.seconds];
    done = { parameters, reason, step, seconds };
    if (reason === 'interrupted') break;
    const best = validation ? await store.load('best') : null;
    const weights = best ? Object.entries(decodeSafetensors(best, 'checkpoint').tensors) : [];
    stages.push({
      network: withWeights(trained.network, new Map(weights)),
      trained: new Set(parameters.keys()),
    });
  }
  return { ...done, stages };
}
