/**
 * What the client and the server say went wrong, in the words of the catalogue.
 *
 * They say it in three ways: classes of the client with a `type`, plain errors of its native reader with
 * a `name`, and errors of gRPC with a code or only a text. Once a log is open, everything but an event
 * that is too large may pass: rights are renewed, a leader is elected, an operator ends a scavenge. So
 * it is LOG_UNAVAILABLE; LOG_REFUSED is for a log that is opened with rights that can't be right.
 */
import { RuntimeError } from '#runtime';

interface Told {
  readonly name?: string;
  readonly type?: string;
  readonly code?: number;
  readonly message?: string;
}

const permissionDenied = 7;
const unauthenticated = 16;

/** An error of the catalogue; what is of the catalogue already stays what it is. */
export function failureOf(thrown: unknown, doing: string): RuntimeError {
  if (thrown instanceof RuntimeError) return thrown;
  const { type, name, message = String(thrown) } = toldBy(thrown);
  const told = `${doing}: ${type ?? name ?? 'error'}: ${message}`;
  const options = { cause: thrown };
  if (isTooLarge(thrown)) return new RuntimeError('EVENT_TOO_LARGE', told, options);
  if (isGone(thrown))
    return new RuntimeError('DATA_CORRUPT', `${told}; nobody may delete it`, options);
  return new RuntimeError('LOG_UNAVAILABLE', told, options);
}

/** Whether the server does not know us, or does not let us. */
export function isRefusal(thrown: unknown): boolean {
  const { type, name, code } = toldBy(thrown);
  if (type === 'access-denied' || name === 'AccessDeniedError') return true;
  return code === permissionDenied || code === unauthenticated;
}

/** A stream that never was: no failure, but an empty one. */
export function isNoStream(thrown: unknown): boolean {
  const { type, name } = toldBy(thrown);
  return type === 'stream-not-found' || name === 'StreamNotFoundError';
}

/** What a closed log answers to everything. */
export function closedLog(): RuntimeError {
  return new RuntimeError('SHUTTING_DOWN', 'the event log is closed');
}

/** Larger than the server's `MaxAppendSize` or `MaxAppendEventSize`, or than a message of gRPC may be. */
function isTooLarge(thrown: unknown): boolean {
  const { type, message = '' } = toldBy(thrown);
  if (type === 'maximum-append-size-exceeded') return true;
  return /maximum append (event )?size|message larger than max/i.test(message);
}

function isGone(thrown: unknown): boolean {
  const { type, name } = toldBy(thrown);
  return type === 'stream-deleted' || name === 'StreamDeletedError';
}

function toldBy(thrown: unknown): Told {
  return typeof thrown === 'object' && thrown !== null ? thrown : {};
}
