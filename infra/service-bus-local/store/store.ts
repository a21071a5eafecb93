/**
 * What survives the broker: messages, sequence numbers, session states, seen ids, rules.
 *
 * Written in groups: everything that one turn of the broker decided is one transaction with one fsync,
 * and stands as a whole or not at all. Reading is by key or along one queue.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { conditions, Refusal } from '../core/refusal.ts';
import type { Filter, RuleDefinition } from '../filter/rule.ts';
import { openFile, primaryCode, rowId, sequenceIn } from './format.ts';

export const messageStates = { active: 0, deferred: 1, scheduled: 2 } as const;
export type StoredState = keyof typeof messageStates;

/** A message as it stands, without its bytes. Times are milliseconds since the epoch. */
export interface StoredMessage {
  readonly sequence: number;
  readonly state: StoredState;
  readonly deliveryCount: number;
  readonly enqueuedAt: number;
  /** Null where it is not scheduled. */
  readonly dueAt: number | null;
  /** Infinity where it never expires. */
  readonly expiresAt: number;
  readonly session: string | null;
}

export type Change =
  | {
      readonly kind: 'put';
      readonly entity: number;
      readonly message: StoredMessage;
      readonly bytes: Buffer;
    }
  | { readonly kind: 'drop'; readonly entity: number; readonly sequence: number }
  | {
      readonly kind: 'mark';
      readonly entity: number;
      readonly sequence: number;
      readonly state: StoredState;
      readonly deliveryCount: number;
      /** Null where they stay. */
      readonly bytes: Buffer | null;
    }
  | { readonly kind: 'sequence'; readonly entity: number; readonly sequence: number }
  | {
      readonly kind: 'session';
      readonly entity: number;
      readonly session: string;
      readonly state: Uint8Array | null;
    }
  | {
      readonly kind: 'seen';
      readonly entity: number;
      readonly messageId: string;
      readonly at: number;
    }
  | { readonly kind: 'unseen'; readonly entity: number; readonly messageId: string }
  | {
      readonly kind: 'rule';
      readonly entity: number;
      readonly name: string;
      readonly filter: Filter | null;
    };

const full = 13;
/** SQLite says IOERR_WRITE where a quota or a file size limit is reached. */
const ioError = 10;

