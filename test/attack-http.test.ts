/** Audits of an endpoint that misbehaves, and audits that are killed: the endpoint's own log against the ledger. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePng } from '../src/report/png.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { type Bundled, bundled } from './bundled.js';
import { type Folder, makeFolder, run } from './cli.js';
import { type Endpoint, type EndpointOptions, endpoint, type Fate, side } from './endpoint.js';

const wanted = 8;

let main: Bundled;
let folder: Folder;
const open: Endpoint[] = [];
beforeAll(async () => {
  main = await bundled('src/cli/main.ts');
  folder = makeFolder();
  for (const [name, value] of [
    ['dark', 70],
    ['bright', 185],
  ] as const)
    for (const i of [1, 2, 3, 4]) {
      const pixels = Uint8Array.from({ length: side * side }, (_, at) => value + ((at * i) % 9));
      for (const split of ['train', 'test'])
        folder.write(`photos/${split}/${name}/${i}.png`, encodePng(pixels, side, side, 1));
    }
});
afterAll(() => {
  for (const one of open) one.close();
  main.remove();
  folder.remove();
});

async function serve(options: EndpointOptions = {}): Promise<Endpoint> {
  const one = await endpoint(options);
  open.push(one);
  return one;
}

/** Words of an audit; waits are short, since the endpoint is on this machine. */
const words = ({ address }: Endpoint, output: string, ...more: string[]): string[] => [
  ...['attack', address, '--data', 'photos', '--images', String(wanted), '--folder', output],
  ...['--back-off', '0.01', '--concurrency', '3', ...more],
];
const attack = (at: Endpoint, output: string, ...more: string[]) =>
  run(words(at, output, ...more), { cwd: folder.path, env: { TOKEN: 'Bearer secret' } });

interface Line {
  readonly type: string;
  readonly [key: string]: unknown;
}
const linesOf = (output: string, name: string): Line[] => {
  const path = join(folder.path, output, name);
  if (!existsSync(path)) return [];
  // A line that a kill cut short has no end.
  const whole = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return whole.map((line): Line => JSON.parse(line));
};

interface Entry extends Line {
  readonly index: number;
  readonly queries: { readonly total: number };
}
/** The images of a ledger in their order, without what differs by address and clock. */
const imagesOf = (output: string): Entry[] =>
  linesOf(output, 'ledger.jsonl')
    .filter(({ type }) => type === 'image')
    .map((line) => ({ ...(line as Entry), seconds: null }))
    .sort((a, b) => a.index - b.index);
const totalOf = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { queries }) => sum + queries.total, 0);
const unansweredOf = (output: string) =>
  linesOf(output, 'ledger.jsonl').find(({ type }) => type === 'end')?.['unanswered'];

/** Images of all questions, each counted once however often it was tried. */
const questionsOf = ({ log }: Pick<Endpoint, 'log'>): number =>
  [...new Map(log.map(({ key, images }) => [key, images.length])).values()].reduce(
    (sum, count) => sum + count,
    0,
  );

let quiet: { readonly entries: Entry[]; readonly total: number };
beforeAll(async () => {
  const at = await serve();
  const { code, err } = await attack(at, 'quiet');
  expect(code, err).toBe(0);
  const entries = imagesOf('quiet');
  quiet = { entries, total: totalOf(entries) };
  expect(entries).toHaveLength(wanted);
  // With nothing in the way the log is the ledger: as many images, and none twice but to be judged.
  expect(at.log.reduce((sum, { images }) => sum + images.length, 0)).toBe(quiet.total);
  expect(questionsOf(at)).toBe(quiet.total);
  expect(unansweredOf('quiet')).toBe(0);
});

describe('an endpoint that misbehaves', () => {
  it('is asked again until it answers: the ledger is that of a good one, and each question counts once', async () => {
    const kinds: readonly Fate[] = ['silence', 'fail', 'drop', 'lost', 'garbage'];
    const draws = new Float32Array(2000);
    fillUniform(draws, streamKey(6, 0, 'fates'));
    const at = await serve({
      fate(number) {
        if (number === 20) return 'busy';
        if (number < kinds.length) return kinds[number] ?? 'answer';
        const draw = draws[number % draws.length] ?? 1;
        return draw < 0.15 ? (kinds[1 + Math.floor((draw / 0.15) * 4)] ?? 'answer') : 'answer';
      },
    });
    const { code, err } = await attack(at, 'bad', '--timeout', '1.5', '--retries', '12');
    expect(code, err).toBe(0);
    expect(imagesOf('bad')).toEqual(quiet.entries);
    const fates = at.log.map(({ fate }) => fate);
    for (const fate of [...kinds, 'busy']) expect(fates).toContain(fate);
    // What failed is no answer: the questions that came through are as many as the ledger says. By key, since on a busy
    // machine an answer may be too late for the client, who then asks once more.
    const answered = at.log.filter(({ fate }) => fate === 'answer');
    expect(questionsOf({ log: answered })).toBe(quiet.total);
    expect(questionsOf(at)).toBe(quiet.total);
    expect(unansweredOf('bad')).toBe(0);
    // Retry-After: no request began in that second but those that had left.
    const busy = at.log[20]?.milliseconds ?? 0;
    const between = at.log.filter(
      ({ milliseconds: when }) => when > busy + 300 && when < busy + 950,
    );
    expect(between).toEqual([]);
  });

  it('that goes down ends the audit with a sentence, and --resume asks nothing again', async () => {
    const state = { up: true };
    const at = await serve({
      fate: (number) => (state.up && number < 30 ? 'answer' : state.up ? 'fail' : 'answer'),
    });
    const down = await attack(at, 'down', '--retries', '1');
    expect(down.code).toBe(4);
    expect(down.err).toMatch(/answers 500 \("out of memory"\), 2 times/);
    expect(down.err).toMatch(/The same command with --resume goes on, and asks nothing twice/);
    const known = new Set(journalled('down'));
    const before = at.log.length;
    state.up = false;
    const { code, err } = await attack(at, 'down', '--resume');
    expect(code, err).toBe(0);
    expect(imagesOf('down')).toEqual(quiet.entries);
    expect(known.size).toBeGreaterThan(20);
    expect(askedAgain(at, before, known)).toEqual([]);
    expect(questionsOf(at)).toBe(quiet.total);
  });

  it('that gives labels alone is refused by what needs scores', async () => {
    const { code, err } = await attack(await serve({ scores: 'label' }), 'labels');
    expect(code).toBe(2);
    expect(err).toContain('answers labels alone');
  });

  it('gets its credentials from the environment, which are written nowhere', async () => {
    const at = await serve({ credentials: 'Bearer secret' });
    const refused = await attack(at, 'refused');
    expect(refused.code).toBe(4);
    expect(refused.err).toContain('--auth-variable');
    const { code, out, err } = await attack(at, 'let-in', '--auth-variable', 'TOKEN');
    expect(code, err).toBe(0);
    expect(out + err).not.toContain('secret');
    for (const name of readdirSync(join(folder.path, 'let-in')))
      if (/\./.test(name))
        expect(readFileSync(join(folder.path, 'let-in', name), 'latin1')).not.toContain('secret');
  });
});

