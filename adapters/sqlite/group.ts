/**
 * The group commit: everything that waits, in one transaction with one fsync.
 *
 * Each request is answered for itself. A conflict writes nothing and touches no neighbour; a later
 * request of the group sees what an earlier one wrote. What SQLite itself refuses (a full disk) fails
 * the group as a whole, and nothing of it is written.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AppendResult, ExpectedRevision } from '#runtime';

/** Events of one append, as they will stand: JSON made, sizes checked. */
export interface AppendRequest {
  readonly stream: string;
  readonly category: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly {
    readonly id: string;
    readonly type: string;
    readonly schemaVersion: number;
    readonly data: string;
    readonly metadata: string;
  }[];
}

export interface SnapshotRequest {
  readonly stream: string;
  readonly revision: number;
  readonly machineVersion: number;
  readonly state: string;
}

/** Appends that stand in this order: the first that meets a conflict ends them. */
export interface ChainRequest {
  readonly chain: readonly AppendRequest[];
}

export interface ChainAnswer {
  /** How many of the chain stand, and how many of those did not before. */
  readonly standing: number;
  readonly added: number;
}

export type WriteRequest = AppendRequest | SnapshotRequest | ChainRequest;
/** Null for a snapshot: it is kept. */
export type WriteAnswer = AppendResult | ChainAnswer | null;

interface StreamHead {
  readonly id: number;
  /** -1 where it has no events. */
  readonly revision: number;
}

export class GroupCommit {
  readonly #db: DatabaseSync;
  /** Ids of kinds, by category and type. Kinds never change; there are as many as the code names. */
  readonly #kinds = new Map<string, number>();
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #findStream: StatementSync;
  readonly #addStream: StatementSync;
  readonly #findKind: StatementSync;
  readonly #addKind: StatementSync;
  readonly #findEvents: StatementSync;
  readonly #addEvent: StatementSync;
  readonly #keepSnapshot: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#findStream = db.prepare(
      `SELECT id, ifnull((SELECT max(revision) FROM event WHERE stream = stream.id), -1) AS revision
       FROM stream WHERE name = ?`,
    );
    this.#addStream = db.prepare('INSERT INTO stream (name) VALUES (?)');
    this.#findKind = db.prepare('SELECT id FROM kind WHERE category = ? AND type = ?');
    this.#addKind = db.prepare('INSERT INTO kind (category, type) VALUES (?, ?)');
    this.#findEvents = db.prepare(
      `SELECT id, position FROM event WHERE stream = ? AND revision BETWEEN ? AND ?
       ORDER BY revision`,
    );
    this.#addEvent = db.prepare(
      `INSERT INTO event (stream, revision, kind, schema_version, id, data, metadata)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#keepSnapshot = db.prepare(
      `INSERT INTO snapshot (stream, revision, machine_version, state) VALUES (?, ?, ?, ?)
       ON CONFLICT (stream) DO UPDATE SET revision = excluded.revision,
         machine_version = excluded.machine_version, state = excluded.state
       WHERE excluded.revision >= snapshot.revision`,
    );
  }

  /** Answers, in the order of the requests, once they are durable. Throws what SQLite throws. */
  commit(requests: readonly WriteRequest[]): readonly WriteAnswer[] {
    try {
      // IMMEDIATE: a transaction that reads first could not become a writer behind another's commit.
      this.#begin.run();
      const answers = requests.map((request) => {
        if ('state' in request) return this.#snapshot(request);
        return 'chain' in request ? this.#chain(request) : this.#append(request);
      });
      this.#commit.run();
      return answers;
    } catch (thrown) {
      this.#kinds.clear();
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw thrown;
    }
  }

  #chain({ chain }: ChainRequest): ChainAnswer {
    let added = 0;
    for (const [standing, request] of chain.entries()) {
      const { kind } = this.#append(request);
      if (kind === 'conflict') return { standing, added };
      if (kind === 'appended') added += 1;
    }
    return { standing: chain.length, added };
  }

  #append(request: AppendRequest): AppendResult {
    const { stream, expected, events } = request;
    const head = this.#findStream.get(stream) as StreamHead | undefined;
    const revision = head?.revision ?? -1;
    const believed = expected === 'no_stream' ? -1 : expected;

    const isExact = typeof believed === 'number';
    const from = isExact ? believed + 1 : revision - events.length + 1;
    if (head !== undefined && from >= 0 && from <= revision) {
      const position = this.#positionOfSame(head.id, from, events);
      if (position !== null) {
        return { kind: 'duplicate', revision: from + events.length - 1, position };
      }
    }
    const isMet = isExact ? believed === revision : believed === 'any' || revision >= 0;
    if (!isMet) return { kind: 'conflict', actual: revision };
    return this.#add(head?.id ?? this.#newStream(stream), revision, request);
  }

  #add(stream: number, after: number, { category, events }: AppendRequest): AppendResult {
    let revision = after;
    let position = 0;
    for (const { id, type, schemaVersion, data, metadata } of events) {
      revision += 1;
      const kind = this.#kind(category, type);
      const added = this.#addEvent.run(stream, revision, kind, schemaVersion, id, data, metadata);
      position = Number(added.lastInsertRowid);
    }
    return { kind: 'appended', revision, position };
  }

  /** The last one's position where exactly these events stand from a revision on, otherwise null. */
  #positionOfSame(stream: number, from: number, events: AppendRequest['events']): number | null {
    const to = from + events.length - 1;
    const standing = this.#findEvents.all(stream, from, to) as { id: string; position: number }[];
    const isSame =
      standing.length === events.length && standing.every(({ id }, at) => id === events[at]!.id);
    return isSame ? standing.at(-1)!.position : null;
  }

  #snapshot({ stream, revision, machineVersion, state }: SnapshotRequest): null {
    const head = this.#findStream.get(stream) as StreamHead | undefined;
    this.#keepSnapshot.run(head?.id ?? this.#newStream(stream), revision, machineVersion, state);
    return null;
  }

  #newStream(name: string): number {
    return Number(this.#addStream.run(name).lastInsertRowid);
  }

  #kind(category: string, type: string): number {
    const key = `${category}\n${type}`;
    let id = this.#kinds.get(key);
    if (id === undefined) {
      const found = this.#findKind.get(category, type) as { id: number } | undefined;
      id = found?.id ?? Number(this.#addKind.run(category, type).lastInsertRowid);
      this.#kinds.set(key, id);
    }
    return id;
  }
}
