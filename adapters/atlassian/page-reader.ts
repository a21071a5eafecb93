/**
 * The process manager that reads the pages which webhooks only name.
 *
 * It follows the log like a projection (page-wanted.ts) with a checkpoint of its own, so a slow or dead
 * source holds up neither webhooks nor the graph, and a crash forgets nothing: what was read is published
 * first, then the checkpoint moves. Reading again after a crash publishes the same messages (same
 * ids), which change nothing.
 *
 *     batch of events ─▶ one entry a page ─▶ read ─▶ publish ─▶ next ─▶ … ─▶ checkpoint
 *
 * A page that is gone, forbidden or unreadable is passed over. A source that does not answer fails the
 * whole batch (SOURCE_UNAVAILABLE), and the projector comes again; what was read before is remembered and
 * not read twice.
 */
import {
  type Bus,
  type ChangeBatch,
  type Clock,
  limits,
  type RowlessSink,
  RuntimeError,
  rowless,
  type Telemetry,
} from '#runtime';
import type { Connection } from './connection.ts';
import { messagesOf } from './page-answer.ts';
import { type Pace, PageSource } from './page-source.ts';
import { coalesced, type PageWanted, pagesWanted } from './page-wanted.ts';

/** Where its reader stands in the log, durable. Moves only from where it is believed to stand. */
export interface PageCheckpoint {
  position(): Promise<number>;
  advance(from: number, to: number): Promise<number>;
}

export interface PageReaderOptions {
  readonly checkpoint: PageCheckpoint;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Ends what is under way; abort it before the projector is stopped. */
  readonly signal: AbortSignal;
  readonly pace?: Pace;
}

/**
 * What a projector needs to keep a connection's pages read; null for one that has no credentials, no
 * site of its own, or is not Confluence's. It has no rows: rebuilding or verifying it is refused.
 */
export function pageReaderOf(connection: Connection, options: PageReaderOptions) {
  const { system, site, credentials } = connection;
  if (system !== 'confluence' || site === undefined || credentials === undefined) return null;
  const placed = { ...connection, site };
  const projection = pagesWanted(placed);
  const source = new PageSource(credentials, options.clock, options.pace);
  const generations = rowless(projection, new PageReader(placed, source, options));
  return { projection, generations };
}

class PageReader implements RowlessSink<PageWanted> {
  readonly #connection: Connection & { readonly site: string };
  readonly #source: PageSource;
  readonly #options: PageReaderOptions;
  /** What was read of late, oldest first. Losing it costs reads, nothing else. */
  readonly #read = new Map<string, PageWanted>();

  constructor(
    connection: Connection & { readonly site: string },
    source: PageSource,
    options: PageReaderOptions,
  ) {
    this.#connection = connection;
    this.#source = source;
    this.#options = options;
  }

  position(): Promise<number> {
    return this.#options.checkpoint.position();
  }

  /** Throws SOURCE_UNAVAILABLE, SOURCE_REFUSED, SHUTTING_DOWN, or what the bus and the store throw. */
  async apply(batch: ChangeBatch<PageWanted>): Promise<number> {
    await this.#readAll(coalesced(batch.changes).filter((page) => !this.#isRead(page)));
    return this.#options.checkpoint.advance(batch.from, batch.to);
  }

  /** A few at a time; the first failure ends the others. */
  async #readAll(pages: readonly PageWanted[]): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, stop.signal]);
    const left = pages.values();
    const work = async () => {
      try {
        for (const page of left) await this.#readOne(page, signal);
      } catch (thrown) {
        stop.abort(thrown);
      }
    };
    await Promise.all(Array.from({ length: limits.sourceRequestsMax }, work));
    if (this.#options.signal.aborted) {
      throw new RuntimeError('SHUTTING_DOWN', 'the reading of pages was ended');
    }
    if (stop.signal.aborted) throw stop.signal.reason;
  }

  async #readOne(wanted: PageWanted, signal: AbortSignal): Promise<void> {
    const { bus, clock, telemetry } = this.#options;
    const outcome = await this.#source.read(wanted, signal);
    const { id } = this.#connection;
    telemetry.record({ name: 'page-read', connection: id, outcome: outcome.kind });
    if (outcome.kind === 'read') {
      const messages = messagesOf(this.#connection, wanted, outcome.page, clock.now());
      await bus.publish(
        messages.map((message) => ({
          messageId: message.messageId,
          messageType: message.messageType,
          body: JSON.stringify(message),
        })),
      );
      this.#remember({ ...wanted, version: outcome.page.version.number });
    } else {
      this.#remember(wanted);
    }
  }

  #isRead({ kind, localId, version, sinceMs }: PageWanted): boolean {
    const read = this.#read.get(`${kind}/${localId}`);
    return read !== undefined && read.version >= version && read.sinceMs >= sinceMs;
  }

  #remember(page: PageWanted): void {
    const key = `${page.kind}/${page.localId}`;
    this.#read.delete(key);
    this.#read.set(key, page);
    if (this.#read.size <= limits.pagesRememberedMax) return;
    for (const [oldest] of this.#read) {
      this.#read.delete(oldest);
      return;
    }
  }
}
