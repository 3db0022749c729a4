import { describe, expect, it } from 'vitest';
import type { TrainEvent } from '../train/events.js';
import {
  createBar,
  createProgress,
  type ProgressMode,
  progressMode,
  wantsColour,
} from './progress.js';

const clear = '\r\x1b[K';

function step(index: number): Extract<TrainEvent, { type: 'step' }> {
  return {
    type: 'step',
    step: index,
    steps: 100,
    epoch: index / 50,
    losses: { total: 0.5 },
    learningRate: 0.002,
    stepsPerSecond: 10,
    secondsLeft: (100 - index) / 10,
  };
}

const start: TrainEvent = { type: 'start', run: 'r', step: 0, steps: 100, resumed: false };
const evaluation: TrainEvent = { type: 'evaluation', step: 50, epoch: 1, metrics: { error: 0.1 } };
const end: TrainEvent = { type: 'end', step: 100, reason: 'finished', seconds: 10 };

/** A renderer whose clock and output are at hand. */
function rendered(mode: ProgressMode, colour = false) {
  const written: string[] = [];
  const clock = { time: 0 };
  const stream = { write: (text: string) => written.push(text), isTTY: true, columns: 60 };
  const options = { stream, mode, colour, now: () => clock.time };
  return { written, clock, stream, options, progress: createProgress(options) };
}

describe('a bar', () => {
  it('redraws one line, at most ten times a second, and always the last step', () => {
    const { written, clock, progress } = rendered('bar');
    for (const [time, index] of [
      [0, 1],
      [50, 2],
      [99, 3],
      [100, 4],
      [120, 100],
    ] as const) {
      clock.time = time;
      progress(step(index));
    }
    expect(written).toEqual([
      '\r  1% ░░░░░░░░░░░░░░░░░ epoch 1/2 · total 0.5000 · 10 s left\x1b[K',
      '\r  4% ░░░░░░░░░░░░░░░░░ epoch 1/2 · total 0.5000 · 10 s left\x1b[K',
      '\r100% ██████████████████ epoch 2/2 · total 0.5000 · 0 s left\x1b[K',
    ]);
  });

  it('puts what stays above it, and takes itself away at the end', () => {
    const { written, progress } = rendered('bar');
    const bar = ' 50% █████████░░░░░░░░░ epoch 1/2 · total 0.5000 · 5 s left';
    progress(start);
    progress(step(50));
    progress(evaluation);
    progress({ type: 'checkpoint', step: 50, kind: 'best' });
    progress(end);
    expect(written[0]).toBe(`${clear}training r: 100 steps\n`);
    expect(written[1]).toBe(`\r${bar}\x1b[K`);
    expect(written[2]).toBe(`${clear}evaluation after step 50, epoch 1: error 0.1000\n${bar}`);
    expect(written.slice(3)).toEqual([clear, `${clear}finished after step 100, 10 s\n`]);
  });

  it('follows the width of the terminal', () => {
    const { written, clock, stream, progress } = rendered('bar');
    progress(step(50));
    stream.columns = 30;
    clock.time = 1000;
    progress(step(51));
    expect(written[1]).toBe('\r 51% ███████░░░░░░░░ 5 s left\x1b[K');
  });

  it('colours the bar and nothing else', () => {
    const { written, progress } = rendered('bar', true);
    progress(step(50));
    const bar = '\x1b[32m█████████\x1b[39m\x1b[2m░░░░░░░░░\x1b[22m';
    expect(written[0]).toBe(`\r 50% ${bar} epoch 1/2 · total 0.5000 · 5 s left\x1b[K`);
  });

  it('is taken away by close, once', () => {
    const { written, progress } = rendered('bar');
    progress(step(50));
    progress.close();
    progress.close();
    expect(written.slice(1)).toEqual([clear]);
  });
});

describe('plain lines', () => {
  it('tell of a step every ten seconds, and of the rest at once', () => {
    const { written, clock, progress } = rendered('plain');
    progress(start);
    for (const [time, index] of [
      [0, 1],
      [9_999, 2],
      [10_000, 3],
      [19_000, 4],
      [20_000, 5],
    ] as const) {
      clock.time = time;
      progress(step(index));
    }
    progress(evaluation);
    progress(step(100));
    progress(end);
    expect(written).toEqual([
      'training r: 100 steps\n',
      'step 3/100 (3%) · epoch 1/2 · total 0.5000 · 10.0 steps/s · 10 s left\n',
      'step 5/100 (5%) · epoch 1/2 · total 0.5000 · 10.0 steps/s · 10 s left\n',
      'evaluation after step 50, epoch 1: error 0.1000\n',
      'step 100/100 (100%) · epoch 2/2 · total 0.5000 · 10.0 steps/s · 0 s left\n',
      'finished after step 100, 10 s\n',
    ]);
  });
});

describe('other modes', () => {
  it('json writes every event as a line', () => {
    const { written, progress } = rendered('json');
    const events = [start, step(1), step(2), evaluation, end];
    for (const event of events) progress(event);
    progress.close();
    expect(written.map((line) => JSON.parse(line))).toEqual(events);
    expect(written.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
  });

  it('quiet writes nothing', () => {
    const { written, options, progress } = rendered('quiet');
    for (const event of [start, step(1), end]) progress(event);
    const bar = createBar('reading', 2, options);
    bar.update(1);
    bar.end();
    progress.close();
    expect(written).toEqual([]);
  });
});

describe('createBar', () => {
  it('counts on a terminal and leaves no trace', () => {
    const { written, clock, options } = rendered('bar');
    const bar = createBar('reading', 200, options);
    clock.time = 2000;
    bar.update(50);
    bar.end();
    expect(written[0]).toBe('\r 25% ██░░░░░░░░░ reading · 50/200 · 25.0 items/s · 6 s left\x1b[K');
    expect(written.slice(1)).toEqual([clear]);
  });

  it('counts in a log and says how it ended', () => {
    const { written, clock, options } = rendered('plain');
    const bar = createBar('reading', 200, options);
    bar.update(1);
    clock.time = 10_000;
    bar.update(50);
    clock.time = 12_000;
    bar.update(200);
    bar.end();
    expect(written).toEqual(['reading: 50/200\n', 'reading: 200/200, 12 s\n']);
  });

  it('is done where there is nothing to do', () => {
    const { written, options } = rendered('bar');
    createBar('reading', 0, options).update(0);
    expect(written[0]).toContain('100%');
  });
});

describe('what fits a stream', () => {
  const terminal = { write: () => true, isTTY: true };
  const pipe = { write: () => true };

  it('is a bar on a terminal only', () => {
    expect(progressMode(terminal, {}, { TERM: 'xterm' })).toBe('bar');
    expect(progressMode(terminal, {}, { TERM: 'dumb' })).toBe('plain');
    expect(progressMode(pipe, {}, { TERM: 'xterm' })).toBe('plain');
    expect(progressMode(terminal, { quiet: true }, {})).toBe('quiet');
    expect(progressMode(terminal, { json: true, quiet: true }, {})).toBe('json');
  });

  it('is colour on a terminal where nobody minds', () => {
    expect(wantsColour(terminal, { TERM: 'xterm' })).toBe(true);
    expect(wantsColour(terminal, { NO_COLOR: '' })).toBe(true);
    expect(wantsColour(terminal, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColour(terminal, { TERM: 'dumb' })).toBe(false);
    expect(wantsColour(pipe, {})).toBe(false);
  });
});
