/** Networks train in a tab of Chromium: the losses of Node, a page that answers, memory that stays. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constant, type TrainEvent, train } from 'espalier';
import { nodeRuntime } from 'espalier/node';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { networks } from '../../workbench/src/networks.js';
import type { NetworkName } from '../../workbench/src/titles.js';
import { nothingOfNode } from '../../workbench/vite.config.js';
import { root } from '../imports.js';
import { launch, skipsBrowser, softwareWebgpu } from './chromium.js';
import { watchMainThread } from './main-thread.js';
import { buildPage, type Site, serve } from './site.js';
import { watchWorker } from './worker-memory.js';

/** Milliseconds that a test may take beside other processes; by itself it takes seconds. */
const patience = 150_000;
vi.setConfig({ testTimeout: patience, hookTimeout: patience });

const folder = mkdtempSync(join(tmpdir(), 'espalier-browser-'));
const skips = skipsBrowser();
let browser: Browser;
let isolated: Site;
let plain: Site;
beforeAll(async () => {
  if (skips) return;
  await buildPage(join(root, 'workbench'), folder);
  [isolated, plain] = [await serve(folder, true), await serve(folder, false)];
  browser = await launch(softwareWebgpu);
});
afterAll(async () => {
  await browser?.close();
  await isolated?.close();
  await plain?.close();
  rmSync(folder, { recursive: true });
});

/** The page with these settings, its training events kept; whatever it complains of fails the test. */
async function open(
  query: string,
  site = isolated,
  page?: Page,
  host = 'localhost',
): Promise<Page> {
  page ??= await browser.newPage();
  page.setDefaultTimeout(patience);
  await page.addInitScript(() => {
    const events: TrainEvent[] = [];
    Object.assign(globalThis, { events });
    document.addEventListener('train', (event) => {
      events.push((event as CustomEvent<TrainEvent>).detail);
    });
  });
  await page.goto(`http://${host}:${site.port}/?${query}`);
  await page.locator('body[data-ready]').waitFor();
  return page;
}

const eventsOf = (page: Page): Promise<TrainEvent[]> =>
  page.evaluate(() => (globalThis as unknown as { events: TrainEvent[] }).events);

/** Waits for the last event, or for the sentence of what went wrong. */
async function trainToEnd(page: Page): Promise<TrainEvent[]> {
  await page.getByRole('button', { name: 'Train' }).click();
  await page.waitForFunction(
    () =>
      (globalThis as unknown as { events: TrainEvent[] }).events.at(-1)?.type === 'end' ||
      document.querySelector('#message')?.textContent,
  );
  expect(await page.locator('#message').textContent()).toBe('');
  return eventsOf(page);
}

const lossesOf = (events: readonly TrainEvent[]): number[][] =>
  events.flatMap((event) => (event.type === 'step' ? [Object.values(event.losses)] : []));

async function lossesInNode(name: NetworkName, steps: number): Promise<number[][]> {
  const events: TrainEvent[] = [];
  await train({
    ...networks[name](),
    runtime: await nodeRuntime(),
    steps,
    schedule: constant,
    seed: 1,
    reportEvery: 1,
    onEvent: (event) => void events.push(event),
  });
  return lossesOf(events);
}

/** The largest difference of two series, relative to the second. */
function difference(a: readonly number[][], b: readonly number[][]): number {
  const flat = b.flat();
  return Math.max(...a.flat().map((value, i) => Math.abs(value / (flat[i] ?? Number.NaN) - 1)));
}

describe.skipIf(skips)('training in Chromium', () => {
  it.each([
    ['mlp', 2],
    ['ladder', 1],
    ['conv', 1],
  ] as const)('%s has the losses of Node, threads: %i', async (name, threads) => {
    const steps = 50;
    const page = await open(`network=${name}&steps=${steps}&threads=${threads}`);
    const [here, there] = [lossesOf(await trainToEnd(page)), await lossesInNode(name, steps)];
    expect(here).toHaveLength(steps);
    expect(difference(here, there)).toBeLessThan(1e-3);
    expect(here.at(-1)?.[0]).toBeLessThan(0.8 * (here[0]?.[0] ?? 0));
    expect(await page.locator('#engine').textContent()).toMatch(
      threads === 2 ? /onnxruntime-web 1\..* 2 threads\./ : /onnxruntime-web 1\..* One thread/,
    );
    await page.close();
  });

  it('keeps to one thread without isolation, says why, and trains all the same', async () => {
    const page = await open('network=mlp&steps=20', plain);
    const losses = lossesOf(await trainToEnd(page));
    expect(await page.locator('#engine').textContent()).toContain(
      'One thread: the page is not cross-origin isolated',
    );
    expect(difference(losses, await lossesInNode('mlp', 20))).toBeLessThan(1e-3);
    await page.close();
  });

  it('has the losses of Node on WebGPU', async () => {
    const page = await open('network=mlp&steps=8&provider=webgpu');
    const losses = lossesOf(await trainToEnd(page));
    expect(await page.locator('#engine').textContent()).toMatch(/WebGPU on google swiftshader/);
    expect(difference(losses, await lossesInNode('mlp', 8))).toBeLessThan(1e-3);
    await page.close();
  });

  it('stops when told to, and trains again', async () => {
    const page = await open('network=mlp&steps=100000');
    await page.getByRole('button', { name: 'Train' }).click();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.waitForFunction(() =>
      document.querySelector('#left')?.textContent?.includes('interrupted'),
    );
    const [first] = lossesOf(await eventsOf(page));
    await page.locator('input[name=steps]').fill('8');
    await page.getByRole('button', { name: 'Train' }).click();
    await page.waitForFunction(() =>
      document.querySelector('#left')?.textContent?.includes('finished'),
    );
    expect(lossesOf(await eventsOf(page)).at(-8)).toEqual(first);
    await page.close();
  });
});

