import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { checkLabels, concatenate, countByClass, type ImageSet, select } from './image-set.js';

/** Three images of 1 x 2 x 2. */
const three: ImageSet = {
  images: Uint8Array.from({ length: 12 }, (_, i) => i),
  count: 3,
  shape: [1, 2, 2],
  labels: Int32Array.of(0, 1, 0),
  classes: ['cat', 'dog'],
  names: ['a.png', 'b.png', 'c.png'],
};

describe('select', () => {
  it('takes images, labels and names together, in the order asked for', () => {
    expect(select(three, [2, 1, 2])).toEqual({
      ...three,
      count: 3,
      images: Uint8Array.of(8, 9, 10, 11, 4, 5, 6, 7, 8, 9, 10, 11),
      labels: Int32Array.of(0, 1, 0),
      names: ['c.png', 'b.png', 'c.png'],
    });
  });

  it('copies, and keeps what is unknown unknown', () => {
    const one = select({ ...three, labels: null, names: null }, [0]);
    one.images[0] = 200;
    expect(three.images[0]).toBe(0);
    expect([one.count, one.labels, one.names]).toEqual([1, null, null]);
  });

  it.each([-1, 3, 0.5])('refuses index %d', (index) => {
    expect(() => select(three, [index])).toThrow(`index ${index} is outside the 3 images`);
  });
});

describe('concatenate', () => {
  it('keeps labels where both have them', () => {
    const both = concatenate(three, select(three, [1]));
    expect(both.count).toBe(4);
    expect(both.labels).toEqual(Int32Array.of(0, 1, 0, 1));
    expect(both.images.subarray(12)).toEqual(Uint8Array.of(4, 5, 6, 7));
    expect(concatenate(three, { ...three, labels: null }).labels).toBeNull();
  });

  it('refuses images of another shape', () => {
    expect(() => concatenate(three, { ...three, shape: [1, 4, 1] })).toThrow(DataError);
  });
});

describe('checkLabels', () => {
  it('accepts labels in range, and none', () => {
    expect(() => checkLabels(three)).not.toThrow();
    expect(() => checkLabels({ ...three, labels: null })).not.toThrow();
  });

  it.each([2, -1])('names the image, the label %d and the file', (label) => {
    const wrong = { ...three, labels: Int32Array.of(0, label, 7) };
    expect(() => checkLabels(wrong)).toThrow(
      `label ${label} of image 1 in b.png is out of range: there are 2 classes, so labels go from 0 to 1`,
    );
    expect(() => checkLabels({ ...wrong, names: null }, 'labels.idx')).toThrow('in labels.idx');
  });
});

it('counts images by class, classes without any too', () => {
  expect(countByClass(Int32Array.of(2, 0, 2), 4)).toEqual([1, 0, 2, 0]);
});
