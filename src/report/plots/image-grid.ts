/** Pictures: small ones are enlarged by whole factors, so that every pixel is a square and none is blurred. */
import { html, type Markup } from '../markup.js';
import { encodePng, pngDataUri } from '../png.js';
import type { ReportImage } from '../run-report.js';
import { shrink } from '../shrink.js';

/** What may be changed, and what it is unless changed. */
export const defaults = {
  /** Longest side on the page, in CSS pixels. */
  size: 56,
  /** Longest side that is kept, in pixels: a larger image is made smaller before it is stored. */
  stored: 64,
  /** Whether captions stand below the pictures; else they show when pointed at. */
  captions: false,
};

/**
 * One `<img>` with its PNG inside.
 * @throws DataError where the image's pixels do not fit its size
 */
export function picture(image: ReportImage, options: Partial<typeof defaults> = {}): Markup {
  const { size, stored } = { ...defaults, ...options };
  const small = shrink(image, stored);
  const uri = pngDataUri(encodePng(small.pixels, small.width, small.height, small.channels));
  const fit = size / Math.max(small.width, small.height);
  const scale = small === image && fit > 1 ? Math.floor(fit) : fit;
  const [width, height] = [Math.round(small.width * scale), Math.round(small.height * scale)];
  const crisp = small === image && html` class="crisp"`;
  return html`<img${crisp} src="${uri}" width="${width}" height="${height}" alt="${image.caption}" title="${image.caption}">`;
}

/** Pictures in rows that wrap. */
export function imageGrid(
  images: readonly ReportImage[],
  options: Partial<typeof defaults> = {},
): Markup {
  if (!(options.captions ?? defaults.captions))
    return html`<div class="images">${images.map((image) => picture(image, options))}</div>`;
  return html`<div class="images">${images.map(
    (image) =>
      html`<figure>${picture(image, options)}<figcaption>${image.caption}</figcaption></figure>`,
  )}</div>`;
}
