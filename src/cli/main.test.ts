/** The program as a process: signals and pipes, which cannot be tested from inside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bundled, bundled } from '../../test/bundled.js';
import { type Folder, makeFolder, run } from '../../test/cli.js';

let main: Bundled;
let folder: Folder;
beforeAll(async () => {
  main = await bundled('src/cli/main.ts');
  folder = makeFolder();
  for (let i = 0; i < 4; i++) {
    folder.write(`photos/labelled/bright/${i}.png`, 255 - i);
    folder.write(`photos/labelled/dark/${i}.png`, i);
    folder.write(`photos/unlabelled/${i}.png`, 60 * i);
  }
});
afterAll(() => {
  main.remove();
  folder.remove();
});

const training = (output: string, epochs: number): string[] => [
  ...['train', 'ladder', '--data', 'folder', '--folder', 'photos', '--output', output],
  ...['--height', '4', '--channels', '1', '--hidden', '8', '--lambdas', '1,1,1'],
  ...['--batch-size', '8', '--epochs', String(epochs), '--threads', '1', '--learning-rate', '0.02'],
];

/** The program in the folder, with what it writes and its end. */
function start(...words: string[]) {
  const child: ChildProcess = spawn(process.execPath, [main.path, ...words], {
    cwd: folder.path,
  });
  const said = { out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    said.out += chunk;
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    said.err += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, said, ended };
}

describe('the program', () => {
  it('saves and ends with 130 after SIGINT, and can go on', async () => {
    const { child, said, ended } = start(...training('run', 100_000), '--json');
    const timer = setInterval(() => {
      if (!said.err.includes('"type":"step"')) return;
      clearInterval(timer);
      child.kill('SIGINT');
    }, 20);
    const code = await ended;
    const lines = said.err.trim().split('\n');
    const events = lines.map((line): Record<string, unknown> => JSON.parse(line));
    expect(events).toContainEqual({ type: 'notice', message: expect.stringContaining('stopping') });
    expect(events.at(-1)).toMatchObject({
      error: { name: 'InterruptedError', message: expect.stringContaining('checkpoint is saved') },
    });
    expect({ code, out: said.out }).toEqual({ code: 130, out: '' });
    const resumed = await run([...training('run', 100_000), '--resume', '--json'], {
      cwd: folder.path,
      signal: AbortSignal.abort(),
    });
    expect(resumed.code).toBe(130);
    const [first] = resumed.err.split('\n').filter((line) => line.includes('"type":"start"'));
    expect(JSON.parse(first ?? '')).toMatchObject({ resumed: true });
  });

  it('takes a reader that leaves early for no failure', async () => {
    const { child, said, ended } = start('ops', '--json');
    child.stdout?.destroy();
    const code = await ended;
    expect({ code, err: said.err }).toEqual({ code: 0, err: '' });
  });

  it('tells its exit code', async () => {
    const { said, ended } = start('inspect', 'none.onnx');
    expect(await ended).toBe(4);
    expect(said.err).toContain('error: ');
  });
});

describe('a run', () => {
  it('goes from folders to predictions', async () => {
    const trained = await run([...training('short', 60), '--json', '--quiet'], {
      cwd: folder.path,
    });
    expect(trained.err).toBe('');
    expect(JSON.parse(trained.out)).toMatchObject({ labels: 8, testError: null });
    const judged = await run(
      'evaluate short/model.onnx --data folder --folder photos --split labelled --json --quiet',
      { cwd: folder.path },
    );
    expect(judged.err).toBe('');
    expect(JSON.parse(judged.out)).toMatchObject({ images: 8, accuracy: 1 });
    const said = await run('predict short/model.onnx photos/labelled --json', { cwd: folder.path });
    const { predictions } = JSON.parse(said.out);
    expect(predictions).toHaveLength(8);
  });
});
