/**
 * Lines of code by folder, blank lines and comments not counted. Fails where a folder or a file is above its
 * ceiling. A ceiling may be raised, in a commit that says why.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Lines of one file: a longer one does more than one thing. */
const perFile = 400;
/** But for the list of all that is public. */
const lists = ['src/index.ts'];
/** Lines of a whole folder: what there is, and a little room. Tests and generated files do not count. */
const ceilings: Readonly<Record<string, number>> = {
  bench: 4260,
  examples: 480,
  scripts: 120,
  src: 900,
  'src/autodiff': 600,
  // What is refused leaves a folder as it was: a run its settings, a report its place.
  'src/cli': 12130,
  'src/data': 7100,
  'src/dense': 2700,
  'src/graph': 900,
  // What methods share: the settings of an optimization.
  'src/methods': 80,
  'src/methods/attack': 2520,
  'src/methods/calibration': 220,
  'src/methods/classifier': 700,
  'src/methods/confident': 1100,
  'src/methods/fcn': 950,
  'src/methods/hypercolumn': 2200,
  'src/methods/ladder': 1600,
  // Besides classes: pixels, detections, what lies outside, calibration.
  'src/methods/ood': 1010,
  'src/metrics': 1250,
  // What a training makes of maps that are joined and pooled is a file of its own.
  'src/nn': 1400,
  'src/onnx': 1500,
  'src/ops': 7900,
  'src/report': 2400,
  'src/runs': 1780,
  // Maps that stay in blocks between convolutions are a pass over whole graphs, in files of under 300 lines; sums of their
  // products are one of them, and gradients of max-pools another; so are weight gradients from one block to several.
  // What strides leave apart is another: transposed convolutions by places, and the ways past them.
  'src/runtime': 2570,
  'src/tensor': 700,
  'src/train': 1190,
};

/** Lines on which something other than a comment stands. */
function codeLines(path: string): number {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);
  const lines = new Set<number>();
  const visit = (node: ts.Node): void => {
    const children = node.getChildren(file).filter((child) => !ts.isJSDoc(child));
    for (const child of children) visit(child);
    if (children.length > 0 || node.kind === ts.SyntaxKind.EndOfFileToken) return;
    const first = file.getLineAndCharacterOfPosition(node.getStart(file)).line;
    const last = file.getLineAndCharacterOfPosition(node.getEnd()).line;
    for (let line = first; line <= last && node.getWidth(file) > 0; line++) lines.add(line);
  };
  visit(file);
  return lines.size;
}

/** `src/ops` of everything in it, but each method by itself. */
function folderOf(name: string): string {
  const folders = name.split('/').slice(0, -1);
  if (folders[0] !== 'src') return folders[0] ?? '';
  return folders.slice(0, folders[1] === 'methods' ? 3 : 2).join('/');
}

const sizes = new Map<string, number>();
const problems: string[] = [];
for (const top of ['src', 'examples', 'bench', 'scripts'])
  for (const entry of readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })) {
    const name = `${top}/${entry.replaceAll('\\', '/')}`;
    if (
      !name.endsWith('.ts') ||
      name.endsWith('.test.ts') ||
      /\/(generated|node_modules)\//.test(name)
    )
      continue;
    const size = codeLines(join(root, name));
    sizes.set(folderOf(name), (sizes.get(folderOf(name)) ?? 0) + size);
    if (size > perFile && !lists.includes(name))
      problems.push(`${name} has ${size} lines of code, at most ${perFile} are allowed`);
  }

let total = 0;
for (const [folder, size] of [...sizes].sort()) {
  const ceiling = ceilings[folder] ?? 0;
  total += size;
  console.log(`${folder.padEnd(20)}${String(size).padStart(7)} of ${ceiling}`);
  if (size > ceiling)
    problems.push(`${folder} has ${size} lines of code, its ceiling is ${ceiling}`);
}
console.log(`${'together'.padEnd(20)}${String(total).padStart(7)}`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
