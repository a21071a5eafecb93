/** A call of a management operation, and the reading of its arguments. */
import { conditions, Refusal } from '../core/refusal.ts';
import type { QueueEntity, Subscription } from '../exchange/entity.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Address } from '../exchange/namespace.ts';
import type { Outlet } from './outlet.ts';
import type { Answer } from './request.ts';

export interface Call {
  readonly exchange: Exchange;
  readonly address: Address;
  /** The request's arguments; what they are is for the operation to check. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The links on which this client receives. */
  readonly outlets: readonly Outlet[];
  answer(answer: Answer): void;
}

/** Answers through the call, now or later, or throws a Refusal. */
export type Operation = (call: Call) => void;

/** Throws where the entity is a topic. */
export function queueOf({ address }: Call): QueueEntity {
  if (address.entity.kind === 'queue') return address.entity;
  throw new Refusal(conditions.notAllowed, 'A topic has no messages; ask a subscription.');
}

/** Throws where the entity is no subscription. */
export function subscriptionOf({ address }: Call): Subscription {
  if (address.subscription !== null) return address.subscription;
  throw new Refusal(conditions.notAllowed, 'Only a subscription has rules.');
}

export function textIn({ body }: Call, name: string): string {
  const value = body[name];
  if (typeof value === 'string') return value;
  throw wrongArgument(name);
}

/** Null where it is absent. */
export function optionalTextIn(call: Call, name: string): string | null {
  return call.body[name] === undefined || call.body[name] === null ? null : textIn(call, name);
}

export function numberIn({ body }: Call, name: string): number {
  const value = body[name];
  if (typeof value === 'number') return value;
  throw wrongArgument(name);
}

export function listIn({ body }: Call, name: string): readonly unknown[] {
  const value = body[name];
  if (Array.isArray(value)) return value;
  throw wrongArgument(name);
}

export function wrongArgument(name: string): Refusal {
  return new Refusal(conditions.argument, `The argument '${name}' is missing or of a wrong type.`);
}
