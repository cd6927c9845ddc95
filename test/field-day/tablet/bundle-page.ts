import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** The tablet's page with the SDK, built from source: scripts by file name. The page begins with `page.js`. */
export async function bundleTabletPage(): Promise<ReadonlyMap<string, string>> {
  const output = await build({
    configFile: false,
    logLevel: 'warn',
    root: import.meta.dirname,
    resolve: { conditions: ['@fieldpost/source', 'browser', 'import', 'module', 'default'] },
    build: {
      write: false,
      minify: false,
      target: 'es2023',
      lib: {
        entry: fileURLToPath(new URL('tablet-page.ts', import.meta.url)),
        formats: ['es'],
        fileName: () => 'page.js',
      },
    },
  });
  const [bundle] = Array.isArray(output) ? output : [output];
  const files = bundle !== undefined && 'output' in bundle ? bundle.output : [];
  const scripts = new Map<string, string>();
  for (const file of files) if (file.type === 'chunk') scripts.set(file.fileName, file.code);
  if (!scripts.has('page.js'))
    throw new Error(`the bundler gave ${[...scripts.keys()].join(', ')}, and no page.js`);
  return scripts;
}
