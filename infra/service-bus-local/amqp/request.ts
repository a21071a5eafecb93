/** Requests and answers over messages, as `$cbs` and `$management` have them. */
import rhea, { type Sender } from 'rhea';
import { type Condition, conditions, type Refusal } from '../core/refusal.ts';
import { sectionsOf } from '../wire/sections.ts';
import { types } from '../wire/typed.ts';

export interface Request {
  readonly id: unknown;
  readonly replyTo: string;
  readonly operation: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

export interface Answer {
  /** As in HTTP. */
  readonly status: number;
  readonly description: string;
  readonly condition?: Condition;
  readonly body?: unknown;
}

const statuses: Readonly<Record<Condition, number>> = {
  [conditions.notFound]: 404,
  [conditions.notAllowed]: 400,
  [conditions.notImplemented]: 501,
  [conditions.decodeError]: 400,
  [conditions.unauthorized]: 401,
  [conditions.full]: 403,
  [conditions.tooLarge]: 403,
  [conditions.internal]: 500,
  [conditions.busy]: 503,
  [conditions.timeout]: 408,
  [conditions.argument]: 400,
  [conditions.messageNotFound]: 404,
  [conditions.messageLockLost]: 410,
  [conditions.sessionLockLost]: 410,
  [conditions.sessionLocked]: 410,
  [conditions.alreadyExists]: 409,
};

/** Throws a Refusal for bytes that are no message. */
export function requestIn(bytes: Buffer): Request {
  // Well-formed all the way down, before rhea decodes it.
  sectionsOf(bytes);
  const message = rhea.message.decode(bytes) as {
    readonly message_id?: unknown;
    readonly reply_to?: unknown;
    readonly application_properties?: Readonly<Record<string, unknown>>;
    readonly body?: unknown;
  };
  const properties = message.application_properties ?? {};
  return {
    id: message.message_id,
    replyTo: String(message.reply_to),
    operation: String(properties.operation),
    properties,
    body: message.body,
  };
}

export function refusalAnswer({ condition, message }: Refusal): Answer {
  return { status: statuses[condition], description: message, condition };
}

export function doneAnswer(body?: unknown): Answer {
  return { status: 200, description: 'OK', body };
}

/** `$cbs` and `$management` spell the same things differently; an answer has both. */
export function sendAnswer(reply: Sender, request: Request, answer: Answer): void {
  const { status, description, condition, body } = answer;
  const code = types.wrap_int(status);
  reply.send({
    to: request.replyTo,
    ...(request.id !== undefined && { correlation_id: request.id as string }),
    application_properties: {
      'status-code': code,
      'status-description': description,
      statusCode: code,
      statusDescription: description,
      ...(condition !== undefined && { 'error-condition': condition, errorCondition: condition }),
    },
    body,
  });
}
