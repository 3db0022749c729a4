/** The commands about Espalier itself: ops, doctor, completion. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { run } from '../../../test/cli.js';
import { ops } from '../../ops/table.js';
import { loadAll } from '../command-entry.js';
import { commands } from './table.js';

describe('ops', () => {
  it('lists the whole table', async () => {
    const { out } = await run('ops --json');
    const { operators } = JSON.parse(out);
    expect(operators.map(({ name }: { name: string }) => name)).toEqual(Object.keys(ops).sort());
    for (const { gradient, reason, cases } of operators)
      expect(gradient === 'yes' ? cases > 0 && reason === '' : reason !== '').toBe(true);
  });

  it('finds by part of a name and by gradient', async () => {
    const { out } = await run('ops argm SIGN --gradient zero');
    expect(out).toMatch(/^ {2}Sign +zero /m);
    expect(out).not.toContain('Sigmoid');
    const none = JSON.parse((await run('ops argmax --json')).out).operators;
    expect(none).toHaveLength(1);
    expect(none[0]).toMatchObject({ name: 'ArgMax', cases: 0, secondOrder: 0 });
  });

  it('knows what was meant', async () => {
    const { code, err } = await run('ops Gmem');
    expect(err).toContain('Did you mean "Gemm"?');
    expect(code).toBe(2);
  });
});

describe('doctor', () => {
  it('finds all that is needed', async () => {
    const { code, out } = await run('doctor --json');
    const { ok, checks } = JSON.parse(out);
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    const found = Object.fromEntries(
      checks.map(({ name, detail }: { name: string; detail: string }) => [name, detail]),
    );
    expect(found['onnxruntime-node']).toMatch(/ran a graph in \d+ ms; providers cpu/);
    expect(found['Node.js']).toContain(process.version);
    expect(found['this folder']).toBe(`${tmpdir()} can be written`);
  });

  it('ends with 1 where something is missing, and says how to mend it', async () => {
    const { code, out } = await run('doctor', { cwd: '/nowhere/at/all' });
    expect(out).toContain('missing  this folder       /nowhere/at/all cannot be written');
    expect(out).toContain('to mend it: go to a folder where you may write');
    expect(code).toBe(1);
  });
});

describe('completion', () => {
  it('refuses an unknown shell', async () => {
    const { code, err } = await run('completion fisch');
    expect(err).toContain(
      '<shell>: must be one of bash, zsh, fish, got "fisch". Did you mean "fish"?',
    );
    expect(code).toBe(2);
  });

  it.each(['bash', 'zsh', 'fish'])('for %s names every command and option', async (shell) => {
    const { out } = await run(`completion ${shell}`);
    for (const { name, options } of await loadAll(commands)) {
      for (const word of name.split(' ')) expect(out).toContain(word);
      for (const { flag } of options) expect(out).toContain(flag.slice(2));
    }
  });

  it.skipIf(!existsSync('/bin/bash'))('works in bash', async () => {
    const { out } = await run('completion bash');
    const complete = (...words: string[]): string[] => {
      const script = `${out}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})\nCOMP_CWORD=${words.length - 1}\n_espalier\necho "\${COMPREPLY[@]}"`;
      const said = execFileSync('/bin/bash', ['-c', script], { encoding: 'utf8' });
      return said.trim().split(' ');
    };
    expect(complete('espalier', 'in')).toEqual(['inspect']);
    expect(complete('espalier', 'train', '')).toEqual([
      'ladder',
      'classifier',
      'confident',
      'fcn',
      'hypercolumn',
    ]);
    expect(complete('espalier', 'train', 'ladder', '--batch')).toEqual(['--batch-size']);
    expect(complete('espalier', 'train', 'ladder', '--mode', '')).toContain('supervised');
    expect(complete('espalier', 'inspect', 'm.onnx', '')).toEqual(['']);
  });
});
