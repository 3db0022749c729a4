/** Imports go from later layers to earlier ones, and what is for the browser needs nothing of Node. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, root, sources } from './imports.js';

/** The folders of `src` from the first layer to the last; `errors` is a file. See docs/architecture.md. */
const layers = [
  'errors',
  'tensor',
  'graph',
  'onnx',
  'ops',
  'runtime',
  'autodiff',
  'nn',
  'dense',
  'train',
  'metrics',
  'methods',
  'data',
  'runs',
  'report',
  'cli',
] as const;
/** The public faces: files that only export again. Nothing imports them. */
const faces = ['src/index.ts', 'src/extend.ts', 'src/node.ts'];
/** Layers that run in a browser, but for files that say so in their name. */
const portable = layers.slice(1, layers.indexOf('methods') + 1);
const nodeOnly = ['node', 'node-threads', 'profile'].map((name) => `src/runtime/${name}.ts`);
/** Packages that the portable layers may load: they run in a browser themselves. */
const portablePackages = ['@bufbuild/protobuf', 'zod', 'onnxruntime-web'];

const all = sources('src');
const layerOf = (file: string): string => /^src\/([\w-]+)/.exec(file)?.[1] ?? '';
const rank = (file: string): number => layers.indexOf(layerOf(file) as (typeof layers)[number]);
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** What is loaded with a file, at once or, with `later`, ever: files, and packages by who imports them. */
function loadedWith(face: string, { later }: { readonly later: boolean }) {
  const files = new Set([face]);
  const packages: { readonly name: string; readonly by: string }[] = [];
  for (const by of files)
    for (const { target, specifier, typeOnly, lazy } of importsOf(by)) {
      if (typeOnly || (lazy && !later)) continue;
      if (target !== null) files.add(target);
      else packages.push({ name: packageOf(specifier), by });
    }
  return { files: [...files], packages };
}

describe('layers', () => {
  it('are the folders of src', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true });
    const names = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect([...names, 'errors'].sort()).toEqual([...layers].sort());
  });

  it('import only from themselves and from earlier ones', () => {
    const wrong = all
      .filter((file) => !faces.includes(file))
      .flatMap((file) =>
        importsOf(file).flatMap(({ target, specifier }) =>
          target !== null && (faces.includes(target) || rank(target) > rank(file))
            ? [`${file} imports ${specifier}`]
            : [],
        ),
      );
    expect(wrong).toEqual([]);
  });

  it('import files that exist', () => {
    const wrong = all.flatMap((file) =>
      importsOf(file).flatMap(({ target }) =>
        target !== null && !existsSync(join(root, target)) ? [`${file} imports ${target}`] : [],
      ),
    );
    expect(wrong).toEqual([]);
  });

  it('import no package that package.json does not name', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
      peerDependencies: Record<string, string>;
    };
    const known = [
      ...Object.keys(manifest.dependencies),
      ...Object.keys(manifest.peerDependencies),
    ];
    const wrong = all.flatMap((file) =>
      importsOf(file)
        .filter(({ target, specifier, typeOnly }) => {
          const foreign = target === null && !specifier.startsWith('node:') && !typeOnly;
          return foreign && !known.includes(packageOf(specifier));
        })
        .map(({ specifier }) => `${file} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the browser', () => {
  it('finds nothing of Node in the portable layers', () => {
    const wrong = all
      .filter((file) => (portable as readonly string[]).includes(layerOf(file)))
      .filter((file) => !nodeOnly.includes(file))
      .flatMap((file) =>
        importsOf(file)
          .filter(({ specifier }) => specifier.startsWith('node:'))
          .map(({ specifier }) => `${file} imports ${specifier}`),
      );
    expect(wrong).toEqual([]);
  });

  it.each(['src/index.ts', 'src/extend.ts', 'src/runtime/web.ts'])('can load all of %s', (face) => {
    const { files, packages } = loadedWith(face, { later: true });
    expect(packages.filter(({ name }) => !portablePackages.includes(name))).toEqual([]);
    expect(files.length).toBeGreaterThan(5);
  });
});

describe('the program', () => {
  it('loads no command and no package before it knows what is asked for', () => {
    const { files, packages } = loadedWith('src/cli/main.ts', { later: false });
    expect(packages.filter(({ name }) => !name.startsWith('node:'))).toEqual([]);
    const commands = files.filter((file) => file.startsWith('src/cli/commands/'));
    expect(commands).toEqual(['src/cli/commands/table.ts']);
  });

  it('loads what reads few files, decodes or runs where it is needed', () => {
    const rare = ['hyparquet', 'hyparquet-compressors', 'onnxruntime-node', 'sharp', 'tar-stream'];
    const wrong = sources('src/cli/commands').flatMap((command) =>
      loadedWith(command, { later: false }).packages.filter(({ name }) => rare.includes(name)),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the public face', () => {
  it.each(faces)('%s only exports again, by name, in the order of the files', (face) => {
    const text = readFileSync(join(root, face), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    const statements = text.split(';').filter((statement) => statement.trim() !== '');
    for (const statement of statements)
      expect(statement.trim()).toMatch(/^export (type )?\{[^}]*\} from '\.\/[\w/-]+\.js'$/);
    const files = importsOf(face).map(({ specifier }) => specifier.replace(/\.js$/, ''));
    expect(files).toEqual([...files].sort());
  });
});
