/** The sections in the order in which they are read. To add one: a file here, and a line in this table. */
import { adversarial } from './adversarial.js';
import { attack } from './attack.js';
import { config } from './config.js';
import { confusion } from './confusion.js';
import { curves } from './curves.js';
import { generated } from './generated.js';
import { labelled } from './labelled.js';
import { mistakes } from './mistakes.js';
import { next } from './next.js';
import { outside } from './outside.js';
import { probe } from './probe.js';
import { provenance } from './provenance.js';
import { reconstructions } from './reconstructions.js';
import { reliability } from './reliability.js';
import type { Section } from './section.js';
import { segmentationClasses } from './segmentation-classes.js';
import { segmentationExamples } from './segmentation-examples.js';
import { strokes } from './strokes.js';

/** Every section there is. */
export const sections: readonly Section[] = [
  curves,
  strokes,
  probe,
  attack,
  adversarial,
  outside,
  reliability,
  segmentationClasses,
  segmentationExamples,
  generated,
  confusion,
  mistakes,
  reconstructions,
  labelled,
  next,
  config,
  provenance,
];
