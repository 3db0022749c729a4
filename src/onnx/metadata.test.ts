import { describe, expect, test } from 'vitest';
import { ModelError, UsageError } from '../errors.js';
import {
  type ClassifierSpec,
  describeClassifier,
  huggingFaceFiles,
  type Preprocessing,
  readSpec,
  specKey,
} from './metadata.js';

const preprocessing: Preprocessing = {
  channels: 3,
  height: 32,
  width: 48,
  layout: 'NCHW',
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  colour: 'rgb',
};
const grey: Preprocessing = { ...preprocessing, channels: 1, mean: [0], std: [1], colour: 'grey' };
const spec: ClassifierSpec = {
  task: 'classification',
  classes: ['cat', "dog's", 'Ωmega\n'],
  preprocessing,
  thresholds: { unknown: 0.7 },
  provenance: { method: 'ladder', seeds: [1, 2], version: null },
};
const withPreprocessing = (changes: Partial<Preprocessing>): ClassifierSpec => ({
  ...spec,
  preprocessing: { ...preprocessing, ...changes },
});

describe('describeClassifier', () => {
  test('writes every convention', () => {
    expect(describeClassifier(spec)).toEqual({
      [specKey]: JSON.stringify(spec),
      task: 'classify',
      names: `{0: 'cat', 1: "dog's", 2: 'Ωmega\\n'}`,
      imgsz: '[32, 48]',
      channels: '3',
      'Image.BitmapPixelFormat': 'Rgb8',
      'Image.ColorSpaceGamma': 'SRGB',
    });
  });

  test('is read back', () => {
    expect(readSpec(describeClassifier(spec))).toEqual(spec);
    const bare: ClassifierSpec = { task: 'segmentation', classes: ['road'], preprocessing: null };
    expect(readSpec(describeClassifier(bare))).toEqual(bare);
  });

  test.each([
    ['NominalRange_0_255', { scale: 1, mean: [0], std: [1] }],
    ['Normalized_0_1', { scale: 1 / 255, mean: [0], std: [1] }],
    ['Normalized_0_1', { scale: 1, mean: [0], std: [255] }],
    ['Normalized_1_1', { scale: 1 / 255, mean: [0.5], std: [0.5] }],
    [undefined, { scale: 1 / 255, mean: [0.1307], std: [0.3081] }],
  ])('pixel range %s', (range, numbers) => {
    const described = describeClassifier({ ...spec, preprocessing: { ...grey, ...numbers } });
    expect(described['Image.NominalPixelRange']).toBe(range);
    expect(described['Image.BitmapPixelFormat']).toBe('Gray8');
  });

  test.each<[string, ClassifierSpec, RegExp]>([
    ['no classes', { ...spec, classes: [] }, /classes/],
    ['too few means', withPreprocessing({ mean: [0] }), /mean and std need one number for each/],
    [
      'a grey image of 3 channels',
      withPreprocessing({ colour: 'grey' }),
      /grey images have 1 channel/,
    ],
    ['a deviation of 0', withPreprocessing({ std: [1, 0, 1] }), /preprocessing\.std\.1/],
    ['half a pixel', withPreprocessing({ height: 0.5 }), /preprocessing\.height/],
  ])('refuses %s', (_, wrong, message) => {
    expect(() => describeClassifier(wrong)).toThrow(UsageError);
    expect(() => describeClassifier(wrong)).toThrow(message);
  });
});

