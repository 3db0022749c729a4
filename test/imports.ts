/** Who imports what, read from the sources by the compiler's own parser. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The repository's root. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

export interface Import {
  /** As written: `../tensor/shape.js`, `node:fs`, `zod`. */
  readonly specifier: string;
  /** Path from the root of the file that it means, or null where it is not one of ours. */
  readonly target: string | null;
  /** Whether it is gone once the types are. */
  readonly typeOnly: boolean;
  /** Whether it is an `import()`, loaded when it is come to. */
  readonly lazy: boolean;
}

/** Sources under `folder`, tests left out, as paths from the root with `/`. */
export function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name.split(sep).join('/')}`)
    .sort();
}

const read = new Map<string, readonly Import[]>();

/** Everything that `file` imports or exports again, `import()` included. */
export function importsOf(file: string): readonly Import[] {
  const known = read.get(file) ?? parse(file);
  read.set(file, known);
  return known;
}

function parse(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022);
  const found: Import[] = [];
  const add = (literal: ts.Node | undefined, typeOnly: boolean, lazy = false): void => {
    if (!literal || !ts.isStringLiteral(literal)) return;
    const specifier = literal.text;
    const target = specifier.startsWith('.')
      ? relative(root, resolve(root, dirname(file), specifier))
          .split(sep)
          .join('/')
          .replace(/\.js$/, '.ts')
      : null;
    found.push({ specifier, target, typeOnly, lazy });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, isTypeExport(node));
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false, true);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function isTypeImport({ importClause }: ts.ImportDeclaration): boolean {
  if (!importClause) return false;
  const { isTypeOnly, name, namedBindings } = importClause;
  if (isTypeOnly) return true;
  return (
    name === undefined &&
    namedBindings !== undefined &&
    ts.isNamedImports(namedBindings) &&
    namedBindings.elements.every((element) => element.isTypeOnly)
  );
}

function isTypeExport({ isTypeOnly, exportClause }: ts.ExportDeclaration): boolean {
  if (isTypeOnly) return true;
  return (
    exportClause !== undefined &&
    ts.isNamedExports(exportClause) &&
    exportClause.elements.every((element) => element.isTypeOnly)
  );
}
