import { encodeDown, encodeMessage, encodeUp, packFrames } from '@fieldpost/protocol';
import { type InvalidCase, toCorpusBytes, toCorpusJson, type ValidCase } from './corpus-case.ts';
import { invalidFrameCases } from './invalid-frame-cases.ts';
import { invalidMessageCases } from './invalid-message-cases.ts';
import { validDownCases } from './valid-down-cases.ts';
import { validMessageCases } from './valid-message-cases.ts';
import { validUpCases } from './valid-up-cases.ts';

export const validCases: readonly ValidCase[] = [...validUpCases, ...validDownCases, ...validMessageCases];
export const invalidCases: readonly InvalidCase[] = [...invalidFrameCases, ...invalidMessageCases];

/** Every file of the corpus by its path below `v1/`, with its text. */
export function corpusFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const add = (path: string, content: unknown): void => {
    if (files.has(path)) throw new Error(`two cases are named ${path}`);
    files.set(path, `${JSON.stringify(content, undefined, 2)}\n`);
  };
  for (const one of validCases) {
    add(`valid/${one.name}.json`, {
      kind: one.kind,
      about: one.about,
      bytes: toCorpusBytes(one.bytes ?? encoded(one)),
      // Whether these bytes are the shortest forms, with the keys in the order of `decoded`.
      canonical: one.bytes === undefined,
      decoded: toCorpusJson(one.value),
    });
  }
  for (const { name, kind, about, bytes, code } of invalidCases) {
    add(`invalid/${name}.json`, { kind, about, bytes: toCorpusBytes(bytes), code });
  }
  return files;
}

function encoded(one: ValidCase): Uint8Array {
  switch (one.kind) {
    case 'up':
      return encodeUp(one.value);
    case 'down':
      return encodeDown(one.value);
    case 'message':
      return encodeMessage(one.value);
    case 'frames':
      return packFrames(one.value);
  }
}
