/**
 * Dead letters as streams in the log, one a tenant, and one for those whose tenant can't be read.
 *
 *     deadletter-<tenant>   DeadLettered (+ DeadLetterContinued …)   a message and why, in ≤ 8 MiB of parts
 *                           DeadLettersRemoved                       redriven or purged
 *
 * In memory stand only the ids of those that are there and their revisions (about 100 bytes each);
 * bodies are read when asked for. A letter's key follows from its message and reason, so that a message
 * delivered again after a crash is the same letter. Purging forgets a letter here; what the log holds,
 * it holds.
 */
import {
  type BusMessage,
  type Clock,
  type DeadLetter,
  type DeadLetterReason,
  type DeadLetters,
  type Ids,
  type Log,
  limits,
  type NewEvent,
  type RecordedEvent,
  RuntimeError,
  type StreamName,
  tenantPattern,
} from '#runtime';

interface Parts {
  readonly messageId: string;
  readonly reason: DeadLetterReason;
  readonly encoding: DeadLetter['encoding'];
  /** How many events hold the body, this one too. */
  readonly parts: number;
  readonly body: string;
}

interface Place {
  readonly revision: number;
  readonly parts: number;
}

const category = 'deadletter';
/** What makes them more and less; the rest of a long body does not. */
const countedEvents = { categories: [category], types: ['DeadLettered', 'DeadLettersRemoved'] };

/** Six bytes a unit at worst (`\u0000`) stay below limits.eventBytesMax. */
const partChars = 160 * 1024;
/** A page of the largest letters holds 64 MiB. */
const readPageEvents = 64;

interface Options {
  readonly log: Log;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly publish: (messages: readonly BusMessage[]) => Promise<void>;
}

export class LogDeadLetters implements DeadLetters {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #publish: Options['publish'];
  readonly #shelves = new Map<StreamName, Shelf>();
  /** Up to here of the log, the letters of all tenants are on their shelves. */
  #countedTo = 0;
  /** Letters under way again; one that is dead-lettered again must not be forgotten afterwards. */
  readonly #underWay = new Map<string, { isBack: boolean }>();

  constructor({ log, clock, ids, publish }: Options) {
    this.#log = log;
    this.#clock = clock;
    this.#ids = ids;
    this.#publish = publish;
  }

  /**
   * Keeps a message with its reason; resolves when that is durable. Throws LOG_UNAVAILABLE, LOG_FULL or
   * CONFLICT_UNRESOLVED (all retry: the same letter is kept once).
   */
  async add(message: BusMessage, reason: DeadLetterReason): Promise<void> {
    const { body, encoding } = textOf(message.body);
    const shelf = this.#shelfOf(tenantOf(body));
    const id = this.#ids.named(`${shelf.stream}/${message.messageId}/${reason.code}/${body}`);
    const underWay = this.#underWay.get(id);
    if (underWay !== undefined) underWay.isBack = true;
    const parts = Math.max(1, Math.ceil(body.length / partChars));
    const events = Array.from({ length: parts }, (_, part) => {
      const slice = body.slice(part * partChars, (part + 1) * partChars);
      const head = { messageId: message.messageId, reason, encoding, parts, body: slice };
      return part === 0
        ? this.#event('DeadLettered', id, head)
        : this.#event('DeadLetterContinued', this.#ids.random(), { body: slice });
    });
    await shelf.inTurn(async () => {
      // The expected revision keeps two nodes from keeping the same letter twice.
      for (let lost = 0; lost <= limits.conflictRetriesMax; lost++) {
        await this.#refresh(shelf);
        if (shelf.places.has(id)) return;
        const expected = shelf.next === 0 ? 'no_stream' : shelf.next - 1;
        const { kind } = await this.#log.append(shelf.stream, events, expected);
        if (kind !== 'conflict') return;
      }
      throw new RuntimeError('CONFLICT_UNRESOLVED', `${shelf.stream} is written by many at once`);
    });
  }

  async peek(options: {
    tenantId: string | null;
    after?: string;
    limit: number;
  }): Promise<readonly DeadLetter[]> {
    const shelf = await this.#shelf(options.tenantId);
    const after = options.after === undefined ? -1 : Number.parseInt(options.after, 10);
    const page = [...shelf.places]
      .filter(([, { revision }]) => revision > after)
      .slice(0, options.limit);
    return Promise.all(page.map(([key]) => this.#read(shelf, key, options.tenantId)));
  }

  async get({ tenantId, id }: { tenantId: string | null; id: string }): Promise<DeadLetter | null> {
    const shelf = await this.#shelf(tenantId);
    const key = keyOf(id);
    return shelf.places.has(key) ? this.#read(shelf, key, tenantId) : null;
  }

  async redrive(options: { tenantId: string | null; ids?: readonly string[] }): Promise<number> {
    const shelf = await this.#shelf(options.tenantId);
    const chosen = this.#chosen(shelf, options.ids).filter((id) => !this.#underWay.has(id));
    const gone: string[] = [];
    for (const id of chosen) {
      const letter = await this.#read(shelf, id, options.tenantId);
      const state = { isBack: false };
      this.#underWay.set(id, state);
      try {
        await this.#publish([{ messageId: letter.messageId, body: bodyOf(letter) }]);
      } finally {
        this.#underWay.delete(id);
      }
      if (state.isBack) continue;
      await this.#remove(shelf, [id], 'redriven');
      gone.push(id);
    }
    return gone.length;
  }

  async purge(options: { tenantId: string | null; ids?: readonly string[] }): Promise<number> {
    const shelf = await this.#shelf(options.tenantId);
    const chosen = this.#chosen(shelf, options.ids);
    if (chosen.length > 0) await this.#remove(shelf, chosen, 'purged');
    return chosen.length;
  }

  /** Reads on from where the last count ended; the first one passes over the whole log. */
  async count(): Promise<number> {
    const head = await this.#log.head();
    let page: readonly RecordedEvent[];
    do {
      page = await this.#log.readAll({
        after: this.#countedTo,
        filter: countedEvents,
        limit: readPageEvents,
      });
      for (const event of page) this.#shelfAt(event.stream).read([event]);
      this.#countedTo = Math.max(this.#countedTo, page.at(-1)?.position ?? 0);
    } while (page.length === readPageEvents);
    this.#countedTo = Math.max(this.#countedTo, head);
    return [...this.#shelves.values()].reduce((sum, { places }) => sum + places.size, 0);
  }

  #chosen({ places }: Shelf, ids: readonly string[] | undefined): readonly string[] {
    const wanted = ids?.map(keyOf) ?? [...places.keys()];
    return wanted.filter((key) => places.has(key)).slice(0, limits.deadLettersPageMax);
  }

