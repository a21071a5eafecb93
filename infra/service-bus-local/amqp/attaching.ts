/**
 * How a client's receiving link begins, on a queue or in a session.
 *
 *     session-filter: absent      a queue without sessions; else refused
 *                     'name'      that session, or refused at once
 *                     null        the next free one: answered when there is one, or after the
 *                                 client's time-out with com.microsoft:timeout
 *
 * A refusal is an attach and a detach with the reason, as AMQP has it. This client listens for the
 * reason in two places: in those of a session at once, elsewhere only after it has heard of the
 * attach, so that a reason which came with it would be lost, and the client would wait for messages.
 */
import type { Sender } from 'rhea';
import { asRefusal, conditions, Refusal } from '../core/refusal.ts';
import type { Session } from '../core/session.ts';
import type { QueueEntity } from '../exchange/entity.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Waiter } from '../exchange/receiver.ts';
import { types } from '../wire/typed.ts';
import { Outlet } from './outlet.ts';
import { errorOf, holdAttach, inside } from './rhea.ts';

const sessionFilter = 'com.microsoft:session-filter';
const timeoutProperty = 'com.microsoft:timeout';
const lockedUntilProperty = 'com.microsoft:locked-until-utc';
/** Long enough to arrive on its own, too short to notice. */
const reasonDelayMs = 50;

/** A receiving link that has begun, or waits to. */
export interface Attached {
  readonly outlet: Outlet;
  /** The link has ended. */
  close(): void;
}

export function attachReceiver(exchange: Exchange, entity: QueueEntity, sender: Sender): Attached {
  const wanted = wantedSession(sender);
  const outlet = new Outlet(exchange, entity, sender);
  const close = () => outlet.close();
  const isForSession = wanted !== undefined;
  if (isForSession !== entity.queue.settings.requiresSession) {
    return { outlet, close: refuseLater(exchange, sender, mismatch(entity)) };
  }
  if (!isForSession) {
    sender.set_source({ address: entity.path });
    outlet.begin(null);
    return { outlet, close };
  }
  if (wanted === null) return waitForSession(exchange, entity, sender, outlet);
  try {
    const session = entity.queue.accept(wanted, outlet, exchange.turn.now);
    beginSession(sender, outlet, session);
  } catch (thrown) {
    refuse(sender, asRefusal(thrown));
  }
  return { outlet, close };
}

export function refuse(link: { close(error: object): void }, refusal: Refusal): void {
  link.close(errorOf(refusal));
}

/** A name, null for the next free one, undefined for none. */
function wantedSession({ source }: Sender): string | null | undefined {
  const filter = (source?.filter ?? {}) as Readonly<Record<string, unknown>>;
  if (!(sessionFilter in filter)) return undefined;
  const wanted = filter[sessionFilter];
  // Others describe it, as AMQP wants filters to be.
  const plain =
    typeof wanted === 'object' && wanted !== null && 'value' in wanted ? wanted.value : wanted;
  return typeof plain === 'string' ? plain : null;
}

function waitForSession(
  exchange: Exchange,
  entity: QueueEntity,
  sender: Sender,
  outlet: Outlet,
): Attached {
  holdAttach(sender);
  const abort = new AbortController();
  const waiter: Waiter = {
    owner: outlet,
    grant(session) {
      abort.abort();
      beginSession(sender, outlet, session);
      sender.open();
    },
  };
  const leave = () => {
    const at = entity.waiters.indexOf(waiter);
    if (at >= 0) entity.waiters.splice(at, 1);
  };
  entity.waiters.push(waiter);
  exchange.turn.touch(entity);
  inTime(exchange, patienceMs(exchange, sender), abort.signal, () => {
    leave();
    sender.open();
    const text = 'No session with messages became free within the time.';
    refuse(sender, new Refusal(conditions.timeout, text));
  });
  return {
    outlet,
    close() {
      abort.abort();
      leave();
      outlet.close();
    },
  };
}

function patienceMs({ bounds }: Exchange, { properties }: Sender): number {
  const asked = properties?.[timeoutProperty];
  return typeof asked === 'number'
    ? Math.min(asked, bounds.sessionWaitMsMax)
    : bounds.sessionWaitMsMax;
}

function beginSession(sender: Sender, outlet: Outlet, session: Session): void {
  sender.set_source({ address: outlet.entity.path, filter: { [sessionFilter]: session.id } });
  inside(sender).local.attach.properties = {
    [lockedUntilProperty]: types.wrap_long(ticksOf(session.lockedUntil)),
  };
  outlet.begin(session);
}

/** Answers what ends the wait, should the link end before. */
function refuseLater(exchange: Exchange, sender: Sender, refusal: Refusal): () => void {
  const abort = new AbortController();
  inTime(exchange, reasonDelayMs, abort.signal, () => refuse(sender, refusal));
  return () => abort.abort();
}

function inTime({ clock }: Exchange, ms: number, signal: AbortSignal, act: () => void): void {
  clock.sleep(ms, signal).then(act, (reason) => {
    if (!signal.aborted) throw reason;
  });
}

function mismatch({ path, queue }: QueueEntity): Refusal {
  return queue.settings.requiresSession
    ? new Refusal(
        conditions.notAllowed,
        'It is not possible for an entity that requires sessions to create a non-sessionful message receiver.',
      )
    : new Refusal(
        conditions.notAllowed,
        `'${path}' does not require sessions; receive without one.`,
      );
}

/** .NET's time: tenths of microseconds since the year 1. */
function ticksOf(ms: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(Math.floor(ms)) * 10_000n + 621_355_968_000_000_000n);
  return bytes;
}
