/**
 * COCO's annotations of instances and keypoints as detections, with the boxes of the annotations or those that a detector
 * wrote in COCO's form of results.
 * @see https://cocodataset.org/#format-data; https://cocodataset.org/#format-results
 */
import { join } from 'node:path';
import { z } from 'zod';
import { DataError, EspalierError } from '../../errors.js';
import { type Box, checkBox } from '../../methods/hypercolumn/box.js';
import { decodeWhole } from '../decode-image.js';
import { readBytes } from '../read-bytes.js';
import { eachRun, type Segmentation } from '../segmentation/coco-regions.js';
import type { Detection, DetectionSource, Keypoint, Thing } from './detections.js';
import { exactDetections } from './jitter.js';

export interface CocoDetectionOptions {
  /** The file of annotations: `instances_*.json` or `person_keypoints_*.json`. */
  readonly annotations: string;
  /** The folder that the names of images are relative to. */
  readonly images: string;
  /** A detector's results: a list of `image_id`, `category_id`, `bbox`, `score`. The annotated boxes where left out. */
  readonly results?: string;
}

const id = z.number().int();
const bbox = z.array(z.number()).length(4);
const annotationsSchema = z.object({
  images: z.array(
    z.object({ id, file_name: z.string(), width: id.positive(), height: id.positive() }),
  ),
  categories: z
    .array(z.object({ id, name: z.string(), keypoints: z.array(z.string()).optional() }))
    .min(1),
  annotations: z.array(
    z.object({
      ...{ image_id: id, category_id: id, bbox, iscrowd: z.number().optional() },
      keypoints: z.array(z.number()).optional(),
      segmentation: z.union([
        z.array(z.array(z.number())),
        z.object({ size: z.array(id), counts: z.union([z.string(), z.array(id)]) }),
      ]),
    }),
  ),
});
const resultsSchema = z.array(z.object({ image_id: id, category_id: id, bbox, score: z.number() }));

type Content = z.infer<typeof annotationsSchema>;
type Annotation = Content['annotations'][number];
type ImageInfo = Content['images'][number];

/** Reads JSON of a form. @throws DataError where it is no JSON or of another form. */
async function readJson<T>(path: string, schema: z.ZodType<T>, form: string): Promise<T> {
  try {
    const content = schema.safeParse(JSON.parse(new TextDecoder().decode(await readBytes(path))));
    if (content.success) return content.data;
    const [issue] = content.error.issues;
    throw new DataError(`${path} is not in ${form}: ${issue?.path.join('.')}: ${issue?.message}`, {
      path,
    });
  } catch (cause) {
    if (cause instanceof EspalierError) throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`${path} is no JSON: ${said}`, { path, cause });
  }
}

/** What is known of a file of annotations as a whole. */
interface Vocabulary {
  readonly path: string;
  /** The class of each category: 1 on, by the categories' ids; 0 is the background. */
  readonly classIds: ReadonlyMap<number, number>;
  readonly keypoints: readonly string[];
}

/**
 * Opens images with their things and detections. Crowds are no things: their boxes hold many.
 * @throws DataError where a file is missing or not in COCO's form, or something is of a category or an image that is not
 *   listed; on decoding, where a box is outside its image or of no area, or a region is damaged.
 */
