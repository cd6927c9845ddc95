import { rmSync } from 'node:fs';

// Run in a package's folder before it is built: tsc leaves the output of deleted files behind.
rmSync('dist', { recursive: true, force: true });
