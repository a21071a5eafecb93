/**
 * Why the broker will not do something, in the words of AMQP: a condition that the client maps to a
 * code of its own. The code in the comment is what `@azure/service-bus` shows.
 */
export const conditions = {
  notFound: 'amqp:not-found', // MessagingEntityNotFound, with the sentence of `entityNotFound`
  notAllowed: 'amqp:not-allowed', // GeneralError: InvalidOperationError
  notImplemented: 'amqp:not-implemented', // GeneralError
  decodeError: 'amqp:decode-error', // GeneralError
  unauthorized: 'amqp:unauthorized-access', // UnauthorizedAccess
  full: 'amqp:resource-limit-exceeded', // QuotaExceeded
  tooLarge: 'amqp:link:message-size-exceeded', // MessageSizeExceeded
  internal: 'amqp:internal-error', // GeneralError, tried again
  busy: 'com.microsoft:server-busy', // ServiceBusy, tried again
  timeout: 'com.microsoft:timeout', // ServiceTimeout, tried again
  argument: 'com.microsoft:argument-error', // GeneralError
  messageNotFound: 'com.microsoft:message-not-found', // MessageNotFound
  messageLockLost: 'com.microsoft:message-lock-lost', // MessageLockLost
  sessionLockLost: 'com.microsoft:session-lock-lost', // SessionLockLost
  sessionLocked: 'com.microsoft:session-cannot-be-locked', // SessionCannotBeLocked
  alreadyExists: 'com.microsoft:entity-already-exists', // MessagingEntityAlreadyExists
} as const;

export type Condition = (typeof conditions)[keyof typeof conditions];

export class Refusal extends Error {
  readonly condition: Condition;

  constructor(condition: Condition, description: string) {
    super(description);
    this.name = 'Refusal';
    this.condition = condition;
  }
}

/** The client knows this error by its sentence, not by its condition. */
export function entityNotFound(path: string): Refusal {
  return new Refusal(conditions.notFound, `The messaging entity '${path}' could not be found.`);
}

/** What was thrown, as a Refusal. Anything else is a bug, and is thrown on. */
export function asRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  throw thrown;
}
