/** Blobs in memory: what is got shares nothing with what was put. */
import { type BlobName, type Blobs, isBlobName, RuntimeError } from '#runtime';

export class MemoryBlobs implements Blobs {
  readonly #bytes = new Map<BlobName, Uint8Array>();

  /** How many there are. */
  get size(): number {
    return this.#bytes.size;
  }

  async put(name: BlobName, bytes: Uint8Array): Promise<void> {
    if (!isBlobName(name)) throw new RuntimeError('INVARIANT_BROKEN', `no blob's name: ${name}`);
    this.#bytes.set(name, Uint8Array.from(bytes));
  }

  async get(name: BlobName): Promise<Uint8Array | null> {
    const bytes = this.#bytes.get(name);
    return bytes === undefined ? null : Uint8Array.from(bytes);
  }

  async remove(name: BlobName): Promise<void> {
    this.#bytes.delete(name);
  }
}
