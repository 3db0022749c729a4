/** Programs of ours as one file of JavaScript: a test that starts one again and again does not compile it each time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'vite';
import { root } from './imports.js';

export interface Bundled {
  /** Path of the file; packages are found from it as from the sources. */
  readonly path: string;
  remove(): void;
}

/**
 * Bundles a program with all that is ours.
 * @param entry path of its TypeScript, from the repository's root
 */
export async function bundled(entry: string): Promise<Bundled> {
  // Two folders below the root, as `src/cli` and `dist/cli` are: the program reads `../../package.json`.
  const folder = mkdtempSync(join(root, 'node_modules', '.bundled-'));
  await build({
    ...{ root, configFile: false, logLevel: 'silent' },
    build: {
      ...{ ssr: join(root, entry), outDir: folder, minify: false, target: 'node20' },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  });
  return {
    path: join(folder, basename(entry).replace(/\.ts$/, '.js')),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
