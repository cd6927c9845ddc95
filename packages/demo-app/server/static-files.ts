import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

export interface StaticFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  /** Files under `assets/` carry their content's hash in their name: a copy of one never goes stale. */
  readonly isImmutable: boolean;
}

/** Reads a built site whole, by URL path: what is not in the map does not exist, whatever the path says. */
export function readStaticFiles(folder: string): ReadonlyMap<string, StaticFile> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.flatMap((entry) => {
      const file = join(entry.parentPath, entry.name);
      const type = types[extname(entry.name)];
      if (type === undefined) return [];
      const path = `/${relative(folder, file).split(sep).join('/')}`;
      return [
        [
          path,
          { bytes: Uint8Array.from(readFileSync(file)), type, isImmutable: path.startsWith('/assets/') },
        ] as const,
      ];
    }),
  );
}
