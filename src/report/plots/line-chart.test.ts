import { describe, expect, it } from 'vitest';
import { lineChart } from './line-chart.js';

const straight = {
  title: 'Test error',
  yLabel: 'share',
  series: [
    {
      name: 'ladder',
      points: [
        [0, 4],
        [5, 2],
        [10, 0],
      ],
    },
  ],
} as const;

const paths = (svg: string, kind: string) =>
  [...svg.matchAll(new RegExp(`class="${kind}[^"]*" d="([^"]*)"`, 'g'))].map((match) => match[1]);

describe('lineChart', () => {
  it('draws a small chart', () => {
    expect(lineChart(straight, { height: 100 }).text).toMatchSnapshot();
  });

  it('places values where the scale puts them', () => {
    expect(paths(lineChart(straight, { height: 100 }).text, 'line')).toEqual([
      'M0,0L500,50L1000,100',
    ]);
  });

  it('places powers of ten at equal distances on a logarithmic axis', () => {
    const points = [1, 10, 100, 1000].map((value, step) => [step, value] as const);
    const svg = lineChart(
      { ...straight, log: true, series: [{ name: 'x', points }] },
      { height: 90 },
    );
    expect(paths(svg.text, 'line')).toEqual(['M0,90L333.3,60L666.7,30L1000,0']);
  });

  it('breaks the line where a value is missing', () => {
    const points = [1, 2, Number.NaN, 2, 1].map((value, step) => [step, value] as const);
    const [path = ''] = paths(
      lineChart({ ...straight, series: [{ name: 'x', points }] }).text,
      'line',
    );
    expect(path.match(/M/g)).toHaveLength(2);
    expect(path).not.toContain('NaN');
  });

  it('draws the range of a long series as a band, in at most about 600 numbers', () => {
    const points = Array.from({ length: 90_000 }, (_, step) => [step, step % 7] as const);
    const svg = lineChart({ ...straight, series: [{ name: 'x', points }] }).text;
    const [line = ''] = paths(svg, 'line');
    const [band = ''] = paths(svg, 'band');
    expect(line.match(/,/g)?.length).toBe(200);
    expect(band.match(/,/g)?.length).toBe(400);
  });

  it('tells the script its values and the reader its summary', () => {
    const svg = lineChart(straight).text;
    expect(svg).toContain('data-points="0,4;5,2;10,0"');
    expect(svg).toContain('data-x="0 10" data-y="0 4"');
    expect(svg).toContain('ladder from 4 to 0');
  });

  it('gives nothing where there is nothing to draw', () => {
    expect(lineChart({ ...straight, series: [] }).text).toBe('');
    expect(
      lineChart({ ...straight, log: true, series: [{ name: 'x', points: [[1, -1]] }] }).text,
    ).toBe('');
  });

  it('escapes names and cuts long ones', () => {
    const svg = lineChart({
      ...straight,
      series: [{ name: '<b>"a long, long name"', points: [[0, 1]] }],
    }).text;
    expect(svg).not.toContain('<b>');
    expect(svg).toContain('&lt;b&gt;&quot;a long, long…</text>');
  });
});
