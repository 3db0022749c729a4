/** Where a graph's time goes, node by node: ONNX Runtime's own profile, in Node alone (it writes a file). */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as ort from 'onnxruntime-common';
import { internal } from '../errors.js';
import type { Model } from '../graph/graph.js';
import { loadNative, nodeRuntime, withBlocks } from './node.js';
import { ortRuntime } from './ort.js';
import type { Feeds, NodeTime } from './runtime.js';

export interface ProfileOptions {
  /** Runs that count; 10 where left out. */
  readonly runs?: number;
  /** Runs before those, in which memory is allocated and nothing is counted; 2 where left out. */
  readonly warmup?: number;
  /** Threads inside one operator; the machine's cores where left out. */
  readonly threads?: number;
}

/** An entry of the file, as far as it is read here. */
interface ProfileEvent {
  readonly cat?: string;
  readonly name?: string;
  /** Microseconds. */
  readonly dur?: number;
  readonly ts?: number;
  readonly args?: { readonly op_name?: string };
}

const suffix = '_kernel_time';

/**
 * Runs `model` with the same feeds again and again on the CPU and says what each node took, the slowest first. Nodes
 * are those that the runtime executes: what it fused has a name of the runtime's making, what it folded is missing.
 * @throws RuntimeUnavailableError where onnxruntime-node does not load, ModelError where it refuses the model,
 *   ShapeError for a missing or ill-shaped feed.
 */
export async function profile(
  model: Model | Uint8Array,
  feeds: Feeds,
  options: ProfileOptions = {},
): Promise<NodeTime[]> {
  const { runs = 10, warmup = 2, threads } = options;
  const module = await loadNative();
  const folder = await mkdtemp(join(tmpdir(), 'espalier-profile-'));
  let native: ort.InferenceSession | undefined;
  // A Session of ours has no end of profiling, so the native one is kept as it is made.
  const create = async (bytes: Uint8Array, settings?: ort.InferenceSession.SessionOptions) => {
    native = await module.InferenceSession.create(bytes, settings);
    return native;
  };
  const recording = {
    Tensor: module.Tensor,
    InferenceSession: { create: create as ort.InferenceSessionFactory['create'] },
  };
  try {
    const runtime = withBlocks(
      ortRuntime('onnxruntime-node', recording, true, {
        executionProviders: ['cpu'],
        logSeverityLevel: 3,
        enableProfiling: true,
        profileFilePrefix: join(folder, 'run'),
      }),
      await nodeRuntime(),
    );
    const session = await runtime.load(model, threads === undefined ? {} : { threads });
    try {
      for (let run = 0; run < warmup + runs; run++) await session.run(feeds);
    } finally {
      native?.endProfiling();
    }
    return nodeTimes(await readProfile(folder), warmup, runs);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readProfile(folder: string): Promise<readonly ProfileEvent[]> {
  const [file] = await readdir(folder);
  if (file === undefined) return internal('ONNX Runtime wrote no profile');
  return JSON.parse(await readFile(join(folder, file), 'utf8')) as readonly ProfileEvent[];
}

/** Sums the events of each node but those of its first `warmup` runs. */
function nodeTimes(events: readonly ProfileEvent[], warmup: number, runs: number): NodeTime[] {
  const durations = new Map<string, { op: string; microseconds: number[] }>();
  const inOrder = events
    .filter(({ cat, name }) => cat === 'Node' && name?.endsWith(suffix))
    .sort((a, b) => (a.ts ?? 0) - (b.ts ?? 0));
  for (const { name = '', dur = 0, args } of inOrder) {
    const node = name.slice(0, -suffix.length);
    const known = durations.get(node) ?? { op: args?.op_name ?? '', microseconds: [] };
    known.microseconds.push(dur);
    durations.set(node, known);
  }
  return [...durations]
    .map(([node, { op, microseconds }]) => {
      const counted = microseconds.slice(warmup);
      return { node, op, runs, milliseconds: counted.reduce((a, b) => a + b, 0) / 1000 };
    })
    .sort((a, b) => b.milliseconds - a.milliseconds);
}