export async function cocoDetections(options: CocoDetectionOptions): Promise<DetectionSource> {
  const { annotations: path, images, results } = options;
  const content = await readJson(path, annotationsSchema, "COCO's form of annotations");
  const categories = content.categories.toSorted((a, b) => a.id - b.id);
  const vocabulary: Vocabulary = {
    path,
    classIds: new Map(categories.map((category, at) => [category.id, at + 1])),
    keypoints: categories.find(({ keypoints }) => keypoints)?.keypoints ?? [],
  };
  const instances = content.annotations.filter(({ iscrowd }) => !iscrowd);
  const own = byImage(instances, content.images, vocabulary);
  const found =
    results === undefined
      ? null
      : byImage(await readJson(results, resultsSchema, "COCO's form of results"), content.images, {
          ...vocabulary,
          path: results,
        });
  const at = (index: number): ImageInfo => {
    const image = content.images[index];
    if (image) return image;
    throw new DataError(
      `index ${index} is outside the ${content.images.length} images of ${path}`,
      {
        actual: index,
      },
    );
  };
  return {
    count: content.images.length,
    classes: ['background', ...categories.map(({ name }) => name)],
    ...{ parts: [], keypoints: vocabulary.keypoints },
    name: (index) => at(index).file_name,
    async decode(index) {
      const info = at(index);
      const file = join(images, info.file_name);
      const image = await decodeWhole(await readBytes(file), file);
      if (image.width !== info.width || image.height !== info.height)
        throw new DataError(
          `${file} is ${image.width} x ${image.height} pixels, where ${path} has annotations of ${info.width} x ${info.height}`,
          { path: file, expected: [info.width, info.height], actual: [image.width, image.height] },
        );
      const things = (own.get(info.id) ?? []).map((each, i) => thingOf(each, i, info, vocabulary));
      const detections = found?.get(info.id)?.map((each, i): Detection => {
        const box = boxOf(each.bbox);
        checkBox(box, info, `detection ${i} of ${info.file_name}`);
        const classId = vocabulary.classIds.get(each.category_id) ?? 0;
        return { classId, box, score: each.score, thing: null };
      });
      return { image, things, detections: found ? (detections ?? []) : exactDetections(things) };
    },
  };
}

/** Items by image. @throws DataError where the image or the category is not listed. */
function byImage<T extends { readonly image_id: number; readonly category_id: number }>(
  items: readonly T[],
  images: readonly ImageInfo[],
  { classIds, path }: Vocabulary,
): ReadonlyMap<number, readonly T[]> {
  const groups = new Map<number, T[]>(images.map((image) => [image.id, []]));
  for (const [i, item] of items.entries()) {
    const group = groups.get(item.image_id);
    const isKnown = classIds.has(item.category_id);
    if (!group || !isKnown)
      throw new DataError(
        `${path}: entry ${i} is of ${group ? `category ${item.category_id}` : `image ${item.image_id}`}, which the annotations do not list`,
        { path, actual: group ? item.category_id : item.image_id },
      );
    group.push(item);
  }
  return groups;
}

/** COCO's boxes are x, y of the upper left corner, then width and height. */
const boxOf = ([left = 0, top = 0, width = 0, height = 0]: readonly number[]): Box => ({
  ...{ top, left, height, width },
});

function thingOf(
  annotation: Annotation,
  i: number,
  info: ImageInfo,
  { classIds, keypoints: names }: Vocabulary,
): Thing {
  const what = `annotation ${i} of ${info.file_name}`;
  const box = boxOf(annotation.bbox);
  checkBox(box, info, what);
  const pixels = pixelsOf(annotation.segmentation, info, what);
  const values = annotation.keypoints ?? [];
  if (values.length > 0 && values.length !== 3 * names.length)
    throw new DataError(
      `${what} has ${values.length} numbers of keypoints, where ${names.length} keypoints are three each`,
      { expected: 3 * names.length, actual: values.length },
    );
  const keypoints = names.map((_, k): Keypoint | null => {
    const [x = 0, y = 0, visibility = 0] = values.slice(3 * k, 3 * k + 3);
    // 0 is a point that is not labelled, 1 one that is hidden and labelled all the same.
    return visibility > 0 ? { y, x } : null;
  });
  return {
    classId: classIds.get(annotation.category_id) ?? 0,
    ...{ box, pixels, parts: null, keypoints },
  };
}

/** The pixels of a region, rising. */
function pixelsOf(region: Segmentation, { width, height }: ImageInfo, what: string): Uint32Array {
  const inside = new Uint8Array(width * height);
  try {
    eachRun(region, { width, height }, (from, to, step) => {
      for (let at = from; at < to; at += step) inside[at] = 1;
    });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`${what} ${error.message}`, error.details);
  }
  const count = inside.reduce((sum, one) => sum + one, 0);
  const pixels = new Uint32Array(count);
  let next = 0;
  for (let at = 0; at < inside.length; at++) if (inside[at] === 1) pixels[next++] = at;
  return pixels;
}
