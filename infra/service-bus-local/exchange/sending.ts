/**
 * How messages come in: checked, numbered, routed, planned. What one transfer brings, a message or a
 * batch, is taken as a whole or refused as a whole.
 *
 *     letter ─ seen before? ─▶ accepted, and nothing more
 *        ├─ for later? ──────▶ the schedule of its queue or topic ──its time──▶ as below, anew numbered
 *        ├─ queue ───────────▶ the queue; refused where it requires a session and there is none
 *        └─ topic ───────────▶ each subscription with a rule that wants it; as a dead letter where
 *                              that requires a session and there is none
 */
import { randomUUID } from 'node:crypto';
import type { BrokerBounds } from '../bounds.ts';
import { asRefusal, conditions, Refusal } from '../core/refusal.ts';
import type { Scheduled } from '../core/schedule.ts';
import type { Change, StoredMessage } from '../store/store.ts';
import { withMessageId, withProperties } from '../wire/envelope.ts';
import { Letter } from '../wire/letter.ts';
import type { Bodies } from './bodies.ts';
import { type DeadReason, deadReasons, propertiesOf } from './dead-reason.ts';
import type { QueueEntity, TopicEntity } from './entity.ts';
import type { Reply } from './receiver.ts';
import type { Turn } from './turn.ts';

export type Target = QueueEntity | TopicEntity;

/** A letter on its way to one place. */
interface Placement {
  readonly entity: Target;
  /** Whose quota it counts towards. */
  readonly home: Target;
  readonly message: StoredMessage;
  readonly bytes: Buffer;
}

interface Way {
  readonly entity: QueueEntity;
  readonly reason: DeadReason | null;
}

/** Ids that leave the window of a duplicate detection are forgotten so many at a time. */
const prunedMax = 256;

export class Sending {
  readonly #turn: Turn;
  readonly #bodies: Bodies;
  readonly #bounds: BrokerBounds;

  constructor(turn: Turn, bodies: Bodies, bounds: BrokerBounds) {
    this.#turn = turn;
    this.#bodies = bodies;
    this.#bounds = bounds;
  }

