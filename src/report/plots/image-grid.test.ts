import { describe, expect, it } from 'vitest';
import type { ReportImage } from '../run-report.js';
import { imageGrid, picture } from './image-grid.js';

const image = (width: number, height: number, caption = 'x'): ReportImage => ({
  width,
  height,
  channels: 1,
  pixels: new Uint8Array(width * height),
  caption,
});

describe('picture', () => {
  it('enlarges by whole factors, with square pixels', () => {
    expect(picture(image(28, 28), { size: 84 }).text).toMatch(
      /class="crisp" src="data:image\/png;base64,[\w+/=]+" width="84" height="84"/,
    );
    expect(picture(image(28, 14), { size: 60 }).text).toContain('width="56" height="28"');
  });

  it('stores a large image small, and shows it smooth', () => {
    const text = picture(image(640, 320), { size: 84 }).text;
    expect(text).toContain('width="84" height="42"');
    expect(text).not.toContain('crisp');
    expect(text.length).toBeLessThan(1000);
  });
});

it('imageGrid writes captions where asked, escaped in any case', () => {
  const images = [image(1, 1, '"><img src=x onerror=alert(1)>')];
  expect(imageGrid(images).text).not.toContain('figcaption');
  expect(imageGrid(images, { captions: true }).text).toContain('<figcaption>&quot;&gt;&lt;img');
  expect(imageGrid(images, { captions: true }).text).not.toContain('<img src=x');
});
