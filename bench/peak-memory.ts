/** The most memory that this process ever had resident. */
import { readFileSync } from 'node:fs';

/**
 * Megabytes. getrusage would also count what the process that started this one had, for Linux keeps its figure when a
 * program is started; so where the kernel tells of this program alone, that is read.
 */
export function peakMegabytes(): number {
  const own = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : '';
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(own)?.[1];
  return Number(kilobytes ?? process.resourceUsage().maxRSS) / 1024;
}
