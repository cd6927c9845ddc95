// Writes the corpus, and the parts of docs/protocol/v1.md that come from the code. Run it after a change of the
// protocol, from packages/protocol: npm run corpus
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFiles } from './corpus.ts';
import { documentPath, withGeneratedParts } from './document.ts';

const folder = join(import.meta.dirname, '../corpus/v1');
for (const part of ['valid', 'invalid']) {
  mkdirSync(join(folder, part), { recursive: true });
  for (const name of readdirSync(join(folder, part))) rmSync(join(folder, part, name));
}
for (const [path, text] of corpusFiles()) writeFileSync(join(folder, path), text);
writeFileSync(documentPath, withGeneratedParts(readFileSync(documentPath, 'utf8')));
