/** Sets of images of 32 x 32 in colours that are not CIFAR-10's: digits, letters, clothes, parts of photos, streets. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Alteration, alteredImages } from '../src/data/altered.js';
import { encodedSource } from '../src/data/encoded-source.js';
import { pixelsOf } from '../src/data/image-batches.js';
import { type ImageSource, sourceOf, subset } from '../src/data/image-source.js';
import { deriveKey, fillUniform, permutation, streamKey } from '../src/tensor/random.js';
import { letterImages, noiseSets, type OutsideSet } from './outside-sets.js';

const side = 32;
const target = { channels: 3, height: side, width: side } as const;
/** Images of a set that are judged, where it has so many: the rate of a set is known within a point or so. */
const judged = 2000;

/**
 * Grey images of at most 32 x 32 in the middle of a ground of one colour, the bright parts in another; both colours are
 * drawn for each image.
 */
export function tinted(source: ImageSource, name: string): ImageSource {
  const key = streamKey(0, 0, `tinted/${name}`);
  return {
    ...source,
    label: (index) => source.label(index),
    name: (index) => `${source.name(index)}, tinted`,
    async decode(index) {
      const { width, height, pixels } = await source.decode(index);
      const [top, left] = [(side - height) >> 1, (side - width) >> 1];
      const colours = new Float32Array(6);
      fillUniform(colours, deriveKey(key, index));
      const out = new Uint8Array(3 * side * side);
      for (let c = 0; c < 3; c++) {
        const [ground = 0, ink = 0] = [colours[c], colours[3 + c]];
        const plane = out.subarray(c * side * side, (c + 1) * side * side).fill(255 * ground);
        for (let i = 0; i < pixels.length; i++)
          plane[(top + Math.floor(i / width)) * side + left + (i % width)] =
            255 * ground + (pixels[i] ?? 0) * (ink - ground);
      }
      return { ...target, pixels: out };
    },
  };
}

/** Whole photos of a folder and `parts` quarters cut out of each, all brought to 32 x 32; in memory. */
async function photos(folder: string, parts: number): Promise<ImageSource> {
  const names = (await readdir(folder)).filter((name) => /\.(jpg|png)$/.test(name)).sort();
  const whole = encodedSource(
    names.map((name) => ({ name, label: 0, content: join(folder, name) })),
  );
  const images: Uint8Array[] = [await pixelsOf(whole, target, 0, whole.count)];
  for (let seed = 0; seed < parts; seed++) {
    const cut = alteredImages(whole, 'cropped' satisfies Alteration, seed);
    images.push(await pixelsOf(cut, target, 0, whole.count));
  }
  const count = whole.count * images.length;
  const labels = new Int32Array(count);
  const shape = [3, side, side] as const;
  const set = {
    images: Buffer.concat(images),
    labels,
    shape,
    count,
    classes: ['any'],
    names: null,
  };
  return sourceOf(set, folder);
}

/** Some of a source, the same for every run. */
const some = (source: ImageSource): ImageSource =>
  subset(source, permutation(source.count, streamKey(0, 0, 'judged')).slice(0, judged));

/**
 * What stands in for the sets of Lee et al. 2018: tinted digits for SVHN, parts of 100 ImageNet photos for TinyImageNet,
 * street scenes of CamVid for LSUN's scenes; the paper's Gaussian noise; besides, tinted letters, grey clothes, uniform
 * noise, and CIFAR-10's own test images turned by a quarter.
 * @param shared a folder with notmnist, imagenet-sample and camvid
 */
export async function colourSets(
  images: ImageSource,
  digits: ImageSource,
  clothes: ImageSource,
  shared: string,
): Promise<readonly OutsideSet[]> {
  const letters = await letterImages(join(shared, 'notmnist'));
  return [
    { name: 'tinted digits', kind: 'far', source: some(tinted(digits, 'digits')) },
    {
      name: 'ImageNet parts',
      kind: 'far',
      source: await photos(join(shared, 'imagenet-sample'), 9),
    },
    {
      name: 'CamVid streets',
      kind: 'far',
      source: await photos(join(shared, 'camvid', 'train'), 2),
    },
    ...noiseSets(judged, [3, side, side]),
    { name: 'tinted letters', kind: 'far', source: some(tinted(letters, 'letters')) },
    { name: 'grey clothes', kind: 'far', source: some(clothes) },
    { name: 'rotated', kind: 'near', source: alteredImages(some(images), 'rotated', 0) },
  ];
}
