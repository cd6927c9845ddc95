import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The script of the API reference page: beside this file in a built gateway, where the build puts it, and in the
 * development dependency when the gateway runs from its source. Undefined when it is in neither place.
 */
export function apiReferenceFile(): string | undefined {
  const built = fileURLToPath(new URL('api-reference.js', import.meta.url));
  if (existsSync(built)) return built;
  try {
    const entry = fileURLToPath(import.meta.resolve('@scalar/api-reference'));
    const file = join(dirname(entry), 'browser', 'standalone.js');
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}
