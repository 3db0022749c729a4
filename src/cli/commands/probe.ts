/** `espalier probe`: is a layer, or are some together, a good representation of each pixel? */
import { basename, extname, resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../errors.js';
import { renderReport } from '../../report/report.js';
import type { ReportProbe } from '../../report/run-report.js';
import { writeAtomically } from '../../runs/atomic-file.js';
import { writeRunConfig } from '../../runs/run-config.js';
import { openRunFolder } from '../../runs/run-folder.js';
import { nodeRuntime } from '../../runtime/node.js';
import { command } from '../command.js';
import { openBackbone } from '../hypercolumn-backbone.js';
import { pointsThatFit } from '../hypercolumn-masks.js';
import { hypercolumnOptions, pixelConfigOf } from '../hypercolumn-options.js';
import { runProbe } from '../probe-run.js';
import { openSceneData } from '../scene-data.js';
import { counted, grouped, percent, textTable } from '../text-table.js';
import { provenanceOf, quoted, repeatable } from '../training-run.js';

/** Not of those of `train hypercolumn`: strokes, pictures, and what is a positional argument here. */
const {
  from: _from,
  image: _image,
  images: _images,
  labels: _labels,
  cache: _cache,
  watch: _watch,
  opacity: _opacity,
  runtime: _runtime,
  data,
  output: folderOption,
  ...shared
} = hypercolumnOptions.shape;

export const probeCommand = command({
  name: 'probe',
  summary:
    'Say what layers of a network know of each pixel, what they cost, and whether they know where it is',
  examples: [
    'espalier probe squeezenet.onnx --data camvid --taps fire3,fire9',
    "espalier probe squeezenet.onnx --data camvid --taps conv1,fire5,fire9 --subsets 'fire9;fire5,fire9;conv1,fire5,fire9'",
    'espalier probe model.onnx --data scenes --validation 0.2 --taps conv1,conv2 --subsets all --json',
  ],
  arguments: [
    { name: 'network', description: 'an ONNX file; its weights stay as they are', required: true },
  ],
  options: z.object({
    ...shared,
    data: data.unwrap().describe(data.description ?? ''),
    output: folderOption.describe('folder of the report (runs/probe-<network>-<data>)'),
    subsets: z
      .string()
      .default('nested')
      .meta({ placeholder: 'each|nested|all|a;a,b' })
      .describe(
        'which layers together: each alone; the last, the last two and so on; all there are; or lists of their names',
      ),
  }),
  async run({ options, arguments: { network } }, context) {
    const unused = { cache: false, watch: false, opacity: 1, runtime: 'node' as const };
    const given = { ...options, from: network, ...unused };
    const config = pixelConfigOf(given);
    const scenes = await openSceneData(given, context);
    const backbone = await openBackbone(given, context);
    const names = backbone.taps.map(({ name }) => name);
    const subsets = subsetsOf(options.subsets, names);
    const points = pointsThatFit(config, options.points, scenes.train.count, backbone.taps);
    const stem = (path: string): string => basename(path, extname(path)).replaceAll(/\s+/g, '-');
    const output = resolve(
      context.cwd,
      options.output ?? `runs/probe-${stem(network)}-${stem(options.data)}`,
    );
    const { overwrite = false } = options;
    await openRunFolder(output, { overwrite, report: 'check' });
    const { hidden: _, ...fit } = config;
    const settings = { ...options, network, taps: names, ...fit, points };
    const runtime = await nodeRuntime();
    const probe = await runProbe({
      ...{ ...backbone, runtime, data: scenes, subsets, config: { ...config, points } },
      ...{ threads: options.threads, bar: context.bar, signal: context.signal },
    });
    const best = bestOf(probe);
    const next = [
      `npx espalier train hypercolumn --from ${quoted(network)} --data ${quoted(options.data)} --taps ${best.taps.join(',')}`,
    ];
    const page = renderReport({
      title: 'Layers as representations of pixels',
      subtitle: `${network} on ${options.data}: ${counted(probe.rows.length, 'subset')} of ${counted(names.length, 'layer')}`,
      figures: [
        { name: 'Best mean IU', value: best.meanIu.toFixed(4), note: best.taps.join(', ') },
        { name: 'Held-out scenes', value: grouped(probe.scenes) },
        { name: 'Pixels learnt from', value: grouped(probe.pixels) },
      ],
      config: repeatable(settings),
      ...{ curves: [], probe, next, provenance: provenanceOf(runtime, config.seed) },
    });
    const folder = await openRunFolder(output, { overwrite, report: 'write' });
    await writeRunConfig(folder, repeatable(settings));
    await writeAtomically(folder.report, page, { what: 'report' });
    return {
      json: { ...probe, report: folder.report, next },
      text: [
        describe(probe),
        '',
        `report  ${folder.report}`,
        '',
        'next:',
        ...next.map((line) => `  ${line}`),
      ].join('\n'),
    };
  },
});

const bestOf = ({ rows }: ReportProbe): ReportProbe['rows'][number] =>
  rows.reduce((best, row) => (row.meanIu > best.meanIu ? row : best));

/** Layers beyond which not all subsets are probed: 2 to that power. */
const mostForAll = 6;

/**
 * Subsets as indices.
 * @throws UsageError for a name that is none of the layers, or for more subsets than anybody waits for.
 */
function subsetsOf(text: string, names: readonly string[]): number[][] {
  const all = names.map((_, i) => i);
  if (text === 'each') return all.map((i) => [i]);
  if (text === 'nested') return all.map((_, n) => all.slice(all.length - 1 - n));
  if (text === 'all') {
    if (names.length > mostForAll)
      throw new UsageError(
        `--subsets all: ${names.length} layers have ${2 ** names.length - 1} subsets, at most ${mostForAll} layers are taken. Name subsets instead, as in 'a;a,b'`,
        { expected: mostForAll, actual: names.length },
      );
    const subsets = Array.from({ length: 2 ** names.length - 1 }, (_, bits) =>
      all.filter((i) => ((bits + 1) >> i) & 1),
    );
    return subsets.sort((a, b) => a.length - b.length);
  }
  return text.split(';').map((subset) =>
    subset.split(',').map((word) => {
      const index = names.indexOf(word.trim());
      if (index >= 0) return index;
      throw new UsageError(
        `--subsets: "${word.trim()}" is none of the layers that are read: ${names.join(', ')}. Name it in --taps too, or give each, nested or all`,
        { expected: names, actual: word.trim() },
      );
    }),
  );
}

function describe({ rows, positions, height, width }: ReportProbe): string {
  const layers = textTable(
    ['layers', 'channels', 'mean IU', 'pixels wrong', 'ms', 'MB'],
    rows.map((row) => [
      row.taps.join(', '),
      grouped(row.channels),
      row.meanIu.toFixed(4),
      percent(row.error, 1),
      row.milliseconds.toFixed(1),
      row.megabytes.toFixed(1),
    ]),
    ['left', 'right', 'right', 'right', 'right', 'right'],
  );
  const where = textTable(
    ['layer alone', 'stride', 'row told', 'column told', 'off by'],
    positions.map((row) => [
      row.tap,
      row.stride === null ? '-' : String(row.stride),
      percent(row.rows, 1),
      percent(row.columns, 1),
      percent(row.distance, 1),
    ]),
    ['left', 'right', 'right', 'right', 'right'],
  );
  return [
    layers,
    `ms: one image of ${height} x ${width}; MB: what the layers hold of it`,
    '',
    where,
    'told: share of the variance of positions that a linear regression explains; off by: mean distance, in shares of height and width',
  ].join('\n');
}
