import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import type { TrainEvent } from '../train/events.js';
import { openMetricsLog, readMetrics } from './metrics-log.js';
import { openRunFolder, type RunFolder } from './run-folder.js';

let run: RunFolder;
let clock = 0;
const now = () => clock;
beforeEach(async () => {
  clock = 500;
  run = await openRunFolder(mkdtempSync(join(tmpdir(), 'metrics-')));
});
afterEach(() => rmSync(run.path, { recursive: true, force: true }));

function step(index: number, loss = 0.5): TrainEvent {
  return {
    type: 'step',
    step: index,
    steps: 4,
    epoch: 1,
    losses: { total: loss },
    learningRate: 0.002,
    stepsPerSecond: 12.5,
    secondsLeft: 3,
  };
}

async function write(events: readonly TrainEvent[]): Promise<void> {
  const log = await openMetricsLog(run, now);
  for (const event of events) {
    clock += 100.4;
    log.write(event);
  }
  log.close();
}

const start: TrainEvent = { type: 'start', run: 'r', step: 0, steps: 4, resumed: false };

describe('metrics', () => {
  it('are one event a line, with the time since the start as their only clock', async () => {
    await write([start, step(1), { type: 'end', step: 1, reason: 'finished', seconds: 9 }]);
    expect(readFileSync(run.metrics, 'utf8').split('\n')).toEqual([
      '{"type":"start","run":"r","step":0,"steps":4,"resumed":false,"time":100}',
      '{"type":"step","step":1,"steps":4,"epoch":1,"losses":{"total":0.5},"learningRate":0.002,"time":201}',
      '{"type":"end","step":1,"reason":"finished","time":301}',
      '',
    ]);
  });

  it('come back as they were written, every kind of event', async () => {
    const events: TrainEvent[] = [
      start,
      step(1, Number.NaN),
      { type: 'evaluation', step: 1, epoch: 0.5, metrics: { error: 0.02 } },
      { type: 'checkpoint', step: 1, kind: 'best' },
      { type: 'notice', message: 'a "quoted"\nline' },
      { type: 'end', step: 1, reason: 'stopped early', seconds: 1 },
    ];
    await write(events);
    const lines = await readMetrics(run);
    expect(lines.map(({ type }) => type)).toEqual(events.map(({ type }) => type));
    expect(lines[1]).toMatchObject({ losses: { total: Number.NaN } });
    expect(lines[4]).toEqual({ type: 'notice', message: 'a "quoted"\nline', time: 502 });
  });

  it('drop on resume what comes after the checkpoint, and time goes on', async () => {
    await write([
      start,
      step(1),
      step(2),
      { type: 'checkpoint', step: 2, kind: 'last' },
      { type: 'notice', message: 'kept' },
      step(3),
      { type: 'notice', message: 'dropped: it came after step 3' },
    ]);
    clock = 1_000_000;
    await write([{ ...start, step: 2, resumed: true }, step(3)]);
    const lines = await readMetrics(run);
    expect(lines.map((line) => (line.type === 'notice' ? line.message : line.step))).toEqual([
      0,
      1,
      2,
      2,
      'kept',
      2,
      3,
    ]);
    expect(lines.map(({ time }) => time)).toEqual([100, 201, 301, 402, 502, 602, 703]);
  });

  it('leave out a last line that was cut short, and write on after it', async () => {
    await write([start, step(1)]);
    appendFileSync(run.metrics, '{"type":"step","st');
    expect(await readMetrics(run)).toHaveLength(2);
    await write([{ ...start, step: 1, resumed: true }, step(2)]);
    expect(await readMetrics(run)).toHaveLength(4);
  });

  it('keep what is said before the start until it is known where that is', async () => {
    await write([start, step(1), step(2)]);
    await write([
      { type: 'notice', message: 'early' },
      { ...start, step: 1, resumed: true },
    ]);
    const lines = await readMetrics(run);
    expect(lines.map((line) => (line.type === 'notice' ? line.message : line.step))).toEqual([
      0,
      1,
      'early',
      1,
    ]);
  });

  it('keep the bytes of a line that somebody wrote in another way', async () => {
    const odd = '{ "time": 7, "type": "notice", "message": "\\u00e9 é", "mine": 1 }\n';
    writeFileSync(run.metrics, odd);
    await write([start]);
    expect(readFileSync(run.metrics, 'utf8').startsWith(`${odd}{"type":"start"`)).toBe(true);
  });

  it('are none where there is no file', async () => {
    rmSync(run.metrics);
    expect(await readMetrics(run)).toEqual([]);
  });

  it.each([
    ['not json', /metrics\.jsonl, line 2 is not an event: SyntaxError/],
    ['{"type":"step","step":-1,"time":0}', /line 2 is not an event: (.|\n)*at step/],
    ['{"type":"other","time":0}', /line 2 is not an event/],
  ])('name a line that is not an event: %s', async (line, message) => {
    await write([start]);
    writeFileSync(run.metrics, `${line}\n`, { flag: 'a' });
    await expect(readMetrics(run)).rejects.toThrow(DataError);
    await expect(readMetrics(run)).rejects.toThrow(message);
  });
});
