import { describe, expect, it } from 'vitest';
import { counted, grouped, percent, textTable } from './text-table.js';

describe('textTable', () => {
  it('aligns columns, text left and figures right', () => {
    const table = textTable(
      ['name', 'count'],
      [
        ['a', '5'],
        ['añejo', '1000'],
      ],
      ['left', 'right'],
    );
    expect(table).toBe('  name   count\n  a          5\n  añejo   1000');
  });

  it('takes rows of different lengths, and none', () => {
    expect(textTable([], [['a'], ['b', 'c']])).toBe('  a\n  b  c');
    expect(textTable([], [])).toBe('');
  });

  it('takes more rows than a call takes arguments', () => {
    const rows = new Array<string[]>(150_000).fill(['a', '1']);
    expect(textTable([], rows).length).toBe(150_000 * 7 - 1);
  });

  it('lets no cell write to the terminal', () => {
    expect(textTable([], [['a\x1b[2J\nb']])).toBe('  a [2J b');
  });
});

describe('figures', () => {
  it('read as people write them', () => {
    expect(percent(0.98764)).toBe('98.76 %');
    expect(percent(0.5, 0)).toBe('50 %');
    expect(percent(Number.NaN)).toBe('-');
    expect(grouped(60_000)).toBe('60,000');
    expect(counted(1, 'image')).toBe('1 image');
    expect(counted(2, 'class', 'classes')).toBe('2 classes');
  });
});
