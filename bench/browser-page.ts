/** The programs of a comparison in Chromium: bundled by Vite, and run each in a worker of a page of its own. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { internal } from '../src/errors.js';
import type { Request, Trained } from './browser/subject.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Why the peers cannot be timed, or null where they can. */
export function peersAbsent(): string | null {
  if (existsSync(here('peers/node_modules/@jax-js/jax'))) return null;
  return 'their packages are not installed: npm ci --prefix bench/peers';
}

/** Bundles our program, and those of the peers; gives the folder, for the caller to remove. */
export async function buildPrograms(withPeers: boolean): Promise<string> {
  if (!existsSync(here('../dist/runtime/web.js')))
    return internal('the package is not built: npm run build');
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  const peers = { tfjs: here('peers/tfjs.js'), 'jax-js': here('peers/jax-js.js') };
  await build({
    configFile: false,
    root: here('..'),
    logLevel: 'error',
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: {
        input: { espalier: here('browser/espalier.ts'), ...(withPeers ? peers : {}) },
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Benchmark</title>');
  return folder;
}

export const removeFolder = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true });

/** Trains in a fresh worker: no side finds the memory or the threads of another. */
export async function runProgram(
  browser: Browser,
  port: number,
  program: string,
  request: Request,
): Promise<Trained> {
  const page = await browser.newPage();
  try {
    await page.goto(`http://localhost:${port}/`);
    const started = page.waitForEvent('worker');
    const starts = `new Worker('/${program}.js', { type: 'module' }); 0`;
    await page.evaluate(starts);
    const worker = await started;
    return await worker.evaluate(async (wanted) => {
      const scope = globalThis as { measure?: (request: Request) => Promise<Trained> };
      // The worker is there before its program has been loaded.
      while (!scope.measure) await new Promise((resolve) => setTimeout(resolve, 10));
      return scope.measure(wanted);
    }, request);
  } finally {
    await page.close();
  }
}
