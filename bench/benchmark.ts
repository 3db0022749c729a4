/** What a benchmark is: a file `<name>.bench.ts` and a line in `table.ts`. `main.ts` prints what it gives. */
import type { Runtime } from '../src/runtime/runtime.js';
import type { Peer } from './peer.js';

/** How much is measured. */
export interface Amount {
  /** Timed steps in a round. */
  readonly steps: number;
  /** Steps of each round before the clock starts. */
  readonly warmup: number;
  /** Times that all sides have their turn. */
  readonly rounds: number;
}

export interface BenchContext extends Amount {
  /** Numbers of threads to try, on either side. */
  readonly threads: readonly number[];
  readonly runtime: Runtime;
  /** Python with PyTorch, or why there is none: a peer's part is left out then. */
  readonly peer: Peer | { readonly absent: string };
  /** Libraries for browsers that are to be timed, where they are installed. */
  readonly peers: readonly string[];
  /** Whether sizes are to be those of a test, which show no speed. */
  readonly small: boolean;
  /** Where the time goes, node by node, instead of how long it takes. */
  readonly profile: boolean;
  /** Tells whoever waits what has just been measured. */
  readonly progress: (line: string) => void;
}

/** What a benchmark found. */
export interface Findings {
  /** Its part of the JSON object. */
  readonly figures: Readonly<Record<string, unknown>>;
  /** The same for people. */
  readonly lines: readonly string[];
  /** Sentences on what must not be; with any, the program ends with exit code 5. */
  readonly failures?: readonly string[];
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  /** Where the command line says nothing. */
  readonly amount: Amount;
  /**
   * `step`: a training step on a runtime, which has a peer in `peers/`. `browser`: one in Chromium, against libraries
   * for browsers. `host`: code of ours alone, on one thread.
   */
  readonly kind: 'step' | 'browser' | 'host';
  run(context: BenchContext): Promise<Findings>;
}
