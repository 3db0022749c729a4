import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Folder, makeFolder, run } from '../../test/cli.js';
import { DataError, ThresholdError } from '../errors.js';
import { command } from './command.js';

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
});
afterAll(() => folder.remove());

const echo = command({
  name: 'echo',
  summary: 'Give back what was given',
  examples: ['espalier echo word'],
  arguments: [
    { name: 'first', description: 'a word', required: true },
    { name: 'rest', description: 'more words', required: false, variadic: true },
  ],
  options: z.object({
    batchSize: z.int().min(1).default(100).describe('images a step'),
    lambdas: z.array(z.number().min(0)).optional().describe('weights'),
    mode: z.enum(['full', 'none']).default('full').describe('which'),
    output: z.string().optional().meta({ placeholder: 'folder' }).describe('where'),
    polish: z.boolean().default(true).describe('leave it rough'),
    strict: z.boolean().default(false).describe('be strict'),
  }),
  run: async ({ options, arguments: words }) => ({
    json: { ...options, ...words },
    text: JSON.stringify({ ...options, ...words }),
  }),
});
const grow = command({
  name: 'grow tree',
  summary: 'Fail in a chosen way',
  examples: ['espalier grow tree'],
  arguments: [{ name: 'way', description: 'how', required: false }],
  options: z.object({}),
  async run({ arguments: { way } }, context) {
    if (way === 'data')
      throw new DataError('no data', { path: 'p', actual: 3n, cause: new Error('why') });
    if (way === 'bug') throw new TypeError('x is not a function');
    if (way === 'gate') return { json: 1, text: 'figures', error: new ThresholdError('too low') };
    if (way === 'note') context.note('by the way\x1b[2J');
    if (way === 'steps') context.progress({ type: 'checkpoint', step: 1, kind: 'last' });
    return { json: { share: Number.NaN }, text: 'grown', exitCode: way === 'one' ? 1 : 0 };
  },
});
const commands = [echo, grow];
const here = (line: string, more: Parameters<typeof run>[1] = {}) =>
  run(line, { cwd: folder.path, commands, ...more });
const options = async (line: string): Promise<unknown> => JSON.parse((await here(line)).out);

