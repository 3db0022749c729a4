/** `espalier train hypercolumn`: a classifier of pixels on the layers of any network, from strokes or from masks. */
import { basename, extname, join, resolve } from 'node:path';
import { EspalierError, UsageError } from '../../errors.js';
import { nodeRuntime } from '../../runtime/node.js';
import { webRuntime } from '../../runtime/web.js';
import { type Context, command } from '../command.js';
import { type Backbone, openBackbone } from '../hypercolumn-backbone.js';
import type { MaskRun } from '../hypercolumn-masks.js';
import {
  type HypercolumnOptions,
  hypercolumnOptions,
  pixelConfigOf,
} from '../hypercolumn-options.js';
import type { FittedRun, HypercolumnRunOptions } from '../hypercolumn-run.js';
import { runScribbles, type ScribbleRun } from '../hypercolumn-scribbles.js';
import { openSceneData } from '../scene-data.js';
import { openScribbles, type Scribbles } from '../scribble-data.js';
import { classTable } from '../segmenter-figures.js';
import { counted, grouped, percent, textTable } from '../text-table.js';
import { quoted, repeatable } from '../training-run.js';
import { watchFiles } from '../watched-files.js';

export const trainHypercolumnCommand = command({
  name: 'train hypercolumn',
  summary: 'Classify pixels by the layers of any ONNX network, from a few strokes or from masks',
  examples: [
    'espalier train hypercolumn --from squeezenet.onnx --image photo.jpg --labels scribbles.png',
    'espalier train hypercolumn --from squeezenet.onnx --images photos --labels strokes --classes ground,leaf,fruit',
    'espalier train hypercolumn --from squeezenet.onnx --image photo.jpg --labels scribbles.png --watch',
    'espalier train hypercolumn --from model.onnx --image a.jpg --labels a.png --image b.jpg --labels b.png --head mlp:64',
    'espalier train hypercolumn --from squeezenet.onnx --data camvid --taps conv1,fire3,fire5,fire7,fire9',
  ],
  arguments: [],
  options: hypercolumnOptions,
  async run({ options: given }, context) {
    const hasStrokes = given.image !== undefined || given.images !== undefined;
    if (hasStrokes === (given.data !== undefined))
      throw new UsageError(
        'give either images with strokes (--image or --images, and --labels), or images with masks (--data)',
      );
    if (given.watch && !hasStrokes) throw new UsageError('--watch is for strokes, not for --data');
    const config = pixelConfigOf(given);
    return given.data === undefined
      ? fromStrokes(given, context, config)
      : fromMasks({ ...given, data: given.data }, context, config);
  },
});

type Config = ReturnType<typeof pixelConfigOf>;

async function fromStrokes(given: HypercolumnOptions, context: Context, config: Config) {
  const { cwd, signal, note, bar } = context;
  const strokes = (given.labels ?? []).map((path) => resolve(cwd, path));
  // Before they are read the first time: none that is drawn meanwhile is missed.
  const watched = given.watch ? await watchFiles(strokes, signal) : null;
  const scribbles = await openScribbles(given, context);
  const place = given.images ?? given.image?.[0] ?? '';
  const backbone = await openBackbone(given, context);
  const options = await runOptions(given, context, config, place, backbone);
  const teach = (scribbles: Scribbles, overwrite = false): Promise<ScribbleRun> =>
    runScribbles({
      ...{ ...options, scribbles, overwrite, cache: given.cache, bar },
      next: (model) => [
        `npx espalier predict ${quoted(model)} <images> --uncertainty`,
        `npx espalier inspect ${quoted(model)}`,
      ],
    });
  let run = await teach(scribbles, options.overwrite);
  if (watched) note(`${seen(run)}; waiting for other strokes, until Ctrl-C`);
  while (await watched?.changed())
    try {
      run = await teach(await openScribbles(given, context));
      note(seen(run));
    } catch (error) {
      // Strokes that make no sense are drawn over.
      if (!(error instanceof EspalierError) || signal.aborted) throw error;
      note(`${error.message}; the last fit stays, waiting for other strokes`);
    }
  return { json: run, text: describeStrokes(run) };
}

const seen = ({ seconds, folder }: ScribbleRun): string =>
  `fitted in ${seconds.all.toFixed(2)} s, pictures in ${join(folder, 'predictions')}`;

