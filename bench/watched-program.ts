/** The program that stays and fits anew when strokes are drawn, as a painter has it. */
import { spawn } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { internal } from '../src/errors.js';

export interface WatchedProgram {
  /** Milliseconds from strokes that are written to the pictures of what was made of them. */
  draw(strokes: string): Promise<number>;
  stop(): void;
}

const notice = z.object({ type: z.literal('notice'), message: z.string() });

/**
 * Starts it, and waits for its first fit.
 * @param words program and command line, with `--watch` and `--json`
 * @param watched the file of its strokes
 */
export async function watchedProgram(
  words: readonly string[],
  cwd: string,
  watched: string,
): Promise<WatchedProgram> {
  const program = spawn(process.execPath, words, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  const lines = createInterface({ input: program.stderr })[Symbol.asyncIterator]();
  const fitted = async (): Promise<void> => {
    for (let line = await lines.next(); !line.done; line = await lines.next()) {
      const said = notice.safeParse(JSON.parse(line.value)).data?.message ?? '';
      if (said.startsWith('fitted in ')) return;
    }
    return internal('the program has ended while it should have watched');
  };
  await fitted();
  return {
    async draw(strokes) {
      const began = performance.now();
      await copyFile(join(cwd, strokes), join(cwd, watched));
      await fitted();
      return performance.now() - began;
    },
    stop: () => void program.kill('SIGINT'),
  };
}