/** What an audit has answers for: keys of images, those of judgements with a word before them. */
const journalled = (output: string): string[] =>
  linesOf(output, 'journal.jsonl').flatMap(({ type, key }) =>
    type === 'answer' && typeof key === 'string' ? [key] : [],
  );

/**
 * What was asked from a request on although it was answered before, named as the journal does. An image is a query under the
 * key that it first came with and a judgement under another; were there a third, `questionsOf` would be too many.
 */
function askedAgain({ log }: Endpoint, from: number, answered: ReadonlySet<string>): string[] {
  const queries = new Map<string, string>();
  const named = log.map(({ key, images }) =>
    images.map((image) => {
      const query = queries.get(image) ?? key;
      queries.set(image, query);
      return query === key ? image : `judged:${image}`;
    }),
  );
  return named.slice(from).flatMap((names) => names.filter((name) => answered.has(name)));
}

/** Whether a request from one on asks about an image that was asked before, by itself. */
function isJudgement({ log }: Endpoint, from: number, number: number): boolean {
  const [image = '', ...others] = log[number]?.images ?? [];
  const before = log.slice(from, number);
  return others.length === 0 && before.some(({ images }) => images.includes(image));
}

describe('an audit that is killed', () => {
  it('goes on, and asks again only what was under way', { timeout: 120_000 }, async () => {
    const kills = 3;
    const draws = new Float32Array(2 * kills);
    fillUniform(draws, streamKey(11, 0, 'kills'));
    // A kill falls on the request with a number, or on the first that judges.
    const state = {
      child: null as ChildProcess | null,
      from: 0,
      at: null as number | null,
      delay: 0,
    };
    const at = await serve({
      onRequest(number) {
        const { child, from } = state;
        const isDue = number === state.at || (state.at === null && isJudgement(at, from, number));
        if (isDue) setTimeout(() => child?.kill('SIGKILL'), state.delay);
      },
    });
    const sitting = async () => {
      const args = [main.path, ...words(at, 'killed', '--resume')];
      const child = spawn(process.execPath, args, { cwd: folder.path });
      state.child = child;
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk;
      });
      const end = await new Promise<number | NodeJS.Signals | null>((resolve) =>
        child.on('close', (code, signal) => resolve(signal ?? code)),
      );
      return { end, said };
    };
    let again = 0;
    const known = new Set<string>();
    for (let kill = 0; kill < kills; kill++) {
      const before = at.log.length;
      state.from = before;
      state.at = kill === 0 ? null : before + 5 + Math.floor(40 * (draws[2 * kill] ?? 0));
      state.delay = kill === 0 ? 0 : 6 * (draws[2 * kill + 1] ?? 0);
      const { end, said } = await sitting();
      expect(end, said).toBe('SIGKILL');
      expect(askedAgain(at, before, known)).toEqual([]);
      again += at.log.length - before;
      for (const key of journalled('killed')) known.add(key);
    }
    const before = at.log.length;
    const { code, err } = await attack(at, 'killed', '--resume');
    expect(code, err).toBe(0);
    expect(again).toBeGreaterThan(kills);
    expect(askedAgain(at, before, known)).toEqual([]);
    expect(imagesOf('killed')).toEqual(quiet.entries);
    // Once under each key, but what was under way at a kill: at most three requests of four images each time.
    expect(questionsOf(at)).toBe(quiet.total);
    const sent = at.log.reduce((sum, { images }) => sum + images.length, 0);
    expect(sent - quiet.total).toBeLessThanOrEqual(kills * 3 * 4);
    // And so many does the ledger own up to, with those that had not left yet.
    expect(unansweredOf('killed')).toBeGreaterThanOrEqual(sent - quiet.total);
  });
});
