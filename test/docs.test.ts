/** What the documents say holds: links, paths, commands, the program of the README, dependencies, decisions. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands } from '../src/cli/commands/table.js';
import { findCommand, parseLine, takeGlobals } from '../src/cli/parse.js';
import { importsOf, root, sources } from './imports.js';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
interface Manifest {
  readonly scripts: Record<string, string>;
  readonly exports: Record<string, string | { types: string; default: string }>;
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}
const manifest = JSON.parse(read('package.json')) as Manifest;

/** GitHub's anchors of the headings in a document. */
const anchors = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/ /g, '-'),
  );
/** Fenced blocks in one of the languages. */
const blocks = (text: string, ...languages: string[]): string[] =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, language = '']) => languages.includes(language))
    .map(([, , body = '']) => body);

describe.each(documents)('%s', (path) => {
  const text = read(path);

  it('has links that lead somewhere', () => {
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const broken = targets.filter((target) => {
      if (/^https?:/.test(target)) return false;
      const [file = '', anchor] = target.split('#');
      const full = file === '' ? path : join(dirname(path), file);
      if (!existsSync(join(root, full))) return true;
      return anchor !== undefined && !anchors(read(full)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('names paths that exist', () => {
    const named = [
      ...text.matchAll(/`((?:src|test|bench|examples|scripts|docs|\.ci)\/[\w./-]*)`/g),
    ];
    const missing = named
      .map(([, name = '']) => name)
      .filter((name) => !existsSync(join(root, name)));
    expect(missing).toEqual([]);
  });

  it('names scripts of package.json', () => {
    const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in manifest.scripts))).toEqual([]);
  });

  it('has command lines that the program takes', async () => {
    const lines = blocks(text, 'sh').flatMap((block) => block.split('\n'));
    for (const line of lines) {
      const [, typed = ''] = /npx espalier (.*?)(?:;|#|$)/.exec(line) ?? [];
      if (typed === '') continue;
      const words = typed.trim().replaceAll('$seed', '1').split(/\s+/);
      const { entry, rest } = findCommand(commands, takeGlobals(words).rest);
      const command = await entry.load();
      expect(() => parseLine(command, rest), line).not.toThrow();
    }
  });

  it('names no folder of one machine', () => {
    expect(text).not.toMatch(/(?:^|[\s`(])\/(?:home|root|work|tmp|Users)\//m);
  });
});

describe('the README', () => {
  const [program = ''] = blocks(read('README.md'), 'js');

  it('shows a program of at most 12 lines', () => {
    const lines = program.split('\n').filter((line) => line.trim() !== '');
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.length).toBeLessThanOrEqual(12);
  });

  it('shows a program that runs as a user of the package would run it', () => {
    expect(existsSync(join(root, 'dist/index.js')), 'run "npm run build" first').toBe(true);
    const folder = mkdtempSync(join(tmpdir(), 'espalier-readme-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules', 'espalier'), 'dir');
    const shown = program.replace(
      /console\.log\((.*)\);\s*$/,
      'console.log(JSON.stringify([$1].map((values) => Array.from(values))));',
    );
    writeFileSync(join(folder, 'program.mjs'), shown);
    const output = execFileSync(process.execPath, ['program.mjs'], { cwd: folder });
    const [[loss = Number.NaN] = [], gradient] = JSON.parse(String(output)) as number[][];
    expect(statSync(join(folder, 'gradient.onnx')).size).toBeGreaterThan(100);
    rmSync(folder, { recursive: true });

    // mean(softplus(x w)) by hand, and its gradient mean(sigmoid(x w) x).
    const w = [0.5, -1, 2];
    const x = [
      [1, 2, 3],
      [-4, 5, -6],
    ];
    const products = x.map((row) => row.reduce((sum, value, i) => sum + value * (w[i] ?? 0), 0));
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / x.length;
    expect(loss).toBeCloseTo(mean(products.map((z) => Math.log1p(Math.exp(z)))), 5);
    const slopes = products.map((z) => 1 / (1 + Math.exp(-z)));
    w.forEach((_, i) => {
      expect(gradient?.[i]).toBeCloseTo(
        mean(x.map((row, n) => (slopes[n] ?? 0) * (row[i] ?? 0))),
        5,
      );
    });
  });
});

describe('the package', () => {
  it('exports files that the build makes of sources', () => {
    for (const [name, entry] of Object.entries(manifest.exports)) {
      if (typeof entry === 'string') continue;
      expect(entry.types, name).toBe(entry.default.replace(/\.js$/, '.d.ts'));
      const source = entry.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts');
      expect(existsSync(join(root, source)), source).toBe(true);
    }
  });

  it('has a reason for each dependency in CONTRIBUTING', () => {
    const section = read('CONTRIBUTING.md').split('## Dependencies')[1] ?? '';
    const explained = [...section.matchAll(/^\| `([^`]+)` \| \S/gm)].map(([, name = '']) => name);
    const { dependencies, peerDependencies, devDependencies } = manifest;
    const all = new Set(Object.keys({ ...dependencies, ...peerDependencies, ...devDependencies }));
    expect(explained.sort()).toEqual([...all].sort());
  });

  it('uses each dependency that its users install', () => {
    const used = sources('src').flatMap((file) =>
      importsOf(file).map(({ specifier }) => specifier),
    );
    const idle = Object.keys(manifest.dependencies).filter(
      (name) => !used.some((specifier) => specifier === name || specifier.startsWith(`${name}/`)),
    );
    expect(idle).toEqual([]);
  });
});

describe('decisions', () => {
  const names = readdirSync(join(root, 'docs/decisions')).filter((name) => /^\d/.test(name));

  it('are numbered without gaps, and listed', () => {
    const numbers = names.sort().map((name) => Number(name.slice(0, 3)));
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    const list = read('docs/decisions/README.md');
    for (const name of names) expect(list).toContain(`(${name})`);
  });

  it.each(names)('%s says why, what and what follows', (name) => {
    const text = read(`docs/decisions/${name}`);
    expect(text.startsWith(`# ${name.slice(0, 3)} `)).toBe(true);
    const parts = [...text.matchAll(/^\*\*(\w+)\.\*\*/gm)].map(([, part]) => part);
    expect(parts).toEqual(['Context', 'Decision', 'Consequences']);
  });
});
