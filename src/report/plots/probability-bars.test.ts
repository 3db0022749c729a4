import { describe, expect, it } from 'vitest';
import { probabilityBars } from './probability-bars.js';

const probabilities = [
  { name: 'a', value: 0.05 },
  { name: 'b', value: 0.6 },
  { name: 'c', value: 0.3 },
  { name: 'd', value: 0.05 },
];
const labels = (svg: string) =>
  /aria-label="([^"]*)"/
    .exec(svg)?.[1]
    ?.split(', ')
    .map((part) => part.split(' ')[0]);

describe('probabilityBars', () => {
  it('shows the most probable, and the truth in any case', () => {
    const bars = (truth: string) =>
      labels(probabilityBars({ probabilities, truth, predicted: 'b' }, { most: 2 }).text);
    expect(bars('c')).toEqual(['b', 'c']);
    expect(bars('d')).toEqual(['b', 'd']);
  });

  it('draws a bar as long as its probability', () => {
    const svg = probabilityBars({ probabilities, truth: 'c', predicted: 'b' }).text;
    expect(svg).toMatch(/class="predicted" x="14%" y="[\d.]+" width="37.2%"/);
    expect(svg).toMatch(/class="truth" x="14%" y="[\d.]+" width="18.6%"/);
    expect(svg).toContain('>60.0 %</text>');
  });

  it('gives nothing where there are no probabilities', () => {
    expect(probabilityBars({ probabilities: [], truth: 'a', predicted: 'b' }).text).toBe('');
  });
});
