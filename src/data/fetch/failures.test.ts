import { describe, expect, it } from 'vitest';
import { diskError, isDiskFailure, networkReason } from './failures.js';

const coded = (code: string, message = code) => Object.assign(new Error(message), { code });

describe('failures', () => {
  it('say that a disk is full, and what to do', () => {
    const error = diskError('x.part', coded('ENOSPC'));
    expect(error.message).toBe(
      'x.part cannot be written: the disk is full. Free some space, or set ESPALIER_CACHE to a folder on another disk.',
    );
    expect(error.exitCode).toBe(3);
    expect(diskError('x', coded('EACCES')).message).toMatch(
      /permission denied\. Set ESPALIER_CACHE/,
    );
  });

  it('tell the disk from the network', () => {
    expect([isDiskFailure(coded('ENOSPC')), isDiskFailure(coded('ECONNRESET'))]).toEqual([
      true,
      false,
    ]);
    const fetchFailed = Object.assign(new TypeError('fetch failed'), { cause: coded('ENOTFOUND') });
    expect(networkReason(fetchFailed)).toMatch(/no such host/);
    expect(networkReason(new TypeError('fetch failed', { cause: new Error('odd') }))).toBe('odd');
  });
});
