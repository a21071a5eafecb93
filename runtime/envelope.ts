/**
 * The message in flight and the address of the actor it is for.
 *
 * The frame knows nothing of a message's payload: `actors/` owns the contracts and reads them.
 */

/** Where an actor lives: one tenant, one kind (also its stream's category), one id. */
export interface Address {
  readonly tenantId: string;
  readonly kind: string;
  readonly id: string;
}

/** A message that has passed its contract. Fields as in the specification; the optional ones ours. */
export interface Envelope<Type extends string = string, Payload = unknown> {
  readonly messageType: Type;
  readonly messageId: string;
  /** When the producer sent it, ISO 8601. */
  readonly timestamp: string;
  readonly tenantId: string;
  readonly payload: Payload;
  /** Version of the contract; absent means 1. */
  readonly schemaVersion?: number;
  /** What this message belongs to, over all hops. */
  readonly correlationId?: string;
  /** The message, event or delivery that caused this one. */
  readonly causationId?: string;
  /** W3C trace context of the cause. */
  readonly traceparent?: string;
}

/** An actor's address as one string, usable as a map key and as its stream's name. */
export type StreamName = string;

/** `entity-<tenant>/<id>`. Kinds hold no `-`, tenants no `/`, so that the name can be read back. */
export function streamOf(address: Address): StreamName {
  return `${address.kind}-${address.tenantId}/${address.id}`;
}

/** The address that a stream belongs to. Throws on a name that `streamOf` cannot have made. */
export function addressOf(stream: StreamName): Address {
  const dash = stream.indexOf('-');
  const slash = stream.indexOf('/', dash);
  if (dash < 1 || slash < 0) throw new Error(`not the stream of an actor: ${stream}`);
  return {
    kind: stream.slice(0, dash),
    tenantId: stream.slice(dash + 1, slash),
    id: stream.slice(slash + 1),
  };
}

/** A stream's category: what stands before its first `-`. */
export function categoryOf(stream: StreamName): string {
  const dash = stream.indexOf('-');
  return dash < 0 ? stream : stream.slice(0, dash);
}