describe('readSpec', () => {
  test('finds nothing where there is nothing', () => {
    expect(readSpec({})).toBeNull();
    expect(readSpec({ author: 'x' })).toBeNull();
  });

  test.each(['{', '{}', '[1]', JSON.stringify({ ...spec, task: 'poetry' })])(
    'refuses the block %s',
    (block) => {
      expect(() => readSpec({ [specKey]: block })).toThrow(ModelError);
      expect(() => readSpec({ [specKey]: block })).toThrow(/invalid espalier\.spec: .*Export/);
    },
  );

  test.each([
    ['Python, dictionary', "{0: 'a', 1: 'b'}"],
    ['Python, list', "['a', 'b']"],
    ['Python, keys out of order', "{1: 'b', 0: 'a'}"],
    ['JSON, object', '{"0": "a", "1": "b"}'],
    ['JSON, list', '["a", "b"]'],
  ])('names in %s', (_, names) => {
    expect(readSpec({ names, task: 'classify' })).toEqual({
      task: 'classification',
      classes: ['a', 'b'],
      preprocessing: null,
    });
  });

  test.each([
    '{}',
    '[]',
    'a, b',
    "{0: 'a', 2: 'b'}",
    "{0: 'a', 'x': 'b'}",
    "{-1: 'a'}",
    '[1, 2]',
    "'a'",
    '{0.5: "a"}',
  ])('no names in %s', (names) => {
    expect(readSpec({ names })).toBeNull();
  });

  test('no classifier where the task is another', () => {
    expect(readSpec({ names: "['a']", task: 'detect' })).toBeNull();
  });

  test('preprocessing from the keys of Ultralytics', () => {
    const read = readSpec({ names: "['a']", imgsz: '[224, 320]', channels: '3' });
    expect(read?.preprocessing).toEqual({
      ...preprocessing,
      height: 224,
      width: 320,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    });
    expect(readSpec({ names: "['a']", imgsz: '64' })?.preprocessing).toMatchObject({
      height: 64,
      width: 64,
    });
    expect(readSpec({ names: "['a']", imgsz: 'large' })?.preprocessing).toBeNull();
  });

  test.each<[string | undefined, string | undefined, Partial<Preprocessing> | null]>([
    ['Gray8', 'NominalRange_0_255', { channels: 1, colour: 'grey', scale: 1, mean: [0], std: [1] }],
    ['Bgr8', 'Normalized_1_1', { channels: 3, colour: 'bgr', scale: 2 / 255, mean: [1, 1, 1] }],
    [undefined, 'Normalized_0_1', { channels: 3, colour: 'rgb', scale: 1 / 255 }],
    ['Rgb8', 'NominalRange_16_235', null],
  ])('preprocessing from Image.* keys: %s, %s', (format, range, expected) => {
    const metadata = {
      names: "['a']",
      imgsz: '8',
      ...(format === undefined ? {} : { 'Image.BitmapPixelFormat': format }),
      ...(range === undefined ? {} : { 'Image.NominalPixelRange': range }),
    };
    const read = readSpec(metadata)?.preprocessing;
    if (expected === null) expect(read).toBeNull();
    else expect(read).toMatchObject(expected);
  });
});

describe('readSpec without imgsz', () => {
  const names = "['a']";
  const range = { 'Image.NominalPixelRange': 'Normalized_1_1' };

  test('takes the size from the input where the Image.* keys speak of pixels', () => {
    expect(readSpec({ names, ...range }, ['N', 3, 20, 30])?.preprocessing).toMatchObject({
      ...{ height: 20, width: 30, scale: 2 / 255 },
    });
    expect(readSpec({ names, ...range }, ['N', 3, 'h', 'w'])?.preprocessing).toBeNull();
    expect(readSpec({ names }, ['N', 3, 20, 30])?.preprocessing).toBeNull();
  });

  test('guesses nothing of linear light', () => {
    const gamma = { 'Image.ColorSpaceGamma': 'Linear' };
    expect(readSpec({ names, ...gamma }, [1, 3, 20, 30])?.preprocessing).toBeNull();
  });
});

describe('huggingFaceFiles', () => {
  const parse = (given: ClassifierSpec) => {
    const files = huggingFaceFiles(given);
    return {
      config: JSON.parse(files['config.json']) as Record<string, unknown>,
      preprocessor: JSON.parse(files['preprocessor_config.json']) as Record<string, unknown>,
    };
  };

  test('a classifier', () => {
    const { config, preprocessor } = parse(spec);
    expect(config).toEqual({
      model_type: 'resnet',
      architectures: ['ResNetForImageClassification'],
      id2label: { 0: 'cat', 1: "dog's", 2: 'Ωmega\n' },
      label2id: { cat: 0, "dog's": 1, 'Ωmega\n': 2 },
      'transformers.js_config': { dtype: 'fp32' },
    });
    expect(preprocessor).toEqual({
      image_processor_type: 'CLIPImageProcessor',
      do_convert_rgb: true,
      do_resize: true,
      size: { height: 32, width: 48 },
      resample: 1,
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: [0.485, 0.456, 0.406],
      image_std: [0.229, 0.224, 0.225],
    });
  });

  test('a square keeps the proportions of images', () => {
    expect(parse(withPreprocessing({ height: 48 })).preprocessor).toMatchObject({
      size: { shortest_edge: 48 },
      do_center_crop: true,
      crop_size: { height: 48, width: 48 },
    });
  });

  test('a segmenter, grey images, and BGR', () => {
    const { config, preprocessor } = parse({ ...spec, task: 'segmentation', preprocessing: grey });
    expect(config).toMatchObject({ architectures: ['SegformerForSemanticSegmentation'] });
    expect(preprocessor).toMatchObject({ do_convert_rgb: false, do_reduce_labels: false });
    expect(parse(withPreprocessing({ colour: 'bgr' })).preprocessor).toMatchObject({
      do_flip_channel_order: true,
      image_mean: [0.406, 0.456, 0.485],
      image_std: [0.225, 0.224, 0.229],
    });
  });

  test.each(['NHWC', 'flat'] as const)('refuses the layout %s', (layout) => {
    expect(() => huggingFaceFiles(withPreprocessing({ layout }))).toThrow(/layout/);
    expect(() => huggingFaceFiles({ ...spec, preprocessing: null })).toThrow(UsageError);
  });
});
