import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { script } from './page/script.js';
import { type ReportImage, type RunReport, renderReport } from './report.js';
import { sections } from './sections/table.js';

const nasty = `</script><script>alert("1")</script>'><img src=x onerror=alert(1)>`;
const image = (caption: string): ReportImage => ({
  width: 28,
  height: 28,
  channels: 1,
  pixels: Uint8Array.from({ length: 784 }, (_, i) => (i * 7) % 256),
  caption,
});

const empty: RunReport = {
  title: 'Ladder network',
  subtitle: 'MNIST',
  figures: [],
  config: {},
  curves: [],
  provenance: {},
};

/** Every text that a user can choose is `text`. */
function full(text: string): RunReport {
  return {
    title: text,
    subtitle: text,
    figures: [{ name: text, value: text, note: text }],
    config: { [text]: text, optimizer: { name: text }, layers: [784, 10] },
    curves: [
      {
        title: text,
        yLabel: text,
        series: [
          {
            name: text,
            points: [
              [1, 2],
              [2, 1],
            ],
          },
        ],
      },
    ],
    confusion: {
      classes: [text, 'b'],
      matrix: [
        [5, 1],
        [0, 6],
      ],
    },
    attack: {
      columns: ['base error', text],
      rows: [{ name: text, values: ['1.00 %', text] }],
      curves: [
        {
          ...{ title: text, yLabel: text, xLabel: text },
          series: [
            {
              name: text,
              points: [
                [0, 0],
                [9, 1],
              ],
            },
          ],
        },
      ],
      fooled: 2,
      touched: { width: 2, height: 1, counts: Float64Array.of(2, 0) },
    },
    adversarial: [
      {
        ...{
          width: 2,
          height: 1,
          channels: 1,
          truth: 'seven',
          predicted: 'one',
          pixels: 1,
          queries: 9,
        },
        original: Uint8Array.of(0, 200),
        adversarial: Uint8Array.of(255, 200),
        before: [{ name: 'seven', value: 0.9 }],
        after: [{ name: 'one', value: 0.6 }],
      },
    ],
    outside: {
      ...{ lead: text, heading: [text, 'AUROC'] },
      rows: [
        {
          ...{ set: text, detector: text, refused: '81.0' },
          cells: [
            { value: '80.1', low: '78.0', high: '82.4' },
            { value: '95.0', low: '94.0', high: '96.1' },
          ],
        },
      ],
      histograms: [
        {
          ...{ title: text, xLabel: text, from: 0, to: 1, threshold: 0.4 },
          series: [
            { name: text, shares: [0.1, 0.9] },
            { name: 'out', shares: [0.7, 0.3] },
          ],
        },
      ],
      roc: [
        {
          title: text,
          series: [
            {
              name: text,
              points: [
                [0, 0],
                [100, 100],
              ],
            },
          ],
        },
      ],
    },
    reliability: [
      {
        ...{ title: text, note: text },
        bins: [
          { from: 0, to: 0.5, count: 0, confidence: Number.NaN, accuracy: Number.NaN },
          { from: 0.5, to: 1, count: 4, confidence: 0.9, accuracy: 0.75 },
        ],
      },
    ],
    probe: {
      rows: [
        {
          taps: ['fire9'],
          channels: 512,
          meanIu: 0.42,
          error: 0.2,
          milliseconds: 40,
          megabytes: 1.4,
        },
        {
          taps: ['conv1', 'fire9'],
          channels: 576,
          meanIu: 0.5,
          error: 0.15,
          milliseconds: 48,
          megabytes: 12,
        },
      ],
      positions: [{ tap: 'fire9', stride: 16, rows: 0.9, columns: 0.4, distance: 0.12 }],
      ...{ height: 360, width: 480, scenes: 101, pixels: 9000 },
    },
    scribbles: {
      classes: [text, 'dog'],
      palette: [
        [0, 0, 0],
        [200, 0, 0],
      ],
      images: [
        {
          ...{ name: text, width: 2, height: 1, pixels: new Uint8Array(6).fill(9) },
          ...{
            strokes: Uint8Array.of(1, 255),
            predicted: new Uint8Array(6),
            unsure: Uint8Array.of(0, 255),
          },
        },
      ],
    },
    segmentation: {
      confusion: { classes: 2, counts: Float64Array.of(5, 1, 0, 6) },
      classes: [text, 'b'],
      palette: [
        [128, 0, 0],
        [0, 128, 0],
      ],
      examples: [
        {
          ...{ name: text, width: 2, height: 1, iu: 0.5 },
          pixels: new Uint8Array(6),
          truth: Uint8Array.of(0, 255),
          predicted: Uint8Array.of(1, 1),
        },
      ],
    },
    generated: [{ epoch: 2, confidence: 0.4, images: [image(text)] }],
    labelled: [image(text), image(text), image('b')],
    mistakes: [
      {
        ...image(text),
        truth: text,
        predicted: 'b',
        probabilities: [
          { name: text, value: 0.2 },
          { name: 'b', value: 0.8 },
        ],
      },
    ],
    reconstructions: [{ clean: image(text), noisy: image(text), reconstructed: image(text) }],
    next: [text],
    provenance: { [text]: text },
  };
}

