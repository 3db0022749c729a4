/**
 * Image sets of Hugging Face in parquet files: a column of images, each `{ bytes, path }` with the encoded file, and
 * a column of labels. The metadata key `huggingface` names the columns' kinds and the classes.
 * @see https://huggingface.co/docs/datasets/image_dataset
 */
import type { FileMetaData } from 'hyparquet';
import { z } from 'zod';
import { DataError, EspalierError } from '../../errors.js';
import { type EncodedImage, encodedSource } from '../encoded-source.js';
import type { Skipped } from '../list-images.js';
import type { Files } from './files.js';
import { baseName, classNames, type Format, type FormatOptions } from './format.js';

/** Encoded images are kept in memory; more of them are better unpacked into folders. */
const memoryCap = 8 * 2 ** 30;

const featureSchema = z.object({ _type: z.string(), names: z.array(z.string()).optional() });
const metadataSchema = z.object({
  info: z.object({ features: z.record(z.string(), z.unknown()) }),
});

/** Which columns are used, and the names of the classes where the file has them. */
interface Columns {
  readonly image: string;
  readonly label: string;
  readonly names: readonly string[] | null;
}

/** A row whose label is not a number yet. */
interface Row {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly label: number | string;
}

/** The split that a file belongs to by its name; `train` where the name says nothing. */
function splitOf(name: string): 'train' | 'validation' | 'test' {
  const match = /(?:^|[/_.-])(train|validation|valid|val|dev|test)(?=[/_.-]|$)/i.exec(name);
  const word = match?.[1]?.toLowerCase() ?? 'train';
  if (word === 'train' || word === 'test') return word;
  return 'validation';
}

/** What the metadata says of the columns; empty where it says nothing that can be read. */
function features(metadata: FileMetaData): Map<string, z.output<typeof featureSchema>> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  const found = new Map<string, z.output<typeof featureSchema>>();
  try {
    const { info } = metadataSchema.parse(JSON.parse(text ?? ''));
    for (const [name, value] of Object.entries(info.features)) {
      const feature = featureSchema.safeParse(value);
      if (feature.success) found.set(name, feature.data);
    }
  } catch {
    // Without metadata the columns are told by their names.
  }
  return found;
}

function findColumns(metadata: FileMetaData, path: string, coarse: boolean): Columns {
  const known = features(metadata);
  const [root, ...rest] = metadata.schema;
  const names: string[] = [];
  // The schema is a flat list; children follow their parent.
  for (let at = 0, left = root?.num_children ?? 0; left > 0 && at < rest.length; left--) {
    names.push(rest[at]?.name ?? '');
    let open = 1;
    while (open > 0 && at < rest.length) open += (rest[at++]?.num_children ?? 0) - 1;
  }
  const byType = (type: string) => names.filter((name) => known.get(name)?._type === type);
  const byName = (...wanted: string[]) => wanted.filter((name) => names.includes(name));
  const image = [...byType('Image'), ...byName('image', 'img', 'images')][0];
  const labels = [...byName('label', 'labels', 'fine_label'), ...byType('ClassLabel')];
  const label = coarse ? byName('coarse_label')[0] : labels[0];
  if (image === undefined || label === undefined)
    throw new DataError(
      `${path} has the columns ${names.join(', ')}: one of images (image) and one of labels (${coarse ? 'coarse_label' : 'label'}) are needed`,
      { path, actual: names },
    );
  return { image, label, names: known.get(label)?.names ?? null };
}

/** The rows of one file; those that cannot be used go to `skipped`. */
async function readRows(files: Files, name: string, coarse: boolean, skipped: Skipped[]) {
  const path = files.path(name);
  const rows: Row[] = [];
  const reader = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  try {
    const file = await reader.asyncBufferFromFile(path);
    const metadata = await reader.parquetMetadataAsync(file);
    const columns = findColumns(metadata, path, coarse);
    let start = 0;
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows);
      const found = await reader.parquetReadObjects({
        ...{ file, metadata, compressors, utf8: false },
        ...{ columns: [columns.image, columns.label], rowStart: start, rowEnd: end },
      });
      for (const [at, row] of found.entries()) {
        const called = `${name}, row ${start + at}`;
        const image: unknown = row[columns.image];
        const label: unknown = row[columns.label];
        const bytes = image instanceof Uint8Array ? image : bytesOf(image);
        const value = labelValue(label);
        if (bytes === null) skipped.push({ file: called, reason: 'has no bytes of an image' });
        else if (value === null) skipped.push({ file: called, reason: 'has no label' });
        else rows.push({ name: called, bytes, label: value });
      }
      start = end;
    }
    return { rows, names: columns.names };
  } catch (cause) {
    if (cause instanceof EspalierError) throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(
      `${path} cannot be read as parquet: ${said}. It is truncated or damaged; fetch it again.`,
      { path, cause },
    );
  }
}