  /** Takes encoded messages. Replies when they are durable. */
  send(target: Target, messages: readonly Buffer[], reply: Reply): void {
    this.#take(
      target,
      messages,
      (letter) => letter.scheduledAt,
      (refusal) => reply(refusal),
    );
  }

  /** Takes them for later; answers their sequence numbers, 0 for one that was seen before. */
  schedule(
    target: Target,
    messages: readonly Buffer[],
    reply: (refusal: Refusal | null, sequences: readonly number[]) => void,
  ): void {
    this.#take(target, messages, (letter) => letter.scheduledAt ?? this.#turn.now, reply);
  }

  cancel(target: Target, sequences: readonly number[], reply: Reply): void {
    const { schedule } = target;
    try {
      if (schedule === null) throw notSendable(target);
      schedule.claim(sequences);
    } catch (thrown) {
      reply(asRefusal(thrown));
      return;
    }
    this.#turn.plan({
      changes: sequences.map((sequence) => dropOf(target, sequence)),
      done: () => {
        schedule.remove(sequences);
        for (const sequence of sequences) this.#bodies.drop(target, sequence);
        reply(null);
      },
      failed: (refusal) => {
        schedule.restore(sequences);
        reply(refusal);
      },
    });
  }

  /** The time of these has come: they arrive as if they had been sent now. */
  arrive(target: Target, due: readonly Scheduled[]): void {
    for (const { sequence } of due) {
      const letter = new Letter(this.#bodies.get(target, sequence));
      const placements = this.#placements(target, letter, null);
      this.#plan(placements, [dropOf(target, sequence)], {
        done: () => {
          target.schedule?.remove([sequence]);
          this.#bodies.drop(target, sequence);
        },
        failed: () => target.schedule?.restore([sequence]),
      });
    }
  }

  #take(
    target: Target,
    messages: readonly Buffer[],
    timeOf: (letter: Letter) => number | null,
    reply: (refusal: Refusal | null, sequences: readonly number[]) => void,
  ): void {
    const fresh: string[] = [];
    try {
      const letters = messages.map((bytes) => this.#checked(target, new Letter(bytes)));
      const changes = this.#forgotten(target);
      const sequences: number[] = [];
      const placements: Placement[] = [];
      for (const letter of letters) {
        if (this.#isDuplicate(target, letter, fresh, changes)) {
          sequences.push(0);
          continue;
        }
        const placed = this.#placements(target, withId(letter), timeOf(letter));
        placements.push(...placed);
        sequences.push(placed[0]?.message.sequence ?? 0);
      }
      this.#checkRoom(placements);
      this.#plan(placements, changes, {
        done: () => reply(null, sequences),
        failed: (refusal) => {
          for (const messageId of fresh) target.duplicates?.forget(messageId);
          reply(refusal, []);
        },
      });
    } catch (thrown) {
      for (const messageId of fresh) target.duplicates?.forget(messageId);
      reply(asRefusal(thrown), []);
    }
  }

  #checked(target: Target, letter: Letter): Letter {
    const { idCharsMax } = this.#bounds;
    for (const id of [letter.messageId, letter.sessionId]) {
      if (id !== null && id.length > idCharsMax) {
        const text = `A message id or session id is longer than ${idCharsMax} characters.`;
        throw new Refusal(conditions.argument, text);
      }
    }
    const isSessionMissing =
      target.kind === 'queue' && target.queue.settings.requiresSession && letter.sessionId === null;
    if (isSessionMissing) {
      throw new Refusal(
        conditions.notAllowed,
        'The SessionId was not set on a message, and it cannot be sent to the entity. Entities that have session support enabled can only receive messages that have the SessionId set to a valid value.',
      );
    }
    return letter;
  }

  #forgotten({ duplicates, storeId }: Target): Change[] {
    const left = duplicates?.prune(this.#turn.now, prunedMax) ?? [];
    return left.map((messageId) => ({ kind: 'unseen', entity: storeId, messageId }));
  }

  #isDuplicate(target: Target, letter: Letter, fresh: string[], changes: Change[]): boolean {
    const { duplicates, storeId } = target;
    const { messageId } = letter;
    if (duplicates === null || messageId === null) return false;
    const at = this.#turn.now;
    if (!duplicates.remember(messageId, at)) return true;
    fresh.push(messageId);
    if (duplicates.isFull) {
      const text = `Duplicate detection of '${target.path}' remembers as many ids as it can; wait.`;
      throw new Refusal(conditions.busy, text);
    }
    changes.push({ kind: 'seen', entity: storeId, messageId, at });
    return false;
  }

  #placements(target: Target, letter: Letter, at: number | null): readonly Placement[] {
    const { now } = this.#turn;
    const stored: Omit<StoredMessage, 'sequence' | 'state' | 'dueAt' | 'expiresAt'> = {
      deliveryCount: 0,
      enqueuedAt: now,
      session: letter.sessionId,
    };
    if (at !== null && (at > now || target.schedule === null)) {
      if (target.schedule === null) throw notSendable(target);
      const sequence = this.#turn.sequence(target);
      const waiting = {
        state: 'scheduled',
        dueAt: at,
        expiresAt: Number.POSITIVE_INFINITY,
      } as const;
      const message = { ...stored, ...waiting, sequence };
      return [{ entity: target, home: target, message, bytes: letter.bytes }];
    }
    return waysOf(target, letter).map(({ entity, reason }) => {
      const sequence = this.#turn.sequence(entity);
      const living = {
        state: 'active',
        dueAt: null,
        expiresAt: expiryOf(target, entity, letter, now),
      } as const;
      const message = { ...stored, ...living, sequence };
      if (reason === null) return { entity, home: entity, message, bytes: letter.bytes };
      return {
        entity: entity.dead!,
        home: entity,
        message: { ...message, expiresAt: Number.POSITIVE_INFINITY },
        bytes: withProperties(letter.bytes, propertiesOf(reason)),
      };
    });
  }

  #checkRoom(placements: readonly Placement[]): void {
    const wanted = new Map<Target, number>();
    for (const { home, bytes } of placements) {
      wanted.set(home, (wanted.get(home) ?? 0) + this.#weight(bytes));
    }
    for (const [home, bytes] of wanted) {
      if (home.bytes + bytes <= this.#bounds.entityBytesMax) continue;
      const text = `The maximum entity size has been reached or exceeded for '${home.path}'.`;
      throw new Refusal(conditions.full, text);
    }
  }

  #plan(
    placements: readonly Placement[],
    changes: readonly Change[],
    then: { done(): void; failed(refusal: Refusal): void },
  ): void {
    for (const { home, bytes } of placements) home.plannedBytes += this.#weight(bytes);
    this.#turn.plan({
      changes: [...changes, ...placements.map(putOf)],
      done: () => {
        for (const placement of placements) this.#admit(placement);
        then.done();
      },
      failed: (refusal) => {
        for (const { home, bytes } of placements) home.plannedBytes -= this.#weight(bytes);
        then.failed(refusal);
      },
    });
  }

  #admit({ entity, home, message, bytes }: Placement): void {
    const { sequence, dueAt } = message;
    const weight = this.#weight(bytes);
    home.plannedBytes -= weight;
    this.#bodies.keep(entity, sequence, bytes);
    if (dueAt !== null) {
      entity.schedule!.add({ sequence, dueAt, bytes: weight });
    } else if (entity.kind === 'queue') {
      const { session: sessionId } = message;
      entity.queue.admit({ ...message, sessionId, bytes: weight, isDeferred: false });
      this.#turn.touch(entity);
    }
  }

  #weight(bytes: Buffer): number {
    return bytes.length + this.#bounds.messageOverheadBytes;
  }
}

/** A message without an id gets one, as on Azure: the client finds its locks by it. */
function withId(letter: Letter): Letter {
  if (letter.messageId !== null) return letter;
  return new Letter(withMessageId(letter.bytes, randomUUID().replaceAll('-', '')));
}

function waysOf(target: Target, letter: Letter): readonly Way[] {
  if (target.kind === 'queue') return [{ entity: target, reason: null }];
  return target.subscriptions
    .filter(({ rules }) => [...rules.values()].some(({ accepts }) => accepts(letter) === true))
    .map(({ entity }) => {
      const isLost = entity.queue.settings.requiresSession && letter.sessionId === null;
      return { entity, reason: isLost ? deadReasons.sessionMissing : null };
    });
}

function expiryOf(target: Target, entity: QueueEntity, letter: Letter, now: number): number {
  const topicMs = target.kind === 'topic' ? target.timeToLiveMs : Number.POSITIVE_INFINITY;
  const ownMs = letter.timeToLiveMs ?? Number.POSITIVE_INFINITY;
  return now + Math.min(ownMs, topicMs, entity.traits.timeToLiveMs);
}

function putOf({ entity, message, bytes }: Placement): Change {
  return { kind: 'put', entity: entity.storeId, message, bytes };
}

function dropOf({ storeId }: Target, sequence: number): Change {
  return { kind: 'drop', entity: storeId, sequence };
}

function notSendable({ path }: Target): Refusal {
  return new Refusal(conditions.notAllowed, `Nothing can be sent to '${path}'.`);
}
