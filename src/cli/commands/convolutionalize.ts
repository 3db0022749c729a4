/** `espalier convolutionalize`: a classifier as a network over every pixel. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { openRegions } from '../../data/large/regions.js';
import { convolutionalize, type Dense } from '../../dense/convolutionalize.js';
import { finer } from '../../dense/finer.js';
import { fullSize } from '../../dense/full-size.js';
import { shiftAndStitch } from '../../dense/stitch.js';
import { isPadded, type Verification, verifyDense } from '../../dense/verify.js';
import { UsageError } from '../../errors.js';
import type { Model } from '../../graph/graph.js';
import {
  type ClassifierSpec,
  describeClassifier,
  type Preprocessing,
  readSpec,
} from '../../onnx/metadata.js';
import { readModelFile, writeModelFile } from '../../runs/model-file.js';
import { nodeRuntime } from '../../runtime/node.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { type Context, command } from '../command.js';
import { classifierOptions } from '../image-classifier.js';
import {
  type PreprocessingOptions,
  preprocess,
  preprocessingOptions,
  resolvePreprocessing,
} from '../preprocessing.js';
import { counted } from '../text-table.js';
import { defined } from '../training-run.js';

const options = z.object({
  output: z
    .string()
    .meta({ placeholder: 'file', short: 'o' })
    .describe('where the dense model is written (-o)'),
  pooling: z
    .enum(['window', 'none'])
    .default('window')
    .describe(
      'pools over the whole map: a window of the size that it has (exact), or left out (finer, each cell by itself)',
    ),
  stride: z
    .int()
    .min(1)
    .optional()
    .describe("pixels between the output's cells, a divisor of the network's stride"),
  shiftAndStitch: z
    .boolean()
    .default(false)
    .describe('reach it by shifted copies of the image (1 pixel unless --stride), not à trous'),
  upsample: z
    .literal('bilinear')
    .optional()
    .describe("bring the output to the image's size by a transposed convolution"),
  verify: z
    .string()
    .optional()
    .meta({ placeholder: 'image' })
    .describe('compare with the classifier on every crop of this image'),
  crops: z
    .int()
    .min(1)
    .default(256)
    .describe('crops that --verify compares at most, drawn by --seed'),
  seed: z.int().min(0).default(0).describe('of that draw'),
  inputName: z.string().optional().describe('the input that takes images (the only one)'),
  outputName: z
    .string()
    .optional()
    .describe('the output with the scores (logits, probabilities, or the first)'),
  classes: classifierOptions.classes,
  ...preprocessingOptions,
});

type Options = z.output<typeof options>;

export const convolutionalizeCommand = command({
  name: 'convolutionalize',
  summary: 'Turn a classifier into a network that gives its scores at every place of larger images',
  examples: [
    'espalier convolutionalize classifier.onnx -o dense.onnx',
    'espalier convolutionalize classifier.onnx -o dense.onnx --verify photo.jpg',
    'espalier convolutionalize classifier.onnx -o dense.onnx --stride 8 --upsample bilinear',
  ],
  arguments: [{ name: 'model', description: 'an ONNX file', required: true }],
  options,
  async run({ options: given, arguments: { model: file } }, context) {
    const source = await readModelFile(resolve(context.cwd, file));
    const plain = convolutionalize(source, {
      pooling: given.pooling,
      input: given.inputName,
      output: given.outputName,
      size: sizeOf(given),
    });
    const fine = refined(plain, given);
    const dense = given.upsample ? fullSize(fine) : fine;
    const { spec, preprocessing } = describe(source, dense, given, context);
    const metadata = { ...dense.model.metadata, ...(spec ? describeClassifier(spec) : {}) };
    await writeModelFile(resolve(context.cwd, given.output), { ...dense.model, metadata });
    const found = given.verify
      ? await verify(source, fine, given.verify, preprocessing, given, context)
      : null;
    return {
      json: {
        ...{ path: given.output, input: dense.input, output: dense.output, size: dense.size },
        field: fine.field.map(({ size, stride, offset }) => ({ size, stride, offset })),
        padded: isPadded(plain),
        upsampled: given.upsample !== undefined,
        verification: found,
      },
      text: text(given, dense, fine, found),
    };
  },
});

function sizeOf({ height, width }: Options): readonly [number, number] | undefined {
  if (height === undefined && width === undefined) return undefined;
  return [height ?? width ?? 1, width ?? height ?? 1];
}

function refined(dense: Dense, { stride, shiftAndStitch: isStitched }: Options): Dense {
  if (isStitched) return shiftAndStitch(dense, stride ?? 1);
  return stride === undefined ? dense : finer(dense, stride);
}

/** What the dense model says about itself, and how images go in. */
function describe(
  source: Model,
  dense: Dense,
  given: Options,
  context: Context,
): { spec: ClassifierSpec | null; preprocessing: Preprocessing } {
  const input = source.graph.inputs.find(({ name }) => name === dense.input) ?? {
    name: dense.input,
    dtype: 'float32' as const,
    shape: null,
  };
  const stated = readSpec(source.metadata, input.shape ?? []);
  const [height, width] = dense.size;
  const sized: PreprocessingOptions = { ...given, height, width };
  const { preprocessing, notes } = resolvePreprocessing(
    sized,
    stated?.preprocessing ?? null,
    input,
  );
  for (const note of notes) context.note(note);
  const channels = dense.model.graph.outputs[0]?.shape?.[1];
  const classes = given.classes ?? stated?.classes;
  if (classes && typeof channels === 'number' && classes.length !== channels && channels !== 1)
    throw new UsageError(
      `--classes: ${counted(classes.length, 'name')} for ${counted(channels, 'score')}`,
      { expected: channels, actual: classes.length },
    );
  const named = classes ?? numbered(channels);
  const spec = named && { ...stated, task: 'segmentation' as const, classes: named, preprocessing };
  return { spec, preprocessing };
}