export class Store {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Throws what format.ts throws. In memory where `file` is undefined. */
  static open(file: string | undefined): Store {
    return new Store(openFile(file));
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  /** All or nothing. Throws a Refusal: QuotaExceeded where the disk is full, else ServiceBusy. */
  commit(changes: readonly Change[]): void {
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      for (const change of changes) this.#write(change);
      this.#db.exec('COMMIT');
    } catch (thrown) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw toRefusal(thrown);
    }
  }

  #write(change: Change): void {
    switch (change.kind) {
      case 'put': {
        const { sequence, state, deliveryCount, enqueuedAt, dueAt, expiresAt, session } =
          change.message;
        this.#run(
          'INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          rowId(change.entity, sequence),
          messageStates[state],
          deliveryCount,
          enqueuedAt,
          dueAt,
          Number.isFinite(expiresAt) ? expiresAt : null,
          session,
          change.bytes,
        );
        return;
      }
      case 'drop':
        this.#run('DELETE FROM message WHERE id = ?', rowId(change.entity, change.sequence));
        return;
      case 'mark':
        this.#run(
          'UPDATE message SET state = ?, delivery_count = ?, bytes = ifnull(?, bytes) WHERE id = ?',
          messageStates[change.state],
          change.deliveryCount,
          change.bytes,
          rowId(change.entity, change.sequence),
        );
        return;
      case 'sequence':
        this.#run('UPDATE entity SET sequence = ? WHERE id = ?', change.sequence, change.entity);
        return;
      case 'session':
        if (change.state === null) {
          const sql = 'DELETE FROM session_state WHERE entity = ? AND session = ?';
          this.#run(sql, change.entity, change.session);
        } else {
          const sql = 'INSERT OR REPLACE INTO session_state VALUES (?, ?, ?)';
          this.#run(sql, change.entity, change.session, change.state);
        }
        return;
      case 'seen':
        this.#run(
          'INSERT OR REPLACE INTO duplicate VALUES (?, ?, ?)',
          change.entity,
          change.messageId,
          change.at,
        );
        return;
      case 'unseen':
        this.#run(
          'DELETE FROM duplicate WHERE entity = ? AND message_id = ?',
          change.entity,
          change.messageId,
        );
        return;
      case 'rule':
        if (change.filter === null) {
          this.#run('DELETE FROM rule WHERE entity = ? AND name = ?', change.entity, change.name);
        } else {
          const sql = 'INSERT OR REPLACE INTO rule VALUES (?, ?, ?)';
          this.#run(sql, change.entity, change.name, JSON.stringify(change.filter));
        }
    }
  }

  /** The id of an entity, and the last sequence number that it gave away. Makes it where it is new. */
  entity(path: string): { readonly id: number; readonly sequence: number } {
    this.#run('INSERT OR IGNORE INTO entity (path) VALUES (?)', path);
    const sql = 'SELECT id, sequence FROM entity WHERE path = ?';
    return this.#prepared(sql).get(path) as { id: number; sequence: number };
  }

  messages(entity: number): Iterable<StoredMessage & { readonly size: number }> {
    const sql = `SELECT ${columns} FROM message WHERE id > ? AND id < ? ORDER BY id`;
    const rows = this.#prepared(sql).all(rowId(entity, 0), rowId(entity + 1, 0));
    return (rows as unknown as Row[]).map(fromRow);
  }

  /** Along a queue from a sequence number on. */
  *look(entity: number, from: number, session: string | null) {
    const sql = `SELECT ${columns} FROM message WHERE id >= ? AND id < ?
      AND (?3 IS NULL OR session = ?3) ORDER BY id LIMIT 100`;
    let next = from;
    for (;;) {
      const span = [rowId(entity, next), rowId(entity + 1, 0), session];
      const rows = this.#prepared(sql).all(...span) as unknown as Row[];
      if (rows.length === 0) return;
      for (const row of rows) yield fromRow(row);
      next = sequenceIn(rows.at(-1)!.id) + 1;
    }
  }

  /** The bytes of a message; undefined where it is gone. */
  bytes(entity: number, sequence: number): Buffer | undefined {
    const sql = 'SELECT bytes FROM message WHERE id = ?';
    const row = this.#prepared(sql).get(rowId(entity, sequence)) as
      | { bytes: Uint8Array }
      | undefined;
    if (row === undefined) return undefined;
    return Buffer.from(row.bytes.buffer, row.bytes.byteOffset, row.bytes.byteLength);
  }

  sessionStates(
    entity: number,
  ): readonly { readonly session: string; readonly state: Uint8Array }[] {
    const sql = 'SELECT session, state FROM session_state WHERE entity = ?';
    return this.#prepared(sql).all(entity) as unknown as { session: string; state: Uint8Array }[];
  }

  /** Oldest first. */
  seen(entity: number): readonly { readonly messageId: string; readonly at: number }[] {
    const sql = `SELECT message_id AS messageId, seen_at AS at FROM duplicate WHERE entity = ?
      ORDER BY seen_at`;
    return this.#prepared(sql).all(entity) as unknown as { messageId: string; at: number }[];
  }

  /**
   * The rules of a subscription. Those configured are laid down once, and again when they differ from
   * what was laid down last; between, what clients changed is kept.
   */
  rules(entity: number, configured: readonly RuleDefinition[]): readonly RuleDefinition[] {
    const seed = JSON.stringify(configured);
    const laid = this.#prepared('SELECT seed FROM entity WHERE id = ?').get(entity);
    if (laid?.seed !== seed) {
      this.#run('DELETE FROM rule WHERE entity = ?', entity);
      for (const { name, filter } of configured) {
        this.#run('INSERT INTO rule VALUES (?, ?, ?)', entity, name, JSON.stringify(filter));
      }
      this.#run('UPDATE entity SET seed = ? WHERE id = ?', seed, entity);
    }
    const rows = this.#prepared('SELECT name, filter FROM rule WHERE entity = ?').all(entity);
    return rows.map(({ name, filter }) => ({
      name: name as string,
      filter: JSON.parse(filter as string) as Filter,
    }));
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#prepared(sql).run(...values);
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

const columns = `id, state, delivery_count AS deliveryCount, enqueued_at AS enqueuedAt,
  due_at AS dueAt, expires_at AS expiresAt, session, length(bytes) AS size`;

interface Row {
  readonly id: number;
  readonly state: number;
  readonly deliveryCount: number;
  readonly enqueuedAt: number;
  readonly dueAt: number | null;
  readonly expiresAt: number | null;
  readonly session: string | null;
  readonly size: number;
}

const stateNames = ['active', 'deferred', 'scheduled'] as const;

function fromRow({
  id,
  state,
  expiresAt,
  ...rest
}: Row): StoredMessage & { readonly size: number } {
  return {
    ...rest,
    sequence: sequenceIn(id),
    state: stateNames[state]!,
    expiresAt: expiresAt ?? Number.POSITIVE_INFINITY,
  };
}

function toRefusal(thrown: unknown): unknown {
  const code = primaryCode(thrown);
  if (code === null) return thrown;
  const { message } = thrown as Error;
  return code === full || code === ioError
    ? new Refusal(conditions.full, `The local broker's disk is full: ${message}`)
    : new Refusal(conditions.busy, `The local broker's file cannot be written now: ${message}`);
}