async function fromMasks(
  given: HypercolumnOptions & { readonly data: string },
  context: Context,
  config: Config,
) {
  // Strokes, which somebody waits for, need none of it.
  const { pointsThatFit, runMasks } = await import('../hypercolumn-masks.js');
  const data = await openSceneData(given, context);
  const backbone = await openBackbone(given, context);
  const points = pointsThatFit(config, given.points, data.train.count, backbone.taps);
  if (points < config.points)
    context.note(`${points} pixels of each scene are learnt from: more do not fit in memory`);
  const options = await runOptions(given, context, { ...config, points }, data.name, backbone);
  const split = data.test ? 'test' : data.validation ? 'validation' : 'train';
  const held =
    given.validation === undefined ? '' : ` --validation ${given.validation} --seed ${given.seed}`;
  const run = await runMasks({
    ...{ ...options, data: { ...data, name: given.data }, bar: context.bar },
    next: (model) => [
      `npx espalier evaluate ${quoted(model)} --data ${quoted(given.data)} --split ${split}${held}`,
      `npx espalier predict ${quoted(model)} <images> --uncertainty`,
    ],
  });
  return { json: run, text: describeMasks(run) };
}

/** What both forms take. */
async function runOptions(
  given: HypercolumnOptions,
  context: Context,
  config: Config,
  place: string,
  backbone: Backbone,
): Promise<Omit<HypercolumnRunOptions, 'next'>> {
  const stem = (path: string): string => basename(path, extname(path));
  const name = `${stem(given.from)}-${stem(place)}`.replaceAll(/\s+/g, '-');
  const taps = backbone.taps.map((tap) => tap.name);
  const { hidden: _, ...settings } = config;
  return {
    ...{ ...backbone, config, origin: given.from },
    options: repeatable({ ...given, taps, ...settings }),
    output: resolve(context.cwd, given.output ?? `runs/hypercolumn-${name}`),
    overwrite: given.overwrite ?? false,
    ...{ opacity: given.opacity, threads: given.threads },
    runtime: given.runtime === 'web' ? await webRuntime() : await nodeRuntime(),
    ...{ signal: context.signal, progress: context.progress },
  };
}

/** Images that are named in the text. */
const mostNamed = 20;

function describeStrokes(run: ScribbleRun): string {
  const { classes, labels, accuracies, images } = run;
  const shares = (k: number): number =>
    images.reduce((sum, image) => sum + (image.shares[k] ?? 0), 0) / images.length;
  const rows = classes.map((name, k) => [
    name,
    grouped(labels[k] ?? 0),
    percent(accuracies[k] ?? Number.NaN, 1),
    percent(shares(k), 1),
  ]);
  const pictures = images.slice(0, mostNamed).map(({ files }) => files['overlay'] ?? '');
  return [
    textTable(['class', 'labelled', 'told right', 'of all pixels'], rows, [
      ...(['left', 'right', 'right', 'right'] as const),
    ]),
    '',
    `${fitted(run)}; layers of ${counted(images.length, 'image')}${run.cached > 0 ? ` (${run.cached} kept from before)` : ''} in ${run.seconds.features.toFixed(2)} s, fit in ${run.seconds.fit.toFixed(2)} s`,
    '',
    ...pictures.map((path) => `picture ${path}`),
    ...ending(run),
  ].join('\n');
}

function describeMasks(run: MaskRun): string {
  const figures = run.test ?? run.validation;
  return [
    figures
      ? `${run.test ? 'test' : 'validation'} mean IU ${figures.meanIu.toFixed(4)}, pixel accuracy ${figures.pixelAccuracy.toFixed(4)}`
      : 'no test scenes and none held out, so no figures to tell',
    fitted(run),
    ...(figures ? ['', classTable(figures)] : []),
    '',
    ...ending(run),
  ].join('\n');
}

const fitted = ({ pixels, channels, taps, steps }: FittedRun): string =>
  `fitted on ${counted(pixels, 'pixel')} with ${grouped(channels)} features of ${counted(taps.length, 'layer')} in ${counted(steps, 'step')}`;

const ending = ({ model, report, next }: FittedRun): string[] => [
  `model   ${model}`,
  `report  ${report}`,
  '',
  'next:',
  ...next.map((line) => `  ${line}`),
];
