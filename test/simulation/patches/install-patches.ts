import { registerHooks } from 'node:module';
import type { ModulePatch } from './module-patch.ts';

const ROOT = new URL('../../../', import.meta.url);

/** From now on, modules are loaded in this thread as the patches say. Those loaded before stay as they are. */
export function installPatches(patches: readonly ModulePatch[]): void {
  const byUrl = new Map<string, ModulePatch[]>();
  for (const patch of patches) {
    const { href } = new URL(patch.module, ROOT);
    byUrl.set(href, [...(byUrl.get(href) ?? []), patch]);
  }
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = byUrl.get(url);
      if (own === undefined) return loaded;
      const { source } = loaded;
      const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
      return { ...loaded, source: own.reduce(apply, text) };
    },
  });
}

/** @throws Error when the place is not there exactly once */
function apply(text: string, { module, find, replace }: ModulePatch): string {
  const places =
    typeof find === 'string' ? text.split(find).length - 1 : [...text.matchAll(all(find))].length;
  if (places !== 1)
    throw new Error(`a patch of ${module} finds its place ${places} times, not once: ${String(find)}`);
  return typeof find === 'string' ? text.replace(find, () => replace) : text.replace(find, replace);
}

function all(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, 'g');
}
