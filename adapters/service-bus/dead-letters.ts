/**
 * The dead letters of both subscriptions, in the broker's own dead-letter queues: shards first, then
 * the intake's (which has some only where the broker itself gave up).
 *
 *     id    s-4711   sequence number 4711 of the session subscription's queue; i-… of the intake's
 *
 * The queues are the tenants' together, so everything here looks at a letter's tenant (promise 9): as
 * its body says, or, where that lies in the blobs, as the property that we wrote beside the claim check.
 * A queue gives its letters in order only, so a redrive or a purge first looks (which locks nothing),
 * then locks letters until it has those it wants, and lets the others go.
 */
import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import Long from 'long';
import { contracts } from '#actors';
import {
  type BusMessage,
  type DeadLetter,
  type DeadLetters,
  type Limits,
  tenantPattern,
  toRuntimeError,
} from '#runtime';
import { type ClaimChecks, claimCheckOf } from './claim-check.ts';
import type { Counts } from './counts.ts';
import type { Entities } from './entities.ts';
import { unavailable } from './failure.ts';
import type { Line } from './line.ts';
import { incoming, luggageOf, type Outgoing, outgoing, textOf, type WireOptions } from './wire.ts';

export interface DeadLetterOptions {
  readonly line: Line;
  readonly entities: Entities;
  readonly claims: ClaimChecks;
  readonly send: (messages: readonly Outgoing[]) => Promise<void>;
  readonly counts: Counts;
  readonly wire: WireOptions;
  readonly limits: Limits;
}

interface Chosen {
  readonly tenantId: string | null;
  readonly ids?: readonly string[];
}

/** One of the two queues. */
interface Shelf {
  readonly prefix: string;
  readonly subscription: string;
}

/** Letters whose bodies are in memory at a time: 50 × 256 KB. */
const pageLetters = 50;
/** How long a queue is given to hand over a letter that it has. */
const lockMs = 1_000;

export class QueuedDeadLetters implements DeadLetters {
  readonly #options: DeadLetterOptions;
  readonly #shelves: readonly Shelf[];

