/**
 * Snapshots: for each stream a `snapshot-<stream>`, of which the server keeps the last event only.
 *
 * The name does not begin with `$`, since the server gives such streams to administrators only. So they
 * stand in `$all` like any other, and `filter.ts` leaves them out.
 */
import { randomUUID } from 'node:crypto';
import { type EventData, jsonEvent } from '@kurrent/kurrentdb-client';
import {
  type Limits,
  RuntimeError,
  type Snapshots,
  type StoredSnapshot,
  type StreamName,
} from '#runtime';
import { snapshotCategory } from './filter.ts';
import type { Reader } from './reader.ts';
import { dataOf } from './record.ts';
import type { Writer } from './writer.ts';

interface Parts {
  readonly reader: Reader;
  readonly writer: Writer;
  readonly limits: Limits;
}

interface Kept {
  /** Of the snapshot in its own stream. */
  readonly at: number;
  readonly snapshot: StoredSnapshot;
}

export class KurrentDbSnapshots implements Snapshots {
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #limits: Limits;

  constructor({ reader, writer, limits }: Parts) {
    this.#reader = reader;
    this.#writer = writer;
    this.#limits = limits;
  }

  async load(stream: StreamName): Promise<StoredSnapshot | null> {
    return (await this.#last(streamFor(stream)))?.snapshot ?? null;
  }

  async save(stream: StreamName, { revision, machineVersion, state }: StoredSnapshot) {
    const data = JSON.parse(JSON.stringify({ revision, machineVersion, state }));
    const name = streamFor(stream);
    for (let lost = 0; lost <= this.#limits.conflictRetriesMax; lost++) {
      const last = await this.#last(name);
      if (last !== null && last.snapshot.revision > revision) return;
      if (last === null) await this.#keepLastOnly(name);
      const saved = eventOf('SnapshotSaved', data);
      const { kind } = await this.#writer.write(name, [saved], last?.at ?? -1);
      if (kind === 'written') return;
    }
    throw new RuntimeError('CONFLICT_UNRESOLVED', `${name} is written by many at once`);
  }

  async #last(name: StreamName): Promise<Kept | null> {
    const [raw] = await this.#reader.stream(name, { direction: 'backward', limit: 1 });
    if (raw === undefined) return null;
    return { at: Number(raw.revision), snapshot: dataOf(raw) as StoredSnapshot };
  }

  /** Whoever is first sets it; a conflict says that it is set. */
  async #keepLastOnly(name: StreamName): Promise<void> {
    await this.#writer.write(`$$${name}`, [eventOf('$metadata', { $maxCount: 1 })], -1);
  }
}

function streamFor(stream: StreamName): StreamName {
  return `${snapshotCategory}-${stream}`;
}

function eventOf(type: string, data: { readonly [key: string]: unknown }): EventData {
  return jsonEvent({ id: randomUUID(), type, data });
}
