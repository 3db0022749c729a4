/** Debian's Chromium, driven by Playwright. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const usual = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of a Chromium: ESPALIER_CHROMIUM, or one of the usual ones; null where there is none. */
export function chromiumPath(): string | null {
  const named = process.env['ESPALIER_CHROMIUM'];
  return (named === undefined ? usual : [named]).find((path) => existsSync(path)) ?? null;
}

/**
 * Whether to leave browser tests out, having said so: where there is no Chromium. On a CI machine they run, and fail.
 */
export function skipsBrowser(): boolean {
  if (chromiumPath() !== null || process.env['CI']) return false;
  console.warn(
    `browser tests are left out: no Chromium at ${usual.join(', ')}. Install one (apt-get install chromium), or name it in ESPALIER_CHROMIUM.`,
  );
  return true;
}

/** WebGPU on the processor, by the software that Chromium brings along. */
export const softwareWebgpu = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

export function launch(args: readonly string[] = []): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === null)
    throw new Error('no Chromium. Install one: apt-get install chromium');
  return chromium.launch({ executablePath, args: [...args] });
}
