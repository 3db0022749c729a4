/**
 * The public face: everything that runs anywhere, a browser tab included. What needs Node (its runtime, run
 * folders, readers of files) is `espalier/node`, the runtime of the browser `espalier/web`, and what an operator
 * of one's own is made of `espalier/extend`.
 */

export { type BackwardOptions, backward } from './autodiff/backward.js';
export { type CheckOptions, checkGradient, type GradientCheck } from './autodiff/check.js';
export {
  type Differentiated,
  type DifferentiateOptions,
  differentiate,
} from './autodiff/differentiate.js';
export {
  bilinearKernel,
  type Phase,
  phaseOf,
  type UpsampleOptions,
  upsample,
} from './dense/bilinear.js';
export {
  type ConvolutionalizeOptions,
  convolutionalize,
  type Dense,
} from './dense/convolutionalize.js';
export { finer } from './dense/finer.js';
export { fullSize } from './dense/full-size.js';
export { type Grid, type Grids, gridsOf } from './dense/grid.js';
export {
  columnLength,
  type ExplicitOptions,
  efficient,
  explicit,
  type Heads,
  kernelsOf,
  pixelTarget,
} from './dense/hypercolumn.js';
export { type ColumnsOptions, columnsAt } from './dense/hypercolumn-columns.js';
export {
  type ColumnClassifier,
  type ColumnScorerOptions,
  columnScorer,
  hypercolumnModel,
  tapsModel,
} from './dense/hypercolumn-models.js';
export { type HypercolumnTap, hypercolumnTaps } from './dense/hypercolumn-taps.js';
export {
  evenGrid,
  type Interpolated,
  interpolate,
  interpolationWeights,
  type Target,
} from './dense/interpolation.js';
export { shiftAndStitch } from './dense/stitch.js';
export type { AxisTile, Span } from './dense/tile-axis.js';
export { uncertaintyOf } from './dense/tile-uncertainty.js';
export {
  classesOf,
  type ForEachTileOptions,
  forEachTile,
  keptOf,
  planTiles,
  type Region,
  type Tile,
  type TileOutput,
  type TilePlan,
  type TilingOptions,
  tileMemory,
  tilesOf,
} from './dense/tiles.js';
export { type Verification, type VerifyOptions, verifyDense } from './dense/verify.js';
export {
  DataError,
  type ErrorDetails,
  EspalierError,
  GradientError,
  InterruptedError,
  ModelError,
  NotFittedError,
  OperatorError,
  RuntimeUnavailableError,
  ShapeError,
  ThresholdError,
  TrainingError,
  UsageError,
} from './errors.js';
export type { GraphBuilder, Operand, Stochastic } from './graph/builder.js';
export {
  type Attribute,
  type Attributes,
  defaultOpset,
  type Graph,
  type Model,
  model,
  type Node,
  type TensorType,
  type Value,
  type ValueInfo,
} from './graph/graph.js';
export { type KnownTypes, printGraph } from './graph/print.js';
export type {
  Answer,
  Attack,
  AttackContext,
  AttackRecord,
  ClassProbability,
  Proposal,
} from './methods/attack/attack.js';
export { type AuditImage, type AuditOptions, audit } from './methods/attack/audit.js';
export { BoxQueue, type QueueOptions } from './methods/attack/box-queue.js';
export {
  both,
  type Criterion,
  confident,
  misclassified,
  targeted,
} from './methods/attack/criterion.js';
export {
  changedPixels,
  type Distance,
  l0,
  l1,
  l2,
  linf,
  perturbation,
} from './methods/attack/distance.js';
export {
  foolboxDefaults,
  type LocSearchConfig,
  locSearch,
  locSearchDefaults,
} from './methods/attack/locsearch.js';
export {
  type BlackBox,
  type BoxFacts,
  boundsOf,
  defaultRange,
  type ImageShape,
  isWhiteBox,
  networkRange,
  type Range,
  type ScoreKind,
  toBytes,
  type WhiteBox,
} from './methods/attack/model.js';
export { type OnnxBoxOptions, onnxBox } from './methods/attack/onnx-box.js';
export { type Budget, BudgetError } from './methods/attack/questions.js';
export { type RandAdvConfig, randAdv, randAdvDefaults } from './methods/attack/randadv.js';
export { type AttackResult, type RunAttackOptions, runAttack } from './methods/attack/run.js';
export { type SharpConfig, sharp, sharpDefaults } from './methods/attack/sharp.js';
export { type AttackSummary, type Spread, summarizeAttack } from './methods/attack/summary.js';
export { wilsonInterval } from './methods/attack/wilson.js';
export {
  addCalibration,
  type Calibration,
  calibrationMethods,
  probabilitiesOf,
  type TemperatureScaling,
  type VectorScaling,
} from './methods/calibration/calibration.js';
export { fitCalibration } from './methods/calibration/fit.js';
export { calibratedModel } from './methods/calibration/model.js';
export {
  balancedWeights,
  type ClassifierConfig,
  fineTuningDefaults,
  fromScratchDefaults,
} from './methods/classifier/config.js';
export { findHead, type Head, replaceHead } from './methods/classifier/head.js';
export {
  classifierNetwork,
  type Network,
  type NetworkOptions,
  networkModel,
} from './methods/classifier/network.js';
export { chooseParameters, type Role, trainableWeights } from './methods/classifier/parameters.js';
export {
  figuresOf,
  type ImageRows,
  type Scorer,
  scorer,
  type Weights,
} from './methods/classifier/score.js';
export { classifierStep, labelsName } from './methods/classifier/step.js';
export {
  type ClassifierBatches,
  type TrainClassifierOptions,
  type TrainedClassifier,
  trainClassifier,
} from './methods/classifier/train.js';
export {
  type ConfidentConfig,
  type ConfidentMethod,
  type ConfidentPreset,
  checkConfident,
  confidentMethods,
  confidentPresets,
  hasGan,
} from './methods/confident/config.js';
export {
  discriminatorLoss,
  type GeneratorLoss,
  generatorLoss,
  generatorLosses,
  pullAway,
  uniformDivergence,
} from './methods/confident/losses.js';
export type { Part } from './methods/confident/part.js';
export {
  type ConfidentParts,
  confidentParts,
  type Gan,
  type PixelScale,
  partOf,
} from './methods/confident/parts.js';
export type { Samples } from './methods/confident/samples.js';
export {
  type ConfidentBatches,
  type SampledImages,
  type TrainConfidentOptions,
  type TrainedConfident,
  trainConfident,
} from './methods/confident/train.js';
export {
  betaAt,
  confidentRound,
  confidentUpdates,
  names as confidentInputs,
} from './methods/confident/updates.js';
export {
  type FcnConfig,
  type FcnPreset,
  fcnPresets,
} from './methods/fcn/config.js';
export {
  type FcnNetwork,
  type FcnOptions,
  fcnModel,
  fcnNetwork,
  type ScoreLayer,
  weightsOf,
  withWeights,
} from './methods/fcn/network.js';
export {
  confusionOver,
  type LabelledScene,
  type LabelledScenes,
  largest,
  type Segmenter,
  segmenter,
} from './methods/fcn/score.js';
export { fcnStep, pixelLabelsName } from './methods/fcn/step.js';
export {
  type FcnBatches,
  type TrainedFcn,
  type TrainFcnOptions,
  type TrainStagesOptions,
  trainFcn,
  trainStages,
} from './methods/fcn/train.js';
export { type Box, boxOverlap, checkBox, expandBox } from './methods/hypercolumn/box.js';
export {
  type BoxTrainConfig,
  boxTrainDefaults,
  type CellsConfig,
  cellsDefaults,
} from './methods/hypercolumn/config.js';
export {
  type BoxExample,
  type BoxImage,
  type BoxImages,
  type FitCellsOptions,
  fitCells,
} from './methods/hypercolumn/fit.js';
export { figureMask, keypointsOf, partsOf } from './methods/hypercolumn/heat.js';
export {
  type BoxHead,
  type BoxNetwork,
  boxModel,
  boxNetwork,
  emptyHead,
} from './methods/hypercolumn/network.js';
export {
  checkPixelConfig,
  maskDefaults,
  type PixelConfig,
  scribbleDefaults,
} from './methods/hypercolumn/pixel-config.js';
export {
  drawPixels,
  type GatherOptions,
  gatherPixels,
  type LabelledFeatures,
  type PixelExamples,
} from './methods/hypercolumn/pixel-examples.js';
export {
  type FeatureReader,
  featureReader,
  featuresAt,
  type PixelFeatures,
} from './methods/hypercolumn/pixel-features.js';
export {
  type FitPixelsOptions,
  fitPixels,
  type PixelFit,
} from './methods/hypercolumn/pixel-fit.js';
export type { PixelHead, PixelLayer } from './methods/hypercolumn/pixel-head.js';
export { type PixelScores, pixelModel, pixelScorer } from './methods/hypercolumn/pixel-model.js';
export { spreadTaps } from './methods/hypercolumn/pixel-taps.js';
export {
  type LabelledPixels,
  type TrainedPixels,
  type TrainPixelsOptions,
  trainPixels,
} from './methods/hypercolumn/pixel-train.js';
export {
  type BoxPredictor,
  boxPredictor,
  type Heats,
  heatOf,
} from './methods/hypercolumn/predict.js';
export { figureTarget, keypointTargets, partTargets } from './methods/hypercolumn/targets.js';
export {
  boxStep,
  type TrainBoxesOptions,
  type TrainedBoxes,
  trainBoxes,
} from './methods/hypercolumn/train.js';
export { type Batches, type Images, ladderBatches } from './methods/ladder/batches.js';
export {
  classifier,
  classifierModel,
  foldNormalization,
  type Parameters,
  type Statistics,
  statisticsOf,
} from './methods/ladder/classifier.js';
export {
  type CombinatorName,
  checkConfig,
  combinators,
  type LadderConfig,
  ladderConfig,
  type Mode,
  modes,
  type Preset,
  presetFor,
  presets,
} from './methods/ladder/config.js';
export { convClassifierModel } from './methods/ladder/conv-classifier.js';
export {
  type ConvLadderConfig,
  type ConvNetwork,
  convLadderConfig,
  convNetworks,
  type Whitening,
} from './methods/ladder/conv-config.js';
export { convLadderCosts, convLadderStep } from './methods/ladder/conv-step.js';
export { type TrainConvLadderOptions, trainConvLadder } from './methods/ladder/conv-train.js';
export { type Reconstruction, reconstruct } from './methods/ladder/reconstruct.js';
export { type Costs, ladderCosts, ladderStep } from './methods/ladder/step.js';
export {
  errorOf,
  type LadderData,
  type TrainedLadder,
  type TrainLadderOptions,
  trainLadder,
} from './methods/ladder/train.js';
export {
  type DetectOptions,
  type OutOfDistributionDetector,
  outOfDistributionDetector,
  type Predictions,
} from './methods/ood/detect.js';
export type {
  Detector,
  DetectorSettings,
  FitContext,
  FittedDetector,
} from './methods/ood/detector.js';
export { outsideVerdict, type Unknowing, unknownModel } from './methods/ood/fold.js';
export {
  type OpenedNetwork,
  type ScoredNetwork,
  type ScoredNetworkOptions,
  scoredNetwork,
} from './methods/ood/network.js';
export { type ImageScorer, imageScorer, type ScoredImages } from './methods/ood/score.js';
export { type DetectorName, detectorNames, detectors } from './methods/ood/table.js';
export { checkThreshold, chooseThreshold } from './methods/ood/threshold.js';
export {
  type BinOptions,
  brierScore,
  type CalibrationFigures,
  calibrationFigureNames,
  calibrationFigures,
  expectedCalibrationError,
  maximumCalibrationError,
  type ReliabilityBin,
  reliabilityBins,
} from './metrics/calibration.js';
export {
  accuracy,
  addToConfusion,
  type ConfusionMatrix,
  confusionMatrix,
  emptyConfusion,
  errorRate,
  type Labels,
  negativeLogLikelihood,
  type Probabilities,
  precisionByClass,
  predictedClasses,
  recallByClass,
  topKAccuracy,
} from './metrics/classification.js';
export {
  averagePrecision,
  meanAveragePrecision,
  type PrecisionRecall,
  type Verdict,
} from './metrics/detection.js';
export {
  averagePrecisionOfKeypoints,
  type KeypointDetection,
  type KeypointFigures,
  type KeypointTruth,
} from './metrics/detection-keypoints.js';
export {
  averagePrecisionOfRegions,
  type RegionDetection,
  type RegionFigures,
  type RegionOptions,
  type RegionTruth,
  regionOverlap,
} from './metrics/detection-regions.js';
export {
  figuresOfGroups,
  groupScores,
  type OutOfDistributionFigures,
  type OutOfDistributionOptions,
  outOfDistributionFigureNames,
  outOfDistributionFigures,
  paperTpr,
  type RocPoint,
  rocCurve,
  type ScoreGroups,
  type Scores,
  thresholdAtTpr,
} from './metrics/out-of-distribution.js';
export {
  type BootstrapOptions,
  type FiguresWithIntervals,
  figuresWithIntervals,
  type Interval,
} from './metrics/out-of-distribution-interval.js';
export { paperMetrics } from './metrics/out-of-distribution-paper.js';
export {
  addPixels,
  type ClassFigures,
  classesOfPixels,
  mergeConfusions,
  type PixelClasses,
  type SegmentationFigures,
  segmentationFigures,
  voidId,
} from './metrics/segmentation.js';
export {
  addBoundaries,
  type BoundaryCounts,
  type BoundaryOptions,
  boundaryIu,
  emptyBoundaries,
} from './metrics/segmentation-boundary.js';
export {
  countPixels,
  emptyPixelCounts,
  medianFrequencyWeights,
  type PixelCounts,
} from './metrics/segmentation-weights.js';
export {
  crossEntropyPixels,
  diceLoss,
  errorOfPixels,
  type FocalOptions,
  focalLoss,
  type PixelOptions,
  type SummedPixelOptions,
} from './nn/dense-losses.js';
export { dropout } from './nn/dropout.js';
export { filled, normal } from './nn/init.js';
export {
  type CrossEntropyOptions,
  crossEntropyColumns,
  crossEntropyRows,
  errorOfRows,
  oneHotColumns,
} from './nn/losses.js';
export type { Architecture } from './nn/models/architecture.js';
export { type BuildModelOptions, buildModel } from './nn/models/build-model.js';
export { type ModelName, models } from './nn/models/table.js';
export {
  type BatchNormalizationOptions,
  type BatchStatistics,
  batchNormalization,
  batchStatistics,
  type Normalized,
  normalizeExamples,
} from './nn/normalization.js';
export {
  type AdamOptions,
  adam,
  type Optimizer,
  type ParameterSettings,
  type SgdOptions,
  sgd,
  type Update,
} from './nn/optimizer.js';
export { type TrainingForm, type TrainingFormOptions, trainingForm } from './nn/training-form.js';
export {
  type ClassifierSpec,
  describeClassifier,
  type HuggingFaceFiles,
  huggingFaceFiles,
  type Preprocessing,
  readSpec,
} from './onnx/metadata.js';
export { type ReadOptions, readModel, supportedOpsets } from './onnx/read.js';
export {
  type ModelWithExternalData,
  writeModel,
  writeModelWithExternalData,
} from './onnx/write.js';
export { type Builder, builder, type OpFunctions } from './ops/builder.js';
export { type FoldOptions, foldInitializers } from './ops/fold.js';
export { inferShapes, type LoadOptions, load, loadModel, opsetOf } from './ops/load.js';
export { optimize } from './ops/rewrite/optimize.js';
export { type OpName, type Ops, ops } from './ops/table.js';
export type { Feeds, NodeTime, Runtime, Session, SessionOptions } from './runtime/runtime.js';
export { fillCoarseNormal } from './tensor/coarse-normal.js';
export { type DType, type DTypeMap, isFloat } from './tensor/dtype.js';
export {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from './tensor/float16.js';
export {
  deriveKey,
  fillBernoulli,
  fillNormal,
  fillUniform,
  type Key,
  permutation,
  streamKey,
} from './tensor/random.js';
export { broadcastShapes, type Dim, formatShape, type Shape, sizeOf } from './tensor/shape.js';
export {
  hasDType,
  scalar,
  type Tensor,
  tensor,
  toNumbers,
  zeros,
} from './tensor/tensor.js';
export { decodeCheckpoint, encodeCheckpoint, type Position } from './train/checkpoint.js';
export type {
  CheckpointKind,
  CheckpointStore,
  TrainEvent,
  TrainListener,
} from './train/events.js';
export { fillNoise, noiseFeeds } from './train/noise.js';
export { decodeSafetensors, encodeSafetensors, type Safetensors } from './train/safetensors.js';
export {
  constant,
  cosine,
  heldFor,
  linearAfter,
  parseSchedule,
  poly,
  type Schedule,
  stepAt,
  warmUp,
} from './train/schedule.js';
export { severalSteps } from './train/several.js';
export {
  type CarriedState,
  compileStep,
  nextName,
  type StepOptions,
  type TrainingStep,
} from './train/step.js';
export { type TrainOptions, type TrainResult, train } from './train/train.js';