function bytesOf(image: unknown): Uint8Array | null {
  const bytes =
    typeof image === 'object' && image !== null && 'bytes' in image ? image.bytes : null;
  return bytes instanceof Uint8Array ? bytes : null;
}

function labelValue(label: unknown): number | string | null {
  if (typeof label === 'bigint') return Number(label);
  if (typeof label === 'number' || typeof label === 'string') return label;
  return label instanceof Uint8Array ? new TextDecoder().decode(label) : null;
}

type Part = Awaited<ReturnType<typeof readRows>>;

/** Names of the classes: those of the metadata, the texts that occur, or numbers. */
function findClasses(parts: readonly Part[], { classes }: FormatOptions, where: string) {
  const labels = parts.flatMap(({ rows }) => rows.map(({ label }) => label));
  if (labels.some((label) => typeof label === 'string'))
    return classes ?? [...new Set(labels.map(String))].sort();
  const names = classes ?? parts.find((part) => part.names !== null)?.names;
  // An argument for each label would be more than a call takes.
  const largest = labels.reduce<number>((most, label) => Math.max(most, Number(label)), -1);
  return classNames(largest + 1, names, where);
}

function encode(rows: readonly Row[], classes: readonly string[]): EncodedImage[] {
  return rows.map(({ name, bytes, label }) => {
    const index = typeof label === 'string' ? classes.indexOf(label) : label;
    if (!Number.isInteger(index) || index < 0 || index >= classes.length)
      throw new DataError(
        `label ${label} of ${name} is out of range: there are ${classes.length} classes`,
        { path: name, expected: classes.length, actual: label },
      );
    return { name, label: index, content: bytes };
  });
}

/** `*.parquet`, by split as their names say: `train-00000-of-00001.parquet`, `test/0000.parquet`. */
export const parquet: Format = {
  name: 'parquet',
  files: 'train-*.parquet, validation-*.parquet, test-*.parquet, in the folder or one below',
  recognizes: (files) => files.names.some((name) => name.endsWith('.parquet')),
  async read(files, options) {
    if (files.folder === null)
      throw new DataError(`${files.where} holds parquet files: unpack it first`, {
        path: files.where,
      });
    const names = files.names.filter((name) => name.endsWith('.parquet'));
    const skipped: Skipped[] = [];
    const parts: (Part & { readonly split: ReturnType<typeof splitOf> })[] = [];
    let bytes = 0;
    for (const name of names) {
      const part = await readRows(files, name, options.coarse ?? false, skipped);
      bytes += part.rows.reduce((sum, row) => sum + row.bytes.length, 0);
      if (bytes > memoryCap)
        throw new DataError(
          `${files.where} holds more than ${memoryCap / 2 ** 30} GiB of encoded images: save them as files, train/<class>/*`,
          { path: files.where, actual: bytes },
        );
      parts.push({ ...part, split: splitOf(name) });
    }
    const classes = findClasses(parts, options, files.where);
    const split = (wanted: ReturnType<typeof splitOf>) => {
      const rows = parts.filter((part) => part.split === wanted).flatMap((part) => part.rows);
      return rows.length === 0 ? null : encodedSource(encode(rows, classes));
    };
    const train = split('train');
    if (train === null)
      throw new DataError(
        `${files.where} has no row to train with in ${names.map(baseName).join(', ')}`,
        { path: files.where, actual: names },
      );
    return {
      classes,
      train,
      validation: split('validation'),
      test: split('test'),
      notes: [],
      skipped,
    };
  },
};