/** Ours: more classes are not given numbers for names. */
const mostNumbered = 100_000;

function numbered(count: unknown): string[] | null {
  if (typeof count !== 'number' || count < 2 || count > mostNumbered) return null;
  return Array.from({ length: count }, (_, i) => String(i));
}

async function verify(
  source: Model,
  dense: Dense,
  file: string,
  preprocessing: Preprocessing,
  { crops, seed }: Options,
  context: Context,
): Promise<Verification> {
  const image = await readImage(resolve(context.cwd, file), preprocessing);
  return verifyDense(await nodeRuntime(), source, dense, image, defined({ limit: crops, seed }));
}

/** The image at its own size, as the model takes it. */
async function readImage(path: string, preprocessing: Preprocessing): Promise<Tensor<'float32'>> {
  const regions = await openRegions(path, { channels: preprocessing.channels === 1 ? 1 : 3 });
  try {
    const { height, width } = regions;
    const pixels = await regions.read(0, 0, height, width);
    const form = { ...preprocessing, height, width, layout: 'NCHW' as const };
    const { dims, data } = preprocess(pixels, 1, form, 'float32');
    return tensor('float32', dims, data as Float32Array);
  } finally {
    await regions.close();
  }
}

function text(given: Options, dense: Dense, fine: Dense, found: Verification | null): string {
  const [down, right] = fine.field;
  const pair = (pick: (axis: Dense['field'][number]) => number) =>
    down && right ? `${pick(down)} x ${pick(right)}` : '';
  const outer = isPadded(fine) ? ', begins beyond the edge: the network pads' : '';
  return [
    `${given.output}: "${dense.input}" takes images of any size, "${dense.output}" gives ${given.upsample ? 'scores for every pixel' : 'a map of scores'}`,
    `  made for         ${dense.size.join(' x ')} pixels`,
    `  stride           ${pair(({ stride }) => stride)}${given.upsample ? ', upsampled to the image' : ''}`,
    `  receptive field  ${pair(({ size }) => size)}`,
    `  offset           ${pair(({ offset }) => offset)}${outer}`,
    ...(found ? ['', ...verified(found, given)] : []),
    '',
    `try it: espalier predict ${given.output} <images>`,
    `        espalier inspect ${given.output} --shapes`,
  ].join('\n');
}

function verified(found: Verification, { seed }: Options): string[] {
  const { crops, covered, largest, alone, interior, isPadded: pads } = found;
  const which =
    crops < covered
      ? `${crops} of the ${covered} crops that the map covers (drawn with seed ${seed})`
      : `all ${counted(covered, 'crop')} that the map covers`;
  const figure = (value: number) => value.toExponential(1);
  const lines = [`verified on ${which}; largest differences from the classifier:`];
  if (!pads) return [...lines, `  on the map       ${figure(largest)}`];
  return [
    ...lines,
    `  on each crop     ${figure(alone)} (the dense model on the crop by itself)`,
    interior
      ? `  in the interior  ${figure(interior.largest)} (${interior.cells} cells of the map before the classes whose view lies inside the crop, so that padding is not seen)`
      : '  in the interior  none: every cell of the map before the classes sees padding on a crop',
    `  on the map       ${figure(largest)} (the classifier sees padding around each crop, the map the image)`,
  ];
}
