/** The command line in this process, with a folder of its own, for tests. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Command } from '../src/cli/command.js';
import { runCli } from '../src/cli/run-cli.js';
import { type Model, model } from '../src/graph/graph.js';
import { type ClassifierSpec, describeClassifier } from '../src/onnx/metadata.js';
import { writeModel } from '../src/onnx/write.js';
import { builder } from '../src/ops/builder.js';
import { encodePng } from '../src/report/png.js';
import { tensor } from '../src/tensor/tensor.js';

/** What a command line did. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What differs from a pipe in the folder, with no variables set. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly commands?: readonly Command[];
  readonly isTTY?: boolean;
  /** Sees standard error as it is written. */
  readonly onError?: (text: string) => void;
}

/** Runs a command line given as words, or as one text without quotes. */
export async function run(
  line: string | readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const written = { out: '', err: '' };
  const { isTTY = false, commands, onError } = options;
  const stream = (name: 'out' | 'err') => ({
    isTTY,
    write(text: string) {
      written[name] += text;
      if (name === 'err') onError?.(text);
    },
  });
  const code = await runCli(
    typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line,
    {
      stdout: stream('out'),
      stderr: stream('err'),
      env: options.env ?? {},
      cwd: options.cwd ?? tmpdir(),
      signal: options.signal ?? new AbortController().signal,
    },
    commands?.map((command) => ({ name: command.name, load: async () => command })),
  );
  return { code, ...written };
}

/** A temporary folder that a test fills. */
export interface Folder {
  readonly path: string;
  /** Writes a file: a number is a grey 4 x 4 PNG of that level, a model its ONNX file. */
  write(name: string, content: number | string | Uint8Array | Model): void;
  remove(): void;
}

export function makeFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'espalier-cli-'));
  return {
    path,
    write(name, content) {
      const file = join(path, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytesOf(content));
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

function bytesOf(content: number | string | Uint8Array | Model): string | Uint8Array {
  if (typeof content === 'number') return encodePng(new Uint8Array(16).fill(content), 4, 4, 1);
  return typeof content === 'string' || content instanceof Uint8Array
    ? content
    : writeModel(content);
}

const spec: ClassifierSpec = {
  task: 'classification',
  classes: ['bright', 'dark'],
  preprocessing: {
    ...{ channels: 1, height: 4, width: 4, layout: 'NCHW', colour: 'grey' },
    ...{ scale: 1 / 255, mean: [0], std: [1] },
  },
};

/** What `brightness` may be made of otherwise. */
export interface BrightnessOptions {
  /** Batch size of the input; any where left out. */
  readonly batch?: number | string;
  readonly described?: boolean;
  readonly classes?: readonly string[];
  /** Leaves the softmax out. */
  readonly logitsOnly?: boolean;
}

/** A classifier of grey 4 x 4 images: `bright` where the mean pixel is above 127.5, with logit 10 mean - 5. */
export function brightness(options: BrightnessOptions = {}): Model {
  const { batch = 'batch', described = true, classes = spec.classes, logitsOnly } = options;
  const b = builder();
  const x = b.Flatten(b.input('pixel_values', 'float32', [batch, 1, 4, 4]));
  const rows = Array.from({ length: 32 }, (_, i) => (i < 16 ? 10 / 16 : 0));
  const weight = b.initializer('weight', tensor('float32', [2, 16], rows));
  const bias = b.initializer('bias', tensor('float32', [2], [-5, 0]));
  const logits = b.Gemm(x, weight, bias, { transB: 1 });
  b.output(logits, 'logits');
  if (!logitsOnly) b.output(b.Softmax(logits, { axis: 1 }), 'probabilities');
  return model(b.build('brightness'), described ? describeClassifier({ ...spec, classes }) : {});
}
