/** The same memory as a plain Uint8Array: the driver answers with Buffers, whose methods differ. */
export function bytesView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