  constructor(options: DeadLetterOptions) {
    this.#options = options;
    const { subscription, intake } = options.entities;
    this.#shelves = [
      { prefix: 's-', subscription },
      { prefix: 'i-', subscription: intake },
    ];
  }

  async peek(options: {
    tenantId: string | null;
    after?: string;
    limit: number;
  }): Promise<readonly DeadLetter[]> {
    const { tenantId, after, limit } = options;
    const found: DeadLetter[] = [];
    const start = this.#shelves.findIndex(({ prefix }) => after?.startsWith(prefix) ?? true);
    for (const shelf of this.#shelves.slice(Math.max(0, start))) {
      const last = after === undefined ? null : numberOf(shelf, after);
      for await (const received of this.#walk(shelf, last?.add(1) ?? Long.ZERO)) {
        if (found.length === limit) return found;
        if (tenantOf(received) !== tenantId) continue;
        found.push(await this.#letterOf(shelf, received, tenantId));
      }
    }
    return found;
  }

  async get({ tenantId, id }: { tenantId: string | null; id: string }): Promise<DeadLetter | null> {
    for (const shelf of this.#shelves) {
      const received = await this.#look(shelf, id, tenantId);
      if (received !== null) return this.#letterOf(shelf, received, tenantId);
    }
    return null;
  }

  redrive(options: Chosen): Promise<number> {
    return this.#move(options, async (letters, receiver) => {
      await this.#options.send(letters.map((received) => this.#again(received)));
      await this.#complete(letters, receiver);
    });
  }

  purge(options: Chosen): Promise<number> {
    return this.#move(options, async (letters, receiver) => {
      await this.#complete(letters, receiver);
      await Promise.all(letters.map((received) => this.#options.claims.forget(received)));
    });
  }

  /** As the namespace tells; peeking would have to read them all. */
  async count(): Promise<number | null> {
    const { counts, limits } = this.#options;
    return (await counts.read(limits.busAnswerMs)).deadLetters;
  }

  /** Does something with those chosen, limits.deadLettersPageMax at most; answers how many they were. */
  async #move(
    chosen: Chosen,
    act: (
      letters: readonly ServiceBusReceivedMessage[],
      receiver: ServiceBusReceiver,
    ) => Promise<void>,
  ): Promise<number> {
    let moved = 0;
    for (const shelf of this.#shelves) {
      const wanted = await this.#wanted(
        shelf,
        chosen,
        this.#options.limits.deadLettersPageMax - moved,
      );
      if (wanted.size === 0) continue;
      moved += await this.#withLocked(shelf, wanted, act);
    }
    return moved;
  }

  /** Sequence numbers of the letters that are chosen and there. */
  async #wanted(shelf: Shelf, { tenantId, ids }: Chosen, most: number): Promise<Set<string>> {
    const wanted = new Set<string>();
    if (ids === undefined) {
      for await (const received of this.#walk(shelf, Long.ZERO)) {
        if (wanted.size >= most) break;
        if (tenantOf(received) === tenantId) wanted.add(String(received.sequenceNumber));
      }
      return wanted;
    }
    for (const id of new Set(ids)) {
      if (wanted.size >= most) break;
      const received = await this.#look(shelf, id, tenantId);
      if (received !== null) wanted.add(String(received.sequenceNumber));
    }
    return wanted;
  }

  async #withLocked(
    shelf: Shelf,
    wanted: Set<string>,
    act: (
      letters: readonly ServiceBusReceivedMessage[],
      receiver: ServiceBusReceiver,
    ) => Promise<void>,
  ): Promise<number> {
    const { line, limits } = this.#options;
    const receiver = this.#receiver(shelf);
    const others: ServiceBusReceivedMessage[] = [];
    let moved = 0;
    try {
      while (wanted.size > 0 && others.length < limits.deadLettersLockedMax) {
        const most = Math.min(pageLetters * 4, wanted.size);
        const page = await line.ask(() =>
          receiver.receiveMessages(most, { maxWaitTimeInMs: lockMs }),
        );
        if (page.length === 0) break;
        const letters = page.filter(({ sequenceNumber }) => wanted.delete(String(sequenceNumber)));
        others.push(...page.filter((received) => !letters.includes(received)));
        await act(letters, receiver);
        moved += letters.length;
      }
      return moved;
    } catch (thrown) {
      throw unavailable(thrown, 'moving dead letters');
    } finally {
      await line.farewell(() =>
        Promise.all(others.map((received) => receiver.abandonMessage(received))),
      );
      await this.#options.line.farewell(() => receiver.close());
    }
  }

  async #complete(
    letters: readonly ServiceBusReceivedMessage[],
    receiver: ServiceBusReceiver,
  ): Promise<void> {
    await this.#options.line.ask(() =>
      Promise.all(letters.map((received) => receiver.completeMessage(received))),
    );
  }

  /** All letters of a queue from a number on, in its order; none is locked. */
  async *#walk(shelf: Shelf, from: Long): AsyncIterable<ServiceBusReceivedMessage> {
    const receiver = this.#receiver(shelf);
    try {
      for (let next = from; ; ) {
        const page = await this.#page(receiver, pageLetters, next);
        yield* page;
        const last = page.at(-1)?.sequenceNumber;
        if (last === undefined) return;
        next = last.add(1);
      }
    } finally {
      await this.#options.line.farewell(() => receiver.close());
    }
  }

  /** One letter of a tenant by its id. */
  async #look(
    shelf: Shelf,
    id: string,
    tenantId: string | null,
  ): Promise<ServiceBusReceivedMessage | null> {
    const number = numberOf(shelf, id);
    if (number === null) return null;
    const receiver = this.#receiver(shelf);
    try {
      const [received] = await this.#page(receiver, 1, number);
      if (received === undefined || !received.sequenceNumber?.equals(number)) return null;
      return tenantOf(received) === tenantId ? received : null;
    } finally {
      await this.#options.line.farewell(() => receiver.close());
    }
  }

  async #page(receiver: ServiceBusReceiver, most: number, fromSequenceNumber: Long) {
    try {
      return await this.#options.line.ask(() =>
        receiver.peekMessages(most, { fromSequenceNumber }),
      );
    } catch (thrown) {
      throw unavailable(thrown, 'reading dead letters');
    }
  }

  #receiver({ subscription }: Shelf): ServiceBusReceiver {
    const { entities, line } = this.#options;
    return line.client.createReceiver(entities.topic, subscription, {
      subQueueType: 'deadLetter',
      skipParsingBodyAsJson: true,
      skipConvertingDate: true,
    });
  }

  async #letterOf(
    { prefix }: Shelf,
    received: ServiceBusReceivedMessage,
    tenantId: string | null,
  ): Promise<DeadLetter> {
    const { messageId, body } = await this.#whole(received);
    const isText = typeof body === 'string';
    const enqueuedAt = received.enqueuedTimeUtc?.toISOString() ?? new Date(0).toISOString();
    return {
      id: `${prefix}${received.sequenceNumber}`,
      tenantId,
      messageId,
      reason: {
        code: received.deadLetterReason ?? 'INTERNAL',
        detail: received.deadLetterErrorDescription ?? '',
      },
      body: isText ? body : Buffer.from(body).toString('base64'),
      encoding: isText ? 'utf8' : 'base64',
      deadLetteredAt: textOf(received, 'deadLetteredAt') ?? enqueuedAt,
    };
  }

  /** With the body from the blobs; where that is gone, with the claim check itself. */
  async #whole(received: ServiceBusReceivedMessage): Promise<BusMessage> {
    try {
      return await this.#options.claims.redeem(received);
    } catch (thrown) {
      if (toRuntimeError(thrown).code === 'BLOB_MISSING') return incoming(received);
      throw thrown;
    }
  }

  /** The same message once more. With an id that no duplicate detection knows: it would be dropped. */
  #again(received: ServiceBusReceivedMessage): Outgoing {
    const { ids } = this.#options.wire;
    const { sessionId } = received;
    const luggage = { ...luggageOf(received), ...(sessionId !== undefined && { sessionId }) };
    const { wired, tenantId } = outgoing(incoming(received), this.#options.wire, luggage);
    const claimCheck = claimCheckOf(received);
    const claim = claimCheck !== null && { claimCheck, tenantId: textOf(received, 'tenantId') };
    const applicationProperties = { ...wired.applicationProperties, ...claim };
    return { tenantId, wired: { ...wired, messageId: ids.random(), applicationProperties } };
  }
}

/** The sequence number in an id; null where it is no id of this shelf. */
function numberOf({ prefix }: Shelf, id: string): Long | null {
  if (!id.startsWith(prefix)) return null;
  const digits = id.slice(prefix.length);
  return /^\d{1,18}$/.test(digits) ? Long.fromString(digits) : null;
}

const tenant = new RegExp(tenantPattern);

function tenantOf(received: ServiceBusReceivedMessage): string | null {
  const tenantId =
    claimCheckOf(received) === null ? tenantIn(received) : textOf(received, 'tenantId');
  return typeof tenantId === 'string' && tenant.test(tenantId) ? tenantId : null;
}

/** What a body says, even one that its contract refuses. */
function tenantIn(received: ServiceBusReceivedMessage): unknown {
  try {
    return contracts.read(incoming(received).body).envelope.tenantId;
  } catch (thrown) {
    return toRuntimeError(thrown).data.tenantId;
  }
}
