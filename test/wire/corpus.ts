import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes that a gateway must refuse, from the protocol's golden corpus. */
export interface InvalidBytes {
  readonly name: string;
  readonly kind: string;
  readonly bytes: Uint8Array;
  readonly code: string;
}

const folder = join(import.meta.dirname, '../../packages/protocol/corpus/v1/invalid');

/** The cases of one kind: `up`, `frames` or `message`. */
export function invalidCorpus(kind: string): InvalidBytes[] {
  return readdirSync(folder)
    .map((file) => {
      const one = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CorpusFile;
      return { name: file.replace('.json', ''), kind: one.kind, code: one.code, bytes: toBytes(one.bytes) };
    })
    .filter((one) => one.kind === kind);
}

interface CorpusFile {
  readonly kind: string;
  readonly code: string;
  readonly bytes: string | readonly (readonly [digits: string, times: number])[];
}

function toBytes(written: CorpusFile['bytes']): Uint8Array {
  if (typeof written === 'string') return Buffer.from(written, 'hex');
  return Buffer.concat(
    written.map(([digits, times]) => Buffer.alloc((digits.length / 2) * times, digits, 'hex')),
  );
}