  async #remove(shelf: Shelf, ids: readonly string[], why: 'redriven' | 'purged'): Promise<void> {
    const event = this.#event('DeadLettersRemoved', this.#ids.random(), { ids, why });
    await this.#log.append(shelf.stream, [event], 'any');
    for (const id of ids) shelf.places.delete(id);
  }

  async #read(shelf: Shelf, key: string, tenantId: string | null): Promise<DeadLetter> {
    const { revision, parts } = shelf.places.get(key)!;
    const events = await this.#log.readStream(shelf.stream, { from: revision, limit: parts });
    const { messageId, reason, encoding } = events[0]!.data as Parts;
    return {
      id: `${revision}.${key}`,
      tenantId,
      messageId,
      reason,
      encoding,
      body: events.map(({ data }) => (data as { body: string }).body).join(''),
      deadLetteredAt: events[0]!.metadata.recordedAt,
    };
  }

  async #shelf(tenantId: string | null): Promise<Shelf> {
    const shelf = this.#shelfOf(tenantId);
    await this.#refresh(shelf);
    return shelf;
  }

  #shelfOf(tenantId: string | null): Shelf {
    return this.#shelfAt(`${category}-${tenantId ?? '~'}`);
  }

  #shelfAt(stream: StreamName): Shelf {
    let shelf = this.#shelves.get(stream);
    if (shelf === undefined) {
      shelf = new Shelf(stream);
      this.#shelves.set(stream, shelf);
    }
    return shelf;
  }

  /** Brings a shelf up to date: other processes may write there too. */
  async #refresh(shelf: Shelf): Promise<void> {
    let page: readonly RecordedEvent[];
    do {
      const from = shelf.next;
      page = await this.#log.readStream(shelf.stream, { from, limit: readPageEvents });
      shelf.read(page);
    } while (page.length === readPageEvents);
  }

  #event(type: string, id: string, data: unknown): NewEvent {
    const recordedAt = new Date(this.#clock.now()).toISOString();
    return { id, type, schemaVersion: 1, data, metadata: { messageId: id, recordedAt } };
  }
}

/** What a letter's id says beside its place in the order, which holds a page's start after a purge. */
function keyOf(id: string): string {
  return id.slice(id.indexOf('.') + 1);
}

/** One stream's letters: the fold of its events. */
class Shelf {
  readonly stream: StreamName;
  readonly places = new Map<string, Place>();
  /** The first revision that is not folded yet. */
  next = 0;
  #line: Promise<unknown> = Promise.resolve();

  constructor(stream: StreamName) {
    this.stream = stream;
  }

  /** Runs `work` after what was asked for before. */
  inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#line.then(work);
    this.#line = result.catch(() => undefined);
    return result;
  }

  /** Folds further events in. */
  read(events: readonly RecordedEvent[]): void {
    for (const { id, type, data, revision } of events) {
      if (revision < this.next) continue;
      this.next = revision + 1;
      if (type === 'DeadLettered') this.places.set(id, { revision, parts: (data as Parts).parts });
      if (type === 'DeadLettersRemoved') {
        for (const gone of (data as { ids: readonly string[] }).ids) this.places.delete(gone);
      }
    }
  }
}

const tenant = new RegExp(tenantPattern);

/** The tenant that a body names, or null where it can't be read. */
function tenantOf(body: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('tenantId' in value)) return null;
  const { tenantId } = value;
  return typeof tenantId === 'string' && tenant.test(tenantId) ? tenantId : null;
}

function textOf(body: string | Uint8Array): { body: string; encoding: DeadLetter['encoding'] } {
  if (typeof body === 'string') return { body, encoding: 'utf8' };
  try {
    return { body: new TextDecoder('utf-8', { fatal: true }).decode(body), encoding: 'utf8' };
  } catch {
    return { body: Buffer.from(body).toString('base64'), encoding: 'base64' };
  }
}

function bodyOf({ body, encoding }: DeadLetter): string | Uint8Array {
  return encoding === 'utf8' ? body : Buffer.from(body, 'base64');
}
