import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, defaultClientConditions } from 'vite';

const repository = join(import.meta.dirname, '../../..');

/** What a page of a contestant consists of: `page.js`, perhaps `worker.js`, and an `index.html` that loads the first. */
export interface PageSource {
  /** The file that sets `globalThis.device`. */
  readonly page: string;
  /** A service worker. */
  readonly worker?: string;
}

/** Builds a page into a folder that a server can hand out as it is. Not minified, so that profiles have names in them. */
export async function bundlePage(source: PageSource, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'index.html'),
    '<!doctype html><title>bench</title><script src="/page.js"></script>\n',
  );
  await bundle(source.page, folder, 'page.js');
  if (source.worker !== undefined) await bundle(source.worker, folder, 'worker.js');
}

async function bundle(entry: string, folder: string, fileName: string): Promise<void> {
  await build({
    configFile: false,
    root: repository,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' },
    resolve: { conditions: ['@fieldpost/source', ...defaultClientConditions] },
    build: {
      outDir: folder,
      emptyOutDir: false,
      copyPublicDir: false,
      minify: false,
      sourcemap: true,
      target: 'es2023',
      lib: { entry, formats: ['iife'], name: 'bench', fileName: () => fileName },
    },
  });
}
