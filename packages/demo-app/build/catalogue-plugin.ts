import type { Plugin } from 'vite';
import { prepareCatalogue } from './prepare-catalogue.ts';
import { readSuperstore } from './superstore.ts';

const name = 'virtual:catalogue';

/** Serves the prepared catalogue as the module `virtual:catalogue`: one string that the browser parses as JSON, its fastest form. */
export function cataloguePlugin(): Plugin {
  return {
    name: 'satchel-catalogue',
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load: (id) => {
      if (id !== `\0${name}`) return undefined;
      const json = JSON.stringify(prepareCatalogue(readSuperstore()));
      return `export const packedCatalogue = JSON.parse(${JSON.stringify(json)});`;
    },
  };
}
