declare module 'virtual:catalogue' {
  import type { PackedCatalogue } from '../catalogue/catalogue.ts';

  export const packedCatalogue: PackedCatalogue;
}