describe.skipIf(skips)('the page', () => {
  it('trains in a new worker after one that failed, and keeps the focus of the keyboard', async () => {
    const page = await browser.newPage();
    await page.route(/worker-.*\.js$/, (route) => route.abort());
    await open('network=none&steps=8&threads=few', isolated, page);
    const message = page.locator('#message');
    await page.waitForFunction(() => document.querySelector('#message')?.textContent);
    expect(await message.textContent()).toBe('the worker did not start');
    await page.locator('input[name=steps]').focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('#message')?.textContent);
    expect(await page.locator('#step').textContent()).toBe('–');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Train');
    await page.unroute(/worker-.*\.js$/);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('#left')?.textContent?.includes('fin'));
    expect(await message.textContent()).toBe('');
    expect(lossesOf(await eventsOf(page))).toHaveLength(8);
    await page.close();
  });
});

describe.skipIf(skips)('a page whose worker trains', () => {
  // Other processes can keep a page waiting as well: an attempt that they spoiled is repeated.
  it('has no task of more than 100 ms on its main thread', { retry: 3 }, async () => {
    const page = await open('network=conv&steps=50');
    const mainThread = await watchMainThread(page);
    await trainToEnd(page);
    const { longTasks, gaps } = await mainThread();
    await page.close();
    expect(longTasks.at(-1) ?? 0).toBeLessThan(100);
    expect(gaps.length).toBeGreaterThan(100);
    // A gap is no task of the page where the system had given the core to somebody else.
    expect(gaps[Math.floor(0.99 * gaps.length)]).toBeLessThan(100);
  });

  it('has memory that stays, over some hundred steps', async () => {
    const page = await open('network=mlp&steps=100000');
    const memory = await watchWorker(page);
    await page.getByRole('button', { name: 'Train' }).click();
    const at = async (step: number) => {
      await page.waitForFunction(
        (wanted) =>
          (globalThis as unknown as { events: { step: number }[] }).events.some(
            (event) => event.step >= wanted,
          ),
        step,
      );
      return memory();
    };
    // The first hundred steps allocate what all others use.
    const [early, late] = [await at(100), await at(800)];
    await page.close();
    expect(late.wasm).toBe(early.wasm);
    expect(late.wasm).toBeGreaterThan(2 ** 20);
    expect(late.heap - early.heap).toBeLessThan(2 * 2 ** 20);
    expect(late.buffers - early.buffers).toBeLessThan(4 * 2 ** 20);
  });
});

describe.skipIf(skips)('webProviders', () => {
  const sentence = async (page: Page) => (await page.locator('#engine').textContent()) ?? '';

  it('says what there is', async () => {
    const page = await open('');
    expect(await sentence(page)).toMatch(/threads?.*WebGPU on google swiftshader\./s);
    await page.close();
  });

  it('says that there is no adapter, and what a page that is not secure goes without', async () => {
    const other = await launch(['--host-resolver-rules=MAP espalier.example 127.0.0.1']);
    const page = await other.newPage();
    await open('', isolated, page);
    expect(await sentence(page)).toContain('No WebGPU: the browser found no adapter');
    await open('', isolated, page, 'espalier.example');
    expect(await sentence(page)).toContain('No WebGPU: the page is not a secure context');
    expect(await sentence(page)).toContain('One thread: the page is not cross-origin isolated');
    await other.close();
  });
});

describe('the build', () => {
  it('holds no WebGPU engine and no compiler in what the page itself loads', () => {
    if (skips) return;
    const files = readdirSync(join(folder, 'assets'));
    const size = (pattern: RegExp): number =>
      files
        .filter((name) => pattern.test(name))
        .reduce((sum, name) => sum + statSync(join(folder, 'assets', name)).size, 0);
    expect(size(/^index-.*\.js$/)).toBeLessThan(10_000);
    expect(size(/^worker-.*\.js$/)).toBeLessThan(400_000);
    expect(size(/^webgpu-.*\.js$/)).toBeLessThan(2_000);
  });

  it.each(['node:fs', 'path'])('fails where %s is reached', async (name) => {
    const page = mkdtempSync(join(tmpdir(), 'espalier-page-'));
    const plugins = [nothingOfNode()];
    writeFileSync(join(page, 'index.html'), '<script type="module" src="/page.js"></script>');
    writeFileSync(join(page, 'page.js'), `import * as it from '${name}'; console.log(it);`);
    await expect(
      build({ root: page, configFile: false, logLevel: 'silent', plugins }),
    ).rejects.toThrow(`imports "${name}", which a browser does not have`);
    rmSync(page, { recursive: true });
  });
});
