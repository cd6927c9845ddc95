import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Puts the page script of the API reference into the built gateway, which serves it itself. As a
// dependency it would bring two hundred megabytes of browser packages to everyone who installs a gateway.
const entry = fileURLToPath(import.meta.resolve('@scalar/api-reference'));
const target = join('dist', 'http', 'api-reference.js');

mkdirSync(dirname(target), { recursive: true });
copyFileSync(join(dirname(entry), 'browser', 'standalone.js'), target);
