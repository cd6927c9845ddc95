import { closeSync, openSync, readSync } from 'node:fs';
import { StoreError } from '../../core/store-error.ts';
import { systemCodeOf } from './sqlite-error.ts';

/**
 * Whether a write-ahead log belongs to the database file beside it. SQLite itself does not ask: it lays the log of one
 * history over the file of another, as after restoring a backup without removing the log, and the mixture is damaged.
 *
 * Two integers of the file's header tell histories apart. The first transaction of each log draws a random `current`
 * and keeps the one before it as `previous` (see `log-cycle.ts`). A file fits a log when it says what the log was
 * built on (the file's `current` is the log's `previous`: nothing was carried over yet), or when the log has been
 * carried over already (both say the same).
 *
 * Everything is read from the raw files before SQLite opens them, since SQLite carries a log over when it closes.
 */
export function checkJournalMatches(file: string): void {
  // A gateway that runs may be at work between the two reads; a file that was put there stays as it is.
  for (let attempt = 1; ; attempt++) {
    const problem = findProblem(file);
    if (problem === undefined) return;
    if (attempt === 3) throw new StoreError('store-damaged', problem);
  }
}

/** Where the two integers stand in the header of a database file, and so in the log's copy of page 1. */
const CURRENT_OFFSET = 60;
const PREVIOUS_OFFSET = 68;

const HEADER_BYTES = 100;
const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;

interface Marks {
  readonly current: number;
  readonly previous: number;
}

function findProblem(file: string): string | undefined {
  const log = `${file}-wal`;
  const logMarks = withFile(log, firstTransactionMarks);
  if (logMarks === undefined) return undefined;
  const fileMarks = withFile(file, (descriptor) => {
    const header = readAt(descriptor, 0, HEADER_BYTES);
    return header === undefined ? undefined : marksIn(header);
  });
  if (fileMarks === undefined) {
    return `${file} is missing or empty, but ${log} holds committed changes: put both files back, or remove the log to start empty`;
  }
  if (fileMarks.current === logMarks.current || fileMarks.current === logMarks.previous) return undefined;
  return `${log} was not written for this ${file}: a backup was restored beside a newer log. Put the log's own file back, or remove the log to go back to the backup`;
}

/** The marks that the log's first transaction wrote; undefined when the log holds no whole transaction. */
function firstTransactionMarks(descriptor: number): Marks | undefined {
  const header = readAt(descriptor, 0, LOG_HEADER_BYTES);
  if (header === undefined) return undefined;
  const magic = header.getUint32(0);
  if (magic !== MAGIC_LITTLE_ENDIAN && magic !== MAGIC_BIG_ENDIAN) return undefined;
  const sum = new Checksum(magic === MAGIC_LITTLE_ENDIAN);
  sum.add(header, 0, 24);
  if (!sum.equals(header, 24)) return undefined;

  const pageBytes = header.getUint32(8);
  let marks: Marks | undefined;
  for (let offset = LOG_HEADER_BYTES; ; offset += FRAME_HEADER_BYTES + pageBytes) {
    const frame = readAt(descriptor, offset, FRAME_HEADER_BYTES + pageBytes);
    if (frame === undefined) return undefined;
    const isOfThisLog =
      frame.getUint32(8) === header.getUint32(16) && frame.getUint32(12) === header.getUint32(20);
    sum.add(frame, 0, 8);
    sum.add(frame, FRAME_HEADER_BYTES, pageBytes);
    if (!isOfThisLog || !sum.equals(frame, 16)) return undefined;
    if (frame.getUint32(0) === 1) marks = marksIn(new DataView(frame.buffer, FRAME_HEADER_BYTES));
    const endsTransaction = frame.getUint32(4) !== 0;
    if (endsTransaction) return marks;
  }
}

function marksIn(page: DataView): Marks {
  return { current: page.getUint32(CURRENT_OFFSET), previous: page.getUint32(PREVIOUS_OFFSET) };
}

/** SQLite's running checksum over pairs of 32-bit words. */
class Checksum {
  readonly #littleEndian: boolean;
  #first = 0;
  #second = 0;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  add(view: DataView, offset: number, length: number): void {
    for (let at = offset; at < offset + length; at += 8) {
      this.#first = (this.#first + view.getUint32(at, this.#littleEndian) + this.#second) >>> 0;
      this.#second = (this.#second + view.getUint32(at + 4, this.#littleEndian) + this.#first) >>> 0;
    }
  }

  equals(view: DataView, offset: number): boolean {
    return view.getUint32(offset) === this.#first && view.getUint32(offset + 4) === this.#second;
  }
}

function withFile<Result>(file: string, read: (descriptor: number) => Result): Result | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return read(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The bytes at `offset`; undefined when the file ends before `length` of them. */
function readAt(descriptor: number, offset: number, length: number): DataView | undefined {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(descriptor, bytes, filled, length - filled, offset + filled);
    if (count === 0) return undefined;
    filled += count;
  }
  return new DataView(bytes.buffer);
}
