/** The ways to messages beside the line: by looking, which takes nothing, and by number. */
import type { BrokerBounds } from '../bounds.ts';
import type { Message } from '../core/message.ts';
import { asRefusal, conditions, Refusal } from '../core/refusal.ts';
import type { Store } from '../store/store.ts';
import { enveloped } from '../wire/envelope.ts';
import type { Bodies } from './bodies.ts';
import type { QueueEntity } from './entity.ts';
import type { Handing } from './handing.ts';
import type { Receiver } from './receiver.ts';
import type { Settling } from './settling.ts';
import type { Turn } from './turn.ts';

export interface Look {
  readonly from: number;
  readonly count: number;
  /** Null for all of them. */
  readonly session: string | null;
}

export interface Taken {
  /** Null for one that is deleted. */
  readonly token: number | null;
  readonly bytes: Buffer;
}

export interface LookingParts {
  readonly turn: Turn;
  readonly store: Store;
  readonly bodies: Bodies;
  readonly settling: Settling;
  readonly handing: Handing;
  readonly bounds: BrokerBounds;
}

export class Looking {
  readonly #parts: LookingParts;

  constructor(parts: LookingParts) {
    this.#parts = parts;
  }

  /** Messages from a sequence number on, whatever their state, as far as an answer can be long. */
  peek(entity: QueueEntity, { from, count, session }: Look): readonly Buffer[] {
    const { turn, store, bodies, bounds } = this.#parts;
    const seen: Buffer[] = [];
    let bytes = 0;
    for (const row of store.look(entity.storeId, from, session)) {
      if (row.expiresAt <= turn.now) continue;
      const { sequence, state, deliveryCount } = row;
      const enqueuedAt = row.dueAt ?? row.enqueuedAt;
      const stored = bodies.get(entity, sequence);
      bytes += stored.length;
      if (seen.length > 0 && bytes > bounds.answerBytesMax) break;
      seen.push(
        enveloped(stored, { sequence, enqueuedAt, deliveryCount, lockedUntil: null, state }),
      );
      if (seen.length >= Math.min(count, bounds.answerMessagesMax)) break;
    }
    return seen;
  }

  /** Deferred messages by number: all or none. Locked, or deleted before they are answered. */
  takeDeferred(
    entity: QueueEntity,
    sequences: readonly number[],
    how: { readonly owner: Receiver | null; readonly mode: Receiver['mode'] },
    reply: (refusal: Refusal | null, taken: readonly Taken[]) => void,
  ): void {
    const { settling, handing, turn, bounds } = this.#parts;
    const messages: Message[] = [];
    try {
      if (sequences.length > bounds.answerMessagesMax) {
        const text = `At most ${bounds.answerMessagesMax} messages can be asked for at a time.`;
        throw new Refusal(conditions.argument, text);
      }
      for (const sequence of sequences) {
        messages.push(entity.queue.takeDeferred(sequence, how.owner, turn.now));
      }
    } catch (thrown) {
      for (const message of messages) entity.queue.giveBack(message, message.deliveryCount);
      reply(asRefusal(thrown), []);
      return;
    }
    const taken = messages.map((message) => ({
      token: how.mode === 'peek-lock' ? message.lock!.token : null,
      bytes: handing.envelope(entity, message, how.mode === 'peek-lock'),
    }));
    if (how.mode === 'peek-lock') {
      reply(null, taken);
      return;
    }
    settling.delete(entity, messages, {
      done: () => reply(null, taken),
      failed: (refusal) => reply(refusal, []),
    });
  }
}
