/**
 * The outbound process manager as the projector sees it: it has no rows, only a place in the log and
 * messages that follow from what comes after it.
 *
 *     batch of events ─▶ is the checkpoint still where the batch starts? ─▶ publish ─▶ checkpoint
 *
 * B1: the checkpoint moves only after all of a batch is stored at the other side; a crash in between
 * publishes the batch again, with the same ids: at least once, in order for each actor. B2: a runner that
 * is behind another publishes nothing. Two that are level may both publish a batch; a topic with
 * duplicate detection drops the second. It cannot be rebuilt: what was said can't be unsaid.
 */
import { type ChangeBatch, type Generations, type RowlessSink, rowless } from '#runtime';
import type { OutboundMessage, PublishOutbound } from './message.ts';
import { outboundProjection } from './projection.ts';

/** Where it stands in the log, durable. Moves only from where it is believed to stand. */
export interface OutboundCheckpoint {
  position(): Promise<number>;
  advance(from: number, to: number): Promise<number>;
}

export function outboundGenerations(
  checkpoint: OutboundCheckpoint,
  publish: PublishOutbound,
): Generations<OutboundMessage> {
  return rowless(outboundProjection, new OutboundSink(checkpoint, publish));
}

class OutboundSink implements RowlessSink<OutboundMessage> {
  readonly #checkpoint: OutboundCheckpoint;
  readonly #publish: PublishOutbound;

  constructor(checkpoint: OutboundCheckpoint, publish: PublishOutbound) {
    this.#checkpoint = checkpoint;
    this.#publish = publish;
  }

  position(): Promise<number> {
    return this.#checkpoint.position();
  }

  /** Throws what publishing does; the projector comes again with the same batch. */
  async apply({ changes, from, to }: ChangeBatch<OutboundMessage>): Promise<number> {
    const position = await this.#checkpoint.position();
    if (position !== from) return position;
    if (changes.length > 0) await this.#publish(changes);
    return this.#checkpoint.advance(from, to);
  }
}
