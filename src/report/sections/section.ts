/** What a section of the report is. */
import type { Markup } from '../markup.js';
import type { RunReport } from '../run-report.js';

/** A part of the page, with its own line in the table of contents. */
export interface Section {
  /** Anchor, and the class that the style sheet knows it by. */
  readonly id: string;
  readonly title: string;
  /** The section without its heading; `undefined` where the run has no data for it. */
  readonly render: (data: RunReport) => Markup | undefined;
}
