/**
 * The bytes of messages: those of the last ones in memory, the rest in the store.
 *
 * A body is kept as a copy of its own, since what comes from a socket is a window on 64 KiB.
 */
import { rowId } from '../store/format.ts';
import type { Store } from '../store/store.ts';
import type { QueueEntity, TopicEntity } from './entity.ts';

export class Bodies {
  readonly #store: Store;
  readonly #bytesMax: number;
  readonly #kept = new Map<number, Buffer>();
  #bytes = 0;

  constructor(store: Store, bytesMax: number) {
    this.#store = store;
    this.#bytesMax = bytesMax;
  }

  keep({ storeId }: QueueEntity | TopicEntity, sequence: number, bytes: Buffer): void {
    const row = rowId(storeId, sequence);
    this.#drop(row);
    if (this.#bytes + bytes.length > this.#bytesMax) return;
    this.#kept.set(row, Buffer.from(bytes));
    this.#bytes += bytes.length;
  }

  /** It must be there: whoever asks has its message in hand. */
  get({ storeId, path }: QueueEntity | TopicEntity, sequence: number): Buffer {
    const bytes = this.#kept.get(rowId(storeId, sequence)) ?? this.#store.bytes(storeId, sequence);
    if (bytes === undefined) throw new Error(`message ${sequence} of ${path} is not in the store`);
    return bytes;
  }

  drop({ storeId }: QueueEntity | TopicEntity, sequence: number): void {
    this.#drop(rowId(storeId, sequence));
  }

  #drop(row: number): void {
    const bytes = this.#kept.get(row);
    if (bytes === undefined) return;
    this.#kept.delete(row);
    this.#bytes -= bytes.length;
  }
}
