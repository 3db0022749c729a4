/** What the page and its worker say to each other. Events are those of `train`, as they are. */
import type { TrainEvent } from 'espalier';
import type { WebProvider } from 'espalier/web';
import type { NetworkName } from './titles.js';

export interface Settings {
  readonly network: NetworkName;
  readonly provider: WebProvider['name'];
  readonly steps: number;
  /** As many as the machine has where left out. */
  readonly threads?: number;
}

export type ToWorker =
  | { readonly type: 'start'; readonly settings: Settings }
  /** Ends the run after the steps under way. */
  | { readonly type: 'stop' };

export type FromWorker =
  /** The network is compiled and will run on `runtime`; `reason` is a sentence on its threads or its graphics card. */
  | { readonly type: 'ready'; readonly runtime: string; readonly reason: string }
  | { readonly type: 'event'; readonly event: TrainEvent }
  | { readonly type: 'failed'; readonly message: string };
