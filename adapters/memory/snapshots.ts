/** Snapshots in memory, as JSON text: what is loaded shares nothing with what was saved. */
import type { Snapshots, StoredSnapshot, StreamName } from '#runtime';

export class MemorySnapshots implements Snapshots {
  readonly #newest = new Map<StreamName, { readonly revision: number; readonly json: string }>();

  async load(stream: StreamName): Promise<StoredSnapshot | null> {
    const kept = this.#newest.get(stream);
    return kept === undefined ? null : JSON.parse(kept.json);
  }

  async save(stream: StreamName, snapshot: StoredSnapshot): Promise<void> {
    const { revision } = snapshot;
    const kept = this.#newest.get(stream);
    if (kept !== undefined && kept.revision > revision) return;
    this.#newest.set(stream, { revision, json: JSON.stringify(snapshot) });
  }
}
