/**
 * COCO's annotations of instances (Lin et al. 2014), painted as classes: 0 is the background, then the categories by
 * their ids. Where instances overlap the smaller one is in front, since it would vanish under the larger one, while of
 * that most stays; of equal areas the later one. Crowds are void where no instance is.
 * @see https://cocodataset.org/#format-data
 */
import { z } from 'zod';
import { DataError, EspalierError } from '../../errors.js';
import type { Files } from '../formats/files.js';
import { baseName } from '../formats/format.js';
import { eachRun, type Segmentation } from './coco-regions.js';
import { scenesOf } from './encoded-scenes.js';
import { found, type PartName, partOf, type SceneFormat } from './format.js';
import { type Mask, type SceneSource, voidId } from './scenes.js';

const filePattern = /(^|\/)(instances_[^/]*|_annotations\.coco|annotations|coco)\.json$/;

const id = z.number().int();
const schema = z.object({
  images: z.array(
    z.object({ id, file_name: z.string(), width: id.positive(), height: id.positive() }),
  ),
  categories: z.array(z.object({ id, name: z.string() })).min(1),
  annotations: z.array(
    z.object({
      ...{ image_id: id, category_id: id, iscrowd: z.number().optional() },
      segmentation: z.union([
        z.array(z.array(z.number())),
        z.object({ size: z.array(id), counts: z.union([z.string(), z.array(id)]) }),
      ]),
    }),
  ),
});

type Content = z.infer<typeof schema>;

/** An instance as it is painted. */
interface Region {
  readonly classId: number;
  readonly segmentation: Segmentation;
}

/** An image with what is on it. */
interface Annotated {
  readonly name: string;
  readonly image: string;
  readonly width: number;
  readonly height: number;
  readonly regions: readonly Region[];
}

/** Reads and checks an annotation file. */
async function readContent(files: Files, name: string): Promise<Content> {
  const path = files.path(name);
  try {
    const content = schema.safeParse(JSON.parse(new TextDecoder().decode(await files.read(name))));
    if (content.success) return content.data;
    const [issue] = content.error.issues;
    throw new DataError(
      `${path} is not in COCO's form: ${issue?.path.join('.')}: ${issue?.message}`,
      { path },
    );
  } catch (cause) {
    if (cause instanceof EspalierError) throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`${path} is no JSON: ${said}`, { path, cause });
  }
}

/** Which part an annotation file is of: by its name or by the folder that it lies in. */
const partIn = (name: string): PartName =>
  name
    .split(/[/_.]/)
    .map((word) => partOf(word.replace(/\d+$/, '')))
    .find((part) => part) ?? 'train';

/** Where images lie: beside the annotations, or under any folder, by the end of their path. */
function imageFinder(files: Files, annotations: string) {
  const there = new Set(files.names);
  const byBase = new Map<string, string[]>();
  for (const name of files.names) {
    const same = byBase.get(baseName(name));
    if (same) same.push(name);
    else byBase.set(baseName(name), [name]);
  }
  const beside = annotations.slice(0, annotations.length - baseName(annotations).length);
  return (file: string): string => {
    if (there.has(beside + file)) return beside + file;
    const fits = (byBase.get(baseName(file)) ?? []).filter(
      (name) => name === file || name.endsWith(`/${file}`),
    );
    const found = fits.find((name) => partIn(name) === partIn(annotations)) ?? fits[0];
    if (found !== undefined) return found;
    throw new DataError(`${file} is missing, which ${files.path(annotations)} has annotations of`, {
      path: files.path(annotations),
      actual: file,
    });
  };
}

/** The images of an annotation file. */
function annotatedIn(
  content: Content,
  files: Files,
  name: string,
  classIds: ReadonlyMap<number, number>,
): Annotated[] {
  const regions = new Map<number, Region[]>(content.images.map((image) => [image.id, []]));
  for (const { image_id, category_id, iscrowd, segmentation } of content.annotations) {
    const classId = classIds.get(category_id);
    if (classId === undefined)
      throw new DataError(
        `${files.path(name)} has an annotation of category ${category_id}, which is not among its categories`,
        { path: files.path(name), actual: category_id },
      );
    regions.get(image_id)?.push({ classId: iscrowd ? voidId : classId, segmentation });
  }
  const find = imageFinder(files, name);
  return content.images.map(({ id: image, file_name, width, height }) => {
    const file = find(file_name);
    return {
      name: file,
      image: files.path(file),
      width,
      height,
      regions: regions.get(image) ?? [],
    };
  });
}

/**
 * Paints the instances of an image.
 * @throws DataError where a region is damaged.
 */
function paint({ name, width, height, regions }: Annotated): Mask {
  const ids = new Uint8Array(width * height);
  const drawn = regions.map(({ classId, segmentation }) => {
    const runs: number[] = [];
    let area = 0;
    try {
      eachRun(segmentation, { width, height }, (from, to, step) => {
        runs.push(from, to, step);
        area += (to - from) / step;
      });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      throw new DataError(`an annotation of ${name} ${error.message}`, {
        ...error.details,
        path: name,
      });
    }
    return { classId, runs, area: classId === voidId ? Number.POSITIVE_INFINITY : area };
  });
  // Sorting is stable: of equal areas the later one is painted later.
  for (const { classId, runs } of drawn.sort((a, b) => (a.area === b.area ? 0 : b.area - a.area)))
    for (let r = 0; r < runs.length; r += 3) {
      const [from = 0, to = 0, step = 1] = runs.slice(r, r + 3);
      for (let at = from; at < to; at += step) ids[at] = classId;
    }
  return { width, height, ids };
}

/** Annotations of instances in JSON, and the images that they name. */
export const coco: SceneFormat = {
  name: 'COCO instances',
  files:
    'annotations/instances_train2017.json, instances_val2017.json and images in folders; or train/_annotations.coco.json beside its images',
  recognizes: ({ names }) => names.some((name) => filePattern.test(name)),
  async read(files) {
    const annotated: Record<PartName, Annotated[]> = { train: [], validation: [], test: [] };
    let known: Content['categories'] | null = null;
    for (const name of files.names.filter((each) => filePattern.test(each))) {
      const content = await readContent(files, name);
      known ??= content.categories.toSorted((a, b) => a.id - b.id);
      const classIds = new Map(known.map((category, at) => [category.id, at + 1]));
      const part = annotated[partIn(name)];
      for (const each of annotatedIn(content, files, name, classIds)) part.push(each);
    }
    const classes = ['background', ...(known ?? []).map(({ name }) => name)];
    if (classes.length > voidId)
      throw new DataError(
        `${files.where} has ${classes.length - 1} categories, where ${voidId - 1} are possible`,
        { path: files.where, expected: voidId - 1, actual: classes.length - 1 },
      );
    const source = (part: PartName): SceneSource => scenesOf(annotated[part], paint);
    const optional = (part: PartName) => (annotated[part].length > 0 ? source(part) : null);
    const parts = {
      train: source('train'),
      validation: optional('validation'),
      test: optional('test'),
    };
    return found(classes, [], parts);
  },
};
