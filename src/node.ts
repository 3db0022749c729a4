/** What needs Node: its runtime, run folders, files of models, readers of images and data sets, the report. */
export { type AugmentOptions, augment, noAugmentation } from './data/augment.js';
export { balancedDraw } from './data/balanced.js';
export { checkImages, type ImageReport } from './data/check-images.js';
export type { Dataset, DatasetOptions, SemiSupervisedData } from './data/dataset.js';
export { decodeImage, type ImageTarget, readImage } from './data/decode-image.js';
export {
  type BoxImagesOptions,
  type BoxTask,
  boxImages,
  boxInput,
} from './data/detection/box-images.js';
export { type CocoDetectionOptions, cocoDetections } from './data/detection/coco.js';
export type {
  Detection,
  DetectionScene,
  DetectionSource,
  Keypoint,
  Thing,
} from './data/detection/detections.js';
export {
  type DetectionData,
  type DigitDetectionOptions,
  digitDetections,
  digitKeypoints,
  digitParts,
} from './data/detection/digits.js';
export type { BoxJitter } from './data/detection/jitter.js';
export { type BoxFigures, type JudgeOptions, judgeBoxes } from './data/detection/judge.js';
export { type Fetched, type GetOptions, getData } from './data/fetch/get.js';
export { type KnownSet, knownSets } from './data/fetch/known.js';
export { type IdxImages, type IdxPair, readIdxPair } from './data/idx.js';
export {
  type ImageBatches,
  type ImageBatchOptions,
  imageBatches,
  imageRows,
} from './data/image-batches.js';
export {
  type FoundImages,
  type ImageFolder,
  type ImageFolderOptions,
  loadImageFolder,
} from './data/image-folder.js';
export {
  concatenate,
  type ImageSet,
  type ImageShape,
  select,
  withoutLabels,
} from './data/image-set.js';
export {
  type ClassificationData,
  type DecodedImage,
  type DecodeOptions,
  holdOut,
  type ImageSource,
  sourceOf,
  subset,
} from './data/image-source.js';
export {
  type PredictTiledOptions,
  predictTiled,
  type TiledResult,
  type TiledSink,
} from './data/large/predict-tiled.js';
export { type OpenRegionsOptions, openRegions, type Regions } from './data/large/regions.js';
export { loadMnist, type Mnist, type MnistOptions } from './data/mnist.js';
export {
  type OpenedImages,
  type OpenImagesOptions,
  openImages,
} from './data/open-images.js';
export { noPairAugmentation, type PairAugmentation } from './data/segmentation/augment-pairs.js';
export { type ColourTable, parseColours } from './data/segmentation/colours.js';
export {
  type DigitSceneOptions,
  digitClasses,
  digitScenes,
} from './data/segmentation/digits.js';
export { keepDecoded } from './data/segmentation/kept-scenes.js';
export {
  type OpenedScenes,
  type OpenScenesOptions,
  openScenes,
} from './data/segmentation/open-scenes.js';
export {
  classPixelCounts,
  type SceneBatches,
  type SceneBatchOptions,
  type SceneRows,
  sceneBatches,
  sceneRows,
} from './data/segmentation/scene-batches.js';
export {
  holdOutScenes,
  type Mask,
  type Scene,
  type SceneInstance,
  type SceneSource,
  type SegmentationData,
  subsetScenes,
} from './data/segmentation/scenes.js';
export { type Split, type SplitOptions, splitLabelled } from './data/split.js';
export { type DatasetName, datasets } from './data/table.js';
export { differences, type OverlayOptions, overlay, type Pixels } from './report/overlay.js';
export { type RunReport, renderReport } from './report/report.js';
export {
  extremes,
  type SegmentationExample,
  type SegmentationRun,
  segmentationSections,
} from './report/segmentation-run.js';
export { writeAtomically } from './runs/atomic-file.js';
export { fileCheckpointStore } from './runs/checkpoint-store.js';
export {
  type CachedFeatures,
  type FeatureCache,
  featureCache,
  featureKey,
} from './runs/feature-cache.js';
export {
  type HubCard,
  type HubFigure,
  type HubFolder,
  type HubOptions,
  writeHubFolder,
} from './runs/hub.js';
export { type MetricsLog, openMetricsLog, readMetrics } from './runs/metrics-log.js';
export { readModelFile, type WriteModelFileOptions, writeModelFile } from './runs/model-file.js';
export { type NpyOptions, type NpyPlace, type NpyWriter, npyWriter } from './runs/npy-file.js';
export {
  greyPngWriter,
  type PalettePngOptions,
  type PngSize,
  type PngWriter,
  palettePngWriter,
  rgbPngWriter,
} from './runs/png-file.js';
export { readRunConfig, writeRunConfig } from './runs/run-config.js';
export {
  type OpenRunOptions,
  openRunFolder,
  type RunFolder,
  type RunPaths,
  runPaths,
} from './runs/run-folder.js';
export { nodeRuntime } from './runtime/node.js';
export { type ProfileOptions, profile } from './runtime/profile.js';
