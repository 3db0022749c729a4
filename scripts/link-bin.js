/**
 * Makes `npx espalier` work in a clone: the built program becomes executable, and is linked where npm puts the
 * programs of installed packages (it does so for dependencies only, not for the package itself).
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = join(root, 'dist', 'program', 'main.js');
const programs = join(root, 'node_modules', '.bin');

chmodSync(program, 0o755);
// Windows needs no such link: npm makes its own there, and links ask for rights.
if (process.platform !== 'win32') {
  mkdirSync(programs, { recursive: true });
  rmSync(join(programs, 'espalier'), { force: true });
  symlinkSync(relative(programs, program), join(programs, 'espalier'));
}
