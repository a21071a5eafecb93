/**
 * Snapshots in the log's own file: written with the next group of appends, so that they cost no fsync
 * of their own while anything is appended.
 */
import type { Snapshots, StoredSnapshot, StreamName } from '#runtime';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export class SqliteSnapshots implements Snapshots {
  readonly #writer: Writer;
  readonly #reader: Reader;

  constructor(writer: Writer, reader: Reader) {
    this.#writer = writer;
    this.#reader = reader;
  }

  async load(stream: StreamName): Promise<StoredSnapshot | null> {
    return this.#reader.snapshot(stream);
  }

  async save(
    stream: StreamName,
    { revision, machineVersion, state }: StoredSnapshot,
  ): Promise<void> {
    await this.#writer.keep({ stream, revision, machineVersion, state: JSON.stringify(state) });
  }
}
