/** Management of sessions, for the client that holds them. */
import { conditions, Refusal } from '../core/refusal.ts';
import { types } from '../wire/typed.ts';
import type { Operation } from './call.ts';
import { type Call, queueOf, textIn, wrongArgument } from './call.ts';
import type { Outlet } from './outlet.ts';
import { doneAnswer, refusalAnswer } from './request.ts';

export const sessionOperations: readonly (readonly [string, Operation])[] = [
  ['com.microsoft:renew-session-lock', renewLock],
  ['com.microsoft:set-session-state', setState],
  ['com.microsoft:get-session-state', getState],
];

/** This client's link that holds a session. Throws session-lock-lost. */
export function holderOf(call: Call, sessionId: string): Outlet {
  const { queue } = queueOf(call);
  const session = queue.session(sessionId);
  const holder = call.outlets.find((outlet) => session?.isHeldBy(outlet, call.exchange.turn.now));
  if (holder !== undefined) return holder;
  const text = 'The session lock has expired on the MessageSession. Accept a new MessageSession.';
  throw new Refusal(conditions.sessionLockLost, text);
}

function renewLock(call: Call): void {
  const { queue } = queueOf(call);
  const { session } = holderOf(call, textIn(call, 'session-id'));
  const until = queue.renewSession(session!, call.exchange.turn.now);
  call.answer(doneAnswer({ expiration: types.wrap_timestamp(until) }));
}

function setState(call: Call): void {
  const sessionId = textIn(call, 'session-id');
  holderOf(call, sessionId);
  const state = call.body['session-state'] ?? null;
  if (state !== null && !Buffer.isBuffer(state)) throw wrongArgument('session-state');
  // A copy: what comes from a socket is a window on more.
  const kept = state === null ? null : Buffer.from(state);
  call.exchange.keeping.keepState(queueOf(call), sessionId, kept, (refusal) => {
    call.answer(refusal === null ? doneAnswer() : refusalAnswer(refusal));
  });
}

function getState(call: Call): void {
  const sessionId = textIn(call, 'session-id');
  holderOf(call, sessionId);
  const state = queueOf(call).queue.session(sessionId)?.state ?? null;
  call.answer(doneAnswer({ 'session-state': state }));
}
