/**
 * Keeps SQLite's write-ahead journal short.
 *
 * At `journalBytes` SQLite itself copies it into the main file after a commit, as far as readers let it
 * (a passive checkpoint); the next commit then starts the journal over. Under steady reading there is
 * always a reader in the way, so at four times that size we wait for readers to pass and cut the
 * journal off. A reader that stays (a backup, a shell with an open transaction) makes it grow until it
 * leaves; each further growth by that much tries again. What it had grown by is then given back.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Longer than any read of ours, shorter than an appender notices. */
const waitForReadersMs = 100;

export class Journal {
  readonly #db: DatabaseSync;
  readonly #lockMs: number;
  readonly #size: StatementSync;
  readonly #framesMax: number;
  #triedAtFrames = 0;

  /** `lockMs` is the connection's own wait for locks. */
  constructor(
    db: DatabaseSync,
    { journalBytes, lockMs }: { journalBytes: number; lockMs: number },
  ) {
    this.#db = db;
    this.#lockMs = lockMs;
    const { page_size: pageBytes } = db.prepare('PRAGMA page_size').get() as { page_size: number };
    const frames = Math.round(journalBytes / pageBytes);
    this.#framesMax = frames * 4;
    this.#size = db.prepare('PRAGMA wal_checkpoint(NOOP)');
    db.exec(`PRAGMA wal_autocheckpoint = ${frames}; PRAGMA journal_size_limit = ${journalBytes}`);
  }

  /** After each commit: whether the journal needs more than SQLite does by itself. */
  tend(): void {
    const { log: frames } = this.#size.get() as { log: number };
    if (frames < this.#framesMax) this.#triedAtFrames = 0;
    else if (frames - this.#triedAtFrames >= this.#framesMax) {
      this.#triedAtFrames = frames;
      this.#db.exec(`PRAGMA busy_timeout = ${waitForReadersMs}; PRAGMA wal_checkpoint(TRUNCATE);
        PRAGMA busy_timeout = ${this.#lockMs}`);
    }
  }
}
