import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** The tablet's page with the SDK, built from source as one script. */
export async function bundleTabletPage(): Promise<string> {
  const output = await build({
    configFile: false,
    logLevel: 'warn',
    root: import.meta.dirname,
    resolve: {
      conditions: ['@fieldpost/source', 'browser', 'import', 'module', 'default'],
    },
    build: {
      write: false,
      minify: false,
      target: 'es2023',
      lib: {
        entry: fileURLToPath(new URL('tablet-page.ts', import.meta.url)),
        formats: ['es'],
        fileName: 'page',
      },
    },
  });
  const [bundle] = Array.isArray(output) ? output : [output];
  const chunk = bundle !== undefined && 'output' in bundle ? bundle.output[0] : undefined;
  if (chunk === undefined) throw new Error('the bundler gave no script');
  return chunk.code;
}
