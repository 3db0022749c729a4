/** The program of docs/browser.md, built and opened as its reader would. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../imports.js';
import { launch, skipsBrowser } from './chromium.js';
import { buildPage, serve } from './site.js';

const text = readFileSync(join(root, 'docs/browser.md'), 'utf8');
const timeout = 150_000;

it.skipIf(skipsBrowser())('docs/browser.md shows a program that trains', { timeout }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-docs-'));
  mkdirSync(join(folder, 'node_modules'));
  for (const [name, path] of [
    ['espalier', root],
    ['onnxruntime-web', join(root, 'node_modules/onnxruntime-web')],
  ] as const)
    symlinkSync(path, join(folder, 'node_modules', name), 'dir');
  const files = [...text.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)];
  expect(files.map(([, name]) => name)).toEqual([
    'worker.js',
    'page.js',
    'index.html',
    'vite.config.js',
  ]);
  for (const [, name = '', body = ''] of files) writeFileSync(join(folder, name), body);

  await buildPage(folder, join(folder, 'dist'));
  const site = await serve(join(folder, 'dist'), true);
  const browser = await launch();
  const page = await browser.newPage();
  await page.goto(`http://localhost:${site.port}/`);
  const line = page.locator('#line', { hasText: 'finished' });
  await line.waitFor({ timeout });
  const [, loss] =
    /step 500: loss (\d\.\d+), finished/.exec((await line.textContent()) ?? '') ?? [];
  expect(Number(loss)).toBeLessThan(0.02);
  expect(await page.locator('#notice').textContent()).toMatch(/^onnxruntime-web 1\..*thread/);
  await browser.close();
  await site.close();
  rmSync(folder, { recursive: true });
});
