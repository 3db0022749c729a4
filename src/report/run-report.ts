/** What a report is made from: plain data, so that any method and any caller can fill it. */
import type { ReportOutside, ReportReliability } from './outside-run.js';
import type { SegmentationRun } from './segmentation-run.js';

/** A small picture. */
export interface ReportImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Height, width, channels in row-major order; 0..255. */
  readonly pixels: Uint8Array;
  /** What is said of it; images that share a caption are shown as one group. */
  readonly caption: string;
}

/** One headline number, formatted by the caller. */
export interface ReportFigure {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
}

/** Several series over the training step; `log` asks for a logarithmic vertical axis at first sight. */
export interface ReportCurve {
  readonly title: string;
  readonly yLabel: string;
  /** `step` where left out. */
  readonly xLabel?: string;
  readonly log?: boolean;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [step: number, value: number])[];
  }[];
}

/** Counts: `matrix[truth][predicted]`, in the order of `classes`. */
export interface ReportConfusion {
  readonly classes: readonly string[];
  readonly matrix: readonly (readonly number[])[];
  /** What was counted; of pixels, shares are shown and not numbers. Images where left out. */
  readonly unit?: 'images' | 'pixels';
}

/** A probability in 0..1 and the class that it was given to. */
export interface ClassProbability {
  readonly name: string;
  readonly value: number;
}

/** An image that was taken for another class, with what the model thought. */
export interface ReportMistake extends ReportImage {
  readonly truth: string;
  readonly predicted: string;
  readonly probabilities: readonly ClassProbability[];
}

/** What the decoder makes of a corrupted image. */
export interface ReportReconstruction {
  readonly clean: ReportImage;
  readonly noisy: ReportImage;
  readonly reconstructed: ReportImage;
}

/** An image with strokes, and what was made of it; all of its size, row-major. */
export interface ReportScribbles {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** RGB, 0..255. */
  readonly pixels: Uint8Array;
  /** Classes, 255 where no stroke is. */
  readonly strokes: Uint8Array;
  /** RGB: the image with the classes' colours over it. */
  readonly predicted: Uint8Array;
  /** 0 where the model is sure, 255 where all classes are alike to it. */
  readonly unsure: Uint8Array;
}

/** An image that fools a classifier; arrays are row-major, interleaved, 0..255. */
export interface ReportAdversarial {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly original: Uint8Array;
  readonly adversarial: Uint8Array;
  readonly truth: string;
  readonly predicted: string;
  readonly pixels: number;
  readonly queries: number;
  /** The likeliest first. */
  readonly before: readonly ClassProbability[];
  readonly after: readonly ClassProbability[];
}

/** What it took to fool a classifier, over many images. */
export interface ReportAttack {
  /** The paper's table: a row of figures, formatted by the caller, for each setting. */
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly values: readonly string[] }[];
  /** Share of images fooled, by what it took. */
  readonly curves: readonly ReportCurve[];
  /** Images fooled; of them pictures are shown as far as there is room. */
  readonly fooled: number;
  /** Of every pixel, the images in which it was changed. */
  readonly touched?: {
    readonly width: number;
    readonly height: number;
    readonly counts: Float64Array;
  };
}

/** What subsets of layers know of pixels, and what they cost. */
export interface ReportProbe {
  readonly rows: readonly {
    readonly taps: readonly string[];
    readonly channels: number;
    /** On held-out scenes. */
    readonly meanIu: number;
    /** Share of their pixels that is wrong. */
    readonly error: number;
    /** Of one image. */
    readonly milliseconds: number;
    /** What the layers hold of one image. */
    readonly megabytes: number;
  }[];
  readonly positions: readonly {
    readonly tap: string;
    /** Pixels between cells; null of units without extent. */
    readonly stride: number | null;
    /** Shares of the variance that are told, and the mean distance; see `positionRecovery`. */
    readonly rows: number;
    readonly columns: number;
    readonly distance: number;
  }[];
  /** Of the image that was timed. */
  readonly height: number;
  readonly width: number;
  /** Held out. */
  readonly scenes: number;
  /** Learnt from. */
  readonly pixels: number;
}

/** What a generator made at one moment of a run. */
export interface ReportGenerated {
  readonly epoch: number;
  /** Mean of the classifier's largest probability. */
  readonly confidence: number;
  readonly images: readonly ReportImage[];
}

/** One run. A part that is absent or empty has no section in the report. */
export interface RunReport {
  /** For example `Ladder network`. */
  readonly title: string;
  /** For example `MNIST, 100 labels, seed 1`. */
  readonly subtitle: string;
  /** The first one is shown largest. */
  readonly figures: readonly ReportFigure[];
  /** The resolved configuration; nested objects are shown with dotted keys. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly curves: readonly ReportCurve[];
  readonly confusion?: ReportConfusion;
  /** What a segmenter has besides; see `segmentationSections`. */
  readonly segmentation?: SegmentationRun;
  /** Strokes that a classifier of pixels was taught with. */
  readonly scribbles?: {
    readonly classes: readonly string[];
    readonly palette: readonly (readonly [number, number, number])[];
    readonly images: readonly ReportScribbles[];
  };
  /** Layers that were looked at one by one and together. */
  readonly probe?: ReportProbe;
  readonly attack?: ReportAttack;
  readonly adversarial?: readonly ReportAdversarial[];
  readonly outside?: ReportOutside;
  readonly reliability?: readonly ReportReliability[];
  readonly generated?: readonly ReportGenerated[];
  readonly labelled?: readonly ReportImage[];
  readonly mistakes?: readonly ReportMistake[];
  readonly reconstructions?: readonly ReportReconstruction[];
  /** Commands to type next. */
  readonly next?: readonly string[];
  /** Versions, seed, commit, machine. */
  readonly provenance: Readonly<Record<string, string>>;
}