describe('options', () => {
  it('take their values from flags, in every form', async () => {
    expect(
      await options('echo a --batch-size 5 b --lambdas 1,2 --lambdas=3 --no-polish --strict c'),
    ).toEqual({
      batchSize: 5,
      lambdas: [1, 2, 3],
      mode: 'full',
      polish: false,
      strict: true,
      first: 'a',
      rest: ['b', 'c'],
    });
    expect(await options('echo --strict=false --batch-size=7 -- --strict')).toMatchObject({
      strict: false,
      batchSize: 7,
      first: '--strict',
    });
  });

  it('prefer the flag to the file, and the file to the default', async () => {
    folder.write('c.yaml', 'batchSize: 5\nmode: none\noutput:\n');
    expect(await options('echo a')).toMatchObject({ batchSize: 100, mode: 'full' });
    expect(await options('echo a --config c.yaml')).toMatchObject({ batchSize: 5, mode: 'none' });
    expect(await options('echo a --batch-size 6 --config c.yaml')).toMatchObject({
      batchSize: 6,
      mode: 'none',
    });
    folder.write('c.json', '{"lambdas": [1, 0.5], "polish": false}');
    expect(await options('echo a --config c.json')).toMatchObject({
      lambdas: [1, 0.5],
      polish: false,
    });
  });

  it.each([
    ['echo a --batch-sise 5', 'unknown option --batch-sise of "echo". Did you mean --batch-size?'],
    ['echo a -b', 'unknown option -b of "echo".'],
    ['echo a --batch-size', '--batch-size needs a value: a whole number from 1 on'],
    ['echo a --output --strict', '--output needs a value: a folder'],
    ['echo a --batch-size many', '--batch-size: must be a whole number from 1 on, got "many"'],
    ['echo a --batch-size 0', '--batch-size: must be a whole number from 1 on, got 0'],
    ['echo a --lambdas -1', '--lambdas: must be a list, each a number from 0 on, got [-1]'],
    ['echo a --mode ful', '--mode: must be one of full, none, got "ful". Did you mean "full"?'],
    ['echo a --strict=maybe', '--strict: must be true or false, got "maybe"'],
    ['echo', 'missing <first>: a word. For example: espalier echo word'],
    ['grow tree a b', '"grow tree" does not know what to do with "b".'],
    ['grow tree --config c.yaml', 'unknown option --config of "grow tree".'],
    ['ecoh', 'unknown command "ecoh". Did you mean "echo"?'],
    ['grwo tree', 'unknown command "grwo tree". Did you mean "grow tree"?'],
    ['grow treee', 'unknown command "grow treee". Did you mean "grow tree"?'],
    ['tree', 'unknown command "tree". Did you mean "grow tree"?'],
    ['grow', '"grow" needs to know what: grow tree'],
    ['--jsom', 'unknown option --jsom. Did you mean --json?'],
  ])('%s: %s', async (line, message) => {
    const { code, out, err } = await here(line);
    expect(err).toContain(`error: ${message}`);
    expect(out).toBe('');
    expect(code).toBe(2);
  });

  it.each([
    ['batchSise: 5', 'unknown key "batchSise" in bad.yaml. Did you mean "batchSize"? The keys are'],
    ['batchSize: many', 'batchSize in bad.yaml: must be a whole number from 1 on, got "many"'],
    ['- 1', 'bad.yaml must hold options as keys and values'],
    ['a: [1', 'bad.yaml is not YAML or JSON: '],
  ])('in a file that says %j are refused', async (text, message) => {
    folder.write('bad.yaml', text);
    const { code, err } = await here('echo a --config bad.yaml');
    expect(err).toContain(message);
    expect(code).toBe(2);
  });

  it('in a file that is not there are refused', async () => {
    const { code, err } = await here('echo a --config none.yaml');
    expect(err).toContain('--config: cannot read none.yaml: no such file or folder');
    expect(code).toBe(2);
  });
});

describe('output', () => {
  it('is text or JSON on standard output, and nothing else there', async () => {
    expect(await here('grow tree')).toEqual({ code: 0, out: 'grown\n', err: '' });
    const json = await here('--json grow tree');
    expect(json).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(json.out)).toEqual({ share: null });
    expect((await here('grow tree one')).code).toBe(1);
  });

  it('puts notes on standard error, as lines or JSON, unless quiet', async () => {
    expect((await here('grow tree note')).err).toBe('by the way [2J\n');
    expect(JSON.parse((await here('grow tree note --json')).err)).toEqual({
      type: 'notice',
      message: 'by the way\x1b[2J',
    });
    expect((await here('grow tree note --quiet')).err).toBe('');
    expect((await here('grow tree note --quiet --json')).err).toBe('');
    expect(JSON.parse((await here('grow tree steps --json')).err)).toMatchObject({ step: 1 });
  });

  it('prints figures before it tells that they miss a threshold', async () => {
    expect(await here('grow tree gate')).toEqual({
      code: 5,
      out: 'figures\n',
      err: 'error: too low\n',
    });
  });

  it('is complete and yet interrupted after a signal', async () => {
    const { code, out } = await here('grow tree', { signal: AbortSignal.abort() });
    expect({ code, out }).toEqual({ code: 130, out: 'grown\n' });
  });
});

