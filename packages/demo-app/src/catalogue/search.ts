/** A text prepared for searching: lower case, without accents. */
export function searchable(text: string): string {
  return text
    .normalize('NFD')
    .replaceAll(/\p{Mark}/gu, '')
    .toLowerCase();
}

/** Finds records that have every word of the query somewhere; those with a word that starts with the first come first. */
export function search<Item>(
  items: readonly { readonly item: Item; readonly text: string }[],
  query: string,
): readonly Item[] {
  const words = searchable(query).split(/\s+/).filter(Boolean);
  const [first] = words;
  if (first === undefined) return items.map(({ item }) => item);
  const found = items.filter(({ text }) => words.every((word) => text.includes(word)));
  const startsWell = ({ text }: { readonly text: string }): boolean =>
    text.startsWith(first) || text.includes(` ${first}`);
  return [...found.filter(startsWell), ...found.filter((entry) => !startsWell(entry))].map(
    ({ item }) => item,
  );
}
