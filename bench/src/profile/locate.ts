import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Locate } from './cpu-profile.ts';

/** For a page that runs `page.js` of a folder: the source file behind each function. */
export function locateInBundle(pageFolder: string): Locate {
  const payload = JSON.parse(readFileSync(join(pageFolder, 'page.js.map'), 'utf8')) as SourceMapPayload;
  const map = new SourceMap(payload);
  return ({ url, lineNumber, columnNumber }) => {
    if (!url.endsWith('/page.js')) return url;
    const entry = map.findEntry(lineNumber, columnNumber);
    return 'originalSource' in entry ? shorten(entry.originalSource) : 'page.js';
  };
}

/** For Node, which runs the sources themselves. */
export const locateInNode: Locate = ({ url }) => shorten(url.startsWith('file:') ? fileURLToPath(url) : url);

/** From the repository's folder on, wherever that is. */
function shorten(path: string): string {
  return /(?:^|\/)((?:packages|bench|node_modules|test)\/.*)$/.exec(path)?.[1] ?? path;
}
