import { dirname, join, relative } from 'node:path/posix';
import ts from 'typescript';

// House rules that a linter cannot say. Each message names the place and the way out of it.

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Rule {
  readonly name: string;
  readonly check: (file: SourceFile) => readonly string[];
}

const fileLinesMax = 500;
const vagueNames = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'manager', 'managers']);
const countedFiles = /\.(ts|tsx|css|html|sql|sh)$/;
const machinePath = /(?<![\w.*)}\]-])\/(?:work|tmp|root|home|Users)\/[\w.]/;

/**
 * Folders of a package that a file in the given folder may not import from. Core and ports may name
 * each other's types, because ports hold nothing else.
 */
const forbiddenFolders: Readonly<Record<string, readonly string[]>> = {
  core: ['adapters', 'shell', 'http', 'testing'],
  ports: ['adapters', 'shell', 'http', 'testing'],
  adapters: ['shell', 'testing'],
  shell: ['adapters', 'testing'],
};

export const rules: readonly Rule[] = [
  { name: 'core is synchronous', check: asyncInCore },
  { name: 'ports hold types only', check: valueInPorts },
  { name: 'imports flow one way', check: importsAgainstTheFlow },
  { name: 'files stay short', check: longFile },
  { name: 'names say what is inside', check: vagueName },
  { name: 'nothing depends on one machine', check: machinePaths },
];

function asyncInCore({ path, text }: SourceFile): string[] {
  if (!isSource(path) || isTest(path) || !/^packages\/[^/]+\/src\/(.*\/)?core\//.test(path)) return [];
  const source = parse(path, text);
  const problems: string[] = [];
  const visit = (node: ts.Node): void => {
    const found = node.kind === ts.SyntaxKind.AsyncKeyword || node.kind === ts.SyntaxKind.AwaitKeyword;
    if (found || ts.isAwaitExpression(node)) {
      problems.push(
        `${at(source, node)}: core is synchronous: return an effect, and take its outcome as an event`,
      );
      return;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return problems;
}

function valueInPorts({ path, text }: SourceFile): string[] {
  if (!isSource(path) || isTest(path) || !/^packages\/[^/]+\/src\/ports\//.test(path)) return [];
  const source = parse(path, text);
  return source.statements
    .filter((node) => !isTypeOnly(node))
    .map((node) => `${at(source, node)}: a port is types only: move this to core/, or into the adapter`);
}

function isTypeOnly(node: ts.Statement): boolean {
  if (ts.isImportDeclaration(node)) return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  return ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
}

function importsAgainstTheFlow({ path, text }: SourceFile): string[] {
  const [, home, folder] = /^(packages\/[^/]+)\/src\/(?:([^/]+)\/)?/.exec(path) ?? [];
  if (home === undefined || !isSource(path) || isTest(path)) return [];
  const source = parse(path, text);
  const problems: string[] = [];
  for (const { specifier, node } of relativeImports(source)) {
    const target = join(dirname(path), specifier);
    if (!target.startsWith(`${home}/`)) {
      problems.push(
        `${at(source, node)}: "${specifier}" leaves the package: import the other one by its name`,
      );
      continue;
    }
    const [targetFolder = ''] = relative(`${home}/src`, target).split('/');
    if (forbiddenFolders[folder ?? '']?.includes(targetFolder)) {
      problems.push(
        `${at(source, node)}: ${folder}/ may not import ${targetFolder}/: imports flow core <- ports <- adapters ` +
          'and core, ports <- shell; let client.ts or main.ts join the two',
      );
    }
  }
  return problems;
}

function longFile({ path, text }: SourceFile): string[] {
  const lines = text.split('\n').length - 1;
  if (!countedFiles.test(path) || lines <= fileLinesMax) return [];
  return [`${path}: ${lines} lines, at most ${fileLinesMax}: move one concern into a file named after it`];
}

function vagueName({ path }: SourceFile): string[] {
  const vague = path
    .toLowerCase()
    .split(/[/.\-_]/)
    .find((word) => vagueNames.has(word));
  if (vague === undefined) return [];
  return [`${path}: "${vague}" says nothing: name the file after the one thing it does`];
}

function machinePaths({ path, text }: SourceFile): string[] {
  if (path.startsWith('scripts/tidy/')) return [];
  return text
    .split('\n')
    .flatMap((line, index) =>
      machinePath.test(line)
        ? [
            `${path}:${index + 1}: a path of one machine: use os.tmpdir() or a path relative to the repository`,
          ]
        : [],
    );
}

function* relativeImports(source: ts.SourceFile): Generator<{ specifier: string; node: ts.Node }> {
  for (const node of source.statements) {
    if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) continue;
    const { moduleSpecifier } = node;
    if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) continue;
    if (moduleSpecifier.text.startsWith('.')) yield { specifier: moduleSpecifier.text, node };
  }
}

function at(source: ts.SourceFile, node: ts.Node): string {
  return `${source.fileName}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`;
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, false);
}

function isSource(path: string): boolean {
  return /\.tsx?$/.test(path);
}

function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path);
}
