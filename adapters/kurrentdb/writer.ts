/**
 * One append at the server: sent once, waited for with a time limit, its answer made a value.
 *
 * The server compares the expected revision and, where the stream is already beyond it, the ids of the
 * events: those that stand at that place are answered as the first time. So repeating an append is safe.
 */
import { type EventData, WrongExpectedVersionError } from '@kurrent/kurrentdb-client';
import { type Limits, RuntimeError, type StreamName } from '#runtime';
import type { Connection } from './client.ts';
import { positionOf } from './record.ts';
import { within } from './within.ts';

type ClientAnswer = Awaited<ReturnType<Connection['client']['appendToStream']>>;

export type Answer =
  | { readonly kind: 'written'; readonly revision: number; readonly position: number }
  | { readonly kind: 'conflict'; readonly actual: number };

export class Writer {
  readonly #connection: Connection;
  readonly #limits: Limits;

  constructor(connection: Connection, limits: Limits) {
    this.#connection = connection;
    this.#limits = limits;
  }

  /**
   * Appends behind a revision; -1 for a stream that is not there. Throws LOG_UNAVAILABLE (the outcome is
   * unknown) or EVENT_TOO_LARGE (more than the server takes at a time).
   */
  async write(stream: StreamName, events: readonly EventData[], revision: number): Promise<Answer> {
    const { client, credentials } = this.#connection;
    const { logAnswerMs } = this.#limits;
    const sent = client.appendToStream(stream, [...events], {
      streamState: revision < 0 ? 'no_stream' : BigInt(revision),
      requiresLeader: true,
      deadline: logAnswerMs,
      ...(credentials && { credentials }),
    });
    return within(logAnswerMs, sent.then(written, conflict), `appending to ${stream}`);
  }
}

function written({ nextExpectedRevision, position }: ClientAnswer): Answer {
  if (position === undefined) {
    throw new RuntimeError(
      'LOG_UNAVAILABLE',
      'the server does not know yet where the events stand',
    );
  }
  return {
    kind: 'written',
    revision: Number(nextExpectedRevision),
    position: positionOf(position),
  };
}

function conflict(thrown: unknown): Answer {
  if (!(thrown instanceof WrongExpectedVersionError)) throw thrown;
  const { actualState } = thrown;
  return { kind: 'conflict', actual: typeof actualState === 'bigint' ? Number(actualState) : -1 };
}
