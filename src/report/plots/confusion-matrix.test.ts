import { describe, expect, it } from 'vitest';
import { confusionMatrix, worstShare } from './confusion-matrix.js';

const data = {
  classes: ['cat', '<dog>'],
  matrix: [
    [9, 1],
    [5, 15],
  ],
};

describe('confusionMatrix', () => {
  it('has one cell a pair, counts where there are any, and each class\u2019s error', () => {
    const svg = confusionMatrix(data).text;
    expect(svg.match(/class="cell /g)).toHaveLength(4);
    expect(svg).toContain('>15</text>');
    expect(svg).toContain('>10.0 %</text>');
    expect(svg).toContain('>25.0 %</text>');
  });

  it('shades mistakes by their share of the row and leaves the diagonal without shade', () => {
    // 5 of 20 is the worst share and so has full depth; 1 of 10 is 0.4 of it: 0.1 + 0.9 * 0.4.
    expect(worstShare(data.matrix)).toBe(0.25);
    const depths = [...confusionMatrix(data).text.matchAll(/fill-opacity="([^"]*)"/g)];
    expect(depths.map((match) => match[1])).toEqual(['0.46', '1']);
  });

  it('makes buttons only where asked, with names that are escaped', () => {
    expect(confusionMatrix(data).text).not.toContain('role="button"');
    const svg = confusionMatrix({ ...data, buttons: true }).text;
    expect(svg.match(/role="button"/g)).toHaveLength(2);
    expect(svg).toContain('data-truth="cat" data-predicted="&lt;dog&gt;" data-count="1"');
    expect(svg).not.toContain('<dog>');
  });

  it('stands a class without images', () => {
    const svg = confusionMatrix({
      classes: ['a', 'b'],
      matrix: [
        [0, 0],
        [0, 3],
      ],
    }).text;
    expect(svg).not.toContain('NaN');
    expect(svg.match(/class="error"[^>]*>–</g)).toHaveLength(1);
  });
});