describe('errors', () => {
  it('are one message, with the stack only where asked for', async () => {
    expect(await here('grow tree data')).toEqual({ code: 3, out: '', err: 'error: no data\n' });
    const { err } = await here('grow tree data --verbose');
    expect(err).toMatch(/^error: no data\nDataError: no data\n\s+at /);
    expect(err).toContain('caused by\nError: why');
  });

  it('are JSON on standard error with --json', async () => {
    const { code, out, err } = await here('grow tree data --json');
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(JSON.parse(err)).toEqual({
      error: { name: 'DataError', message: 'no data', exitCode: 3, path: 'p', actual: 3 },
    });
  });

  it('of ours ask for a report', async () => {
    const { code, err } = await here('grow tree bug');
    expect(err).toMatch(/^error: unexpected TypeError: x is not a function. Please report this/);
    expect(code).toBe(1);
  });

  it('are red on a terminal, unless colour is refused', async () => {
    const red = '\x1b[31m';
    const tty = { isTTY: true };
    expect((await here('grow tree data', tty)).err).toContain(red);
    expect((await here('grow tree data --no-color', tty)).err).not.toContain('\x1b[31');
    expect((await here('grow tree data', { ...tty, env: { NO_COLOR: '1' } })).err).not.toContain(
      red,
    );
    expect((await here('grow tree data', { ...tty, env: { TERM: 'dumb' } })).err).not.toContain(
      red,
    );
    expect((await here('grow tree data')).err).not.toContain(red);
  });
});

describe('help', () => {
  it('of a command leads with examples and lists defaults', async () => {
    const { code, out, err } = await here('echo -h');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatchInlineSnapshot(`
      "espalier echo: Give back what was given

      Examples
        espalier echo word

      Usage
        espalier echo <first> [rest...] [options]

      Arguments
        <first>    a word
        [rest...]  more words

      Options
        --batch-size <number>   images a step (default: 100)
        --lambdas <number,...>  weights
        --mode <full|none>      which (default: full)
        --output <folder>       where
        --no-polish             leave it rough
        --strict                be strict
        --config <file>         the same options from a YAML or JSON file, keys in
                                camelCase; flags win over it

      Options of every command
        --json      print the result as JSON; events and errors are JSON lines on
                    standard error
        --quiet     no progress and no notes, errors alone
        --verbose   show where an error comes from
        --no-color  no colours; the variable NO_COLOR does the same
        --help      show this (-h)
        --version   print the version
      "
    `);
  });

  it('of the program leads with examples and names every command', async () => {
    const { out } = await here('--help');
    expect(out.replace(/^espalier [\d.]+/, 'espalier x.y.z')).toMatchInlineSnapshot(`
      "espalier x.y.z: image models from few labels, as ordinary ONNX files

      Examples
        espalier echo word
        espalier grow tree

      Usage
        espalier <command> [options]

      Commands
        echo       Give back what was given
        grow tree  Fail in a chosen way

      Options of every command
        --json      print the result as JSON; events and errors are JSON lines on
                    standard error
        --quiet     no progress and no notes, errors alone
        --verbose   show where an error comes from
        --no-color  no colours; the variable NO_COLOR does the same
        --help      show this (-h)
        --version   print the version

      Exit codes
        0 done, 1 failure, 2 usage, 3 data, 4 model or operator, 5 threshold not met,
        130 interrupted

      espalier <command> --help shows what a command takes.
      "
    `);
  });

  it('is the same in every place and form', async () => {
    const { out } = await here('echo --help');
    for (const line of ['-h echo', 'echo a --batch-size 5 -h', 'help echo', 'echo --strict --help'])
      expect((await here(line)).out).toBe(out);
    const main = (await here('')).out;
    expect((await here('--help')).out).toBe(main);
    expect((await here('help')).out).toBe(main);
    expect(main).toContain('Commands\n  echo');
    const group = (await here('grow -h')).out;
    expect(group).toContain('grow tree');
    expect(group).not.toContain('echo');
  });

  it('has bold headings on a terminal', async () => {
    expect((await here('echo -h', { isTTY: true })).out).toContain('\x1b[1mExamples\x1b[22m');
    expect((await here('echo -h --no-color', { isTTY: true })).out).toContain('\nExamples\n');
  });

  it('gives the version', async () => {
    expect((await here('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(JSON.parse((await here('--version --json')).out)).toHaveProperty('version');
  });
});