describe('renderReport', () => {
  it('is one page with a section for each part, listed in the contents', () => {
    const page = renderReport(full('cat'));
    expect(page.startsWith('<!doctype html>')).toBe(true);
    for (const { id, title } of sections) {
      expect(page).toContain(`<section id="${id}" aria-labelledby="${id}-title">`);
      expect(page).toContain(`<a href="#${id}">${title}</a>`);
    }
    expect(page.match(/<h1>/g)).toHaveLength(1);
    for (const tag of ['section', 'figure', 'div', 'svg', 'g', 'table', 'dl', 'ol', 'ul', 'li'])
      expect(page.match(new RegExp(`<${tag}[ >]`, 'g'))?.length, tag).toBe(
        page.match(new RegExp(`</${tag}>`, 'g'))?.length,
      );
  });

  it('leaves out what the run does not have', () => {
    expect(renderReport(empty)).not.toContain('<section');
    const page = renderReport({ ...empty, labelled: [], mistakes: [], next: ['x'] });
    expect(page.match(/<section/g)).toHaveLength(1);
    expect(page).toContain('<section id="next"');
  });

  it('escapes every text of the user', () => {
    const page = renderReport(full(nasty));
    const body = page.slice(page.indexOf('<body>'));
    expect(body.match(/<script/g)).toHaveLength(1);
    expect(body).not.toContain('<img src=x');
    expect(page).toContain('&lt;/script&gt;&lt;script&gt;alert(&quot;1&quot;)');
    // Tags of the page hold no attribute that a text could have smuggled in.
    expect(body.replaceAll(/"[^"]*"/g, '""')).not.toMatch(/<[^>]* on\w+=/);
  });

  it('refers to nothing outside itself', () => {
    const page = renderReport(full('cat'));
    const references = [...page.matchAll(/(?:src|href|action|data|poster)="([^"]*)"/g)];
    expect(references.length).toBeGreaterThan(5);
    for (const [, target] of references) expect(target).toMatch(/^(#|data:)/);
    expect(page).not.toMatch(/https?:|url\(|@import|\bfetch\(|XMLHttpRequest/);
  });

  it('allows its own style and script by hash, and nothing else', () => {
    const page = renderReport(full('cat'));
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
    expect(policy).toContain('default-src &#39;none&#39;');
    expect(policy).not.toContain('unsafe');
    for (const tag of ['style', 'script']) {
      const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page)?.[1] ?? '';
      const hash = createHash('sha256').update(text).digest('base64');
      expect(policy).toContain(`${tag}-src &#39;sha256-${hash}&#39;`);
    }
    // A style attribute would be refused by that policy.
    expect(page).not.toMatch(/<[^>]* style=/);
  });

  it('has a script that parses and that writes texts as texts', () => {
    expect(() => new Script(script)).not.toThrow();
    expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
  });

  it('is the same for the same data', () => {
    expect(renderReport(full('cat'))).toBe(renderReport(full('cat')));
  });

  it('stays below 3 MB for twelve series of 90,000 points and hundreds of images', () => {
    const points = Array.from(
      { length: 90_000 },
      (_, i) => [i, 1 + Math.sin(i * 12.9898) ** 2] as [number, number],
    );
    const series = Array.from({ length: 12 }, (_, i) => ({ name: `layer ${i}`, points }));
    const mistake = full('cat').mistakes?.[0];
    const page = renderReport({
      ...full('cat'),
      curves: [{ title: 'Cost', yLabel: 'nats', series }],
      labelled: Array.from({ length: 100 }, (_, i) => image(String(i % 10))),
      mistakes: mistake ? new Array(1000).fill(mistake) : [],
    });
    expect(page.length).toBeLessThan(3e6);
    expect(page).toContain('The report keeps 150 of 1000.');
  });
});

describe('sections', () => {
  it('offers a logarithmic scale only where every value has a place on it', () => {
    const curve = (values: number[]) => ({
      title: 'c',
      yLabel: 'y',
      series: [{ name: 's', points: values.map((v, i) => [i, v] as [number, number]) }],
    });
    const page = (values: number[], log = false) =>
      renderReport({ ...empty, curves: [{ ...curve(values), log }] });
    expect(page([1, 2])).toContain('data-scale="log"');
    expect(page([0, 2])).not.toContain('data-scale="log"');
    expect(page([0, 2], true)).toContain('1 value is not above 0 and missing');
    expect(page([1, Number.NaN])).toContain('1 value is not finite and not drawn.');
  });

  it('shows nested settings with dotted keys', () => {
    const page = renderReport({
      ...empty,
      config: { seed: 1, optimizer: { name: 'adam', decay: { start: 100 } }, layers: [784, 10] },
    });
    expect(page).toContain('<th scope="row">optimizer.decay.start</th><td>100</td>');
    expect(page).toContain('<th scope="row">layers</th><td>784, 10</td>');
    expect(page).toContain('4 settings');
  });

  it('groups labelled images by caption, or writes captions that are all different', () => {
    const grouped = renderReport({ ...empty, labelled: [image('3'), image('5'), image('3')] });
    expect(grouped.match(/<div class="class">/g)).toHaveLength(2);
    const flat = renderReport({ ...empty, labelled: [image('a.png'), image('b.png')] });
    expect(flat).toContain('<figcaption>b.png</figcaption>');
  });

  it('puts the most confident mistake first', () => {
    const one = (caption: string, value: number) => ({
      ...image(caption),
      truth: 'a',
      predicted: 'b',
      probabilities: [{ name: 'b', value }],
    });
    const page = renderReport({ ...empty, mistakes: [one('weak', 0.5), one('sure', 0.9)] });
    expect(page.indexOf('alt="sure"')).toBeLessThan(page.indexOf('alt="weak"'));
  });

  it('lists confusions by count, linked to the mistakes only where there are some', () => {
    const confusion = {
      classes: ['a', 'b'],
      matrix: [
        [1, 2],
        [7, 1],
      ],
    };
    const page = renderReport({ ...empty, confusion });
    expect(page.indexOf('<b>b</b> taken for <b>a</b>')).toBeLessThan(
      page.indexOf('<b>a</b> taken for <b>b</b>'),
    );
    expect(page).not.toContain('href="#mistakes"');
    const perfect = {
      classes: ['a', 'b'],
      matrix: [
        [1, 0],
        [0, 1],
      ],
    };
    expect(renderReport({ ...empty, confusion: perfect })).toContain('No image was taken for');
  });
});
