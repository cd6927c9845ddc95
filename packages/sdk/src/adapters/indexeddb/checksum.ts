// CRC-32 (the polynomial of Ethernet and gzip), eight bytes at a time: a table for each of eight places lets one step
// take in eight bytes, several times faster than a byte after the other.

const PLACES = 8;
const TABLES = makeTables();

/** The CRC-32 of the parts, one after the other, as an unsigned 32-bit number. */
export function crc32(...parts: readonly Uint8Array[]): number {
  let crc = ~0;
  for (const part of parts) crc = advance(crc, part);
  return ~crc >>> 0;
}

function advance(start: number, bytes: Uint8Array): number {
  const tables = TABLES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = start;
  let offset = 0;
  for (const end = bytes.length - (PLACES - 1); offset < end; offset += PLACES) {
    const low = crc ^ view.getUint32(offset, true);
    const high = view.getUint32(offset + 4, true);
    crc =
      entry(tables, 7, low) ^
      entry(tables, 6, low >>> 8) ^
      entry(tables, 5, low >>> 16) ^
      entry(tables, 4, low >>> 24) ^
      entry(tables, 3, high) ^
      entry(tables, 2, high >>> 8) ^
      entry(tables, 1, high >>> 16) ^
      entry(tables, 0, high >>> 24);
  }
  for (; offset < bytes.length; offset++) crc = (crc >>> 8) ^ entry(tables, 0, crc ^ (bytes[offset] ?? 0));
  return crc;
}

/** Row `place` of the tables at the lowest byte of `value`. */
function entry(tables: Int32Array, place: number, value: number): number {
  return tables[(place << 8) | (value & 0xff)] ?? 0;
}

function makeTables(): Int32Array {
  const tables = new Int32Array(PLACES * 256);
  for (let value = 0; value < 256; value++) {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    tables[value] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const previous = tables[index - 256] ?? 0;
    tables[index] = (previous >>> 8) ^ entry(tables, 0, previous);
  }
  return tables;
}
