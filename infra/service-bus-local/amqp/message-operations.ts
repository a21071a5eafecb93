/** Management of messages: peek, renew, settle, take deferred ones, schedule and cancel. */
import { conditions, Refusal } from '../core/refusal.ts';
import type { Settlement } from '../exchange/settling.ts';
import { typecodes, types } from '../wire/typed.ts';
import {
  type Call,
  listIn,
  numberIn,
  type Operation,
  optionalTextIn,
  queueOf,
  textIn,
  wrongArgument,
} from './call.ts';
import { lockUuid, tokenOf } from './lock-token.ts';
import { deadReason } from './outlet.ts';
import { type Answer, doneAnswer, refusalAnswer } from './request.ts';
import { holderOf } from './session-operations.ts';

export const messageOperations: readonly (readonly [string, Operation])[] = [
  ['com.microsoft:peek-message', peek],
  ['com.microsoft:renew-lock', renewLocks],
  ['com.microsoft:update-disposition', updateDisposition],
  ['com.microsoft:receive-by-sequence-number', receiveDeferred],
  ['com.microsoft:schedule-message', schedule],
  ['com.microsoft:cancel-scheduled-message', cancel],
];

const nothing: Answer = { status: 204, description: 'No messages.' };

function peek(call: Call): void {
  const messages = call.exchange.looking.peek(queueOf(call), {
    from: numberIn(call, 'from-sequence-number'),
    count: numberIn(call, 'message-count'),
    session: optionalTextIn(call, 'session-id'),
  });
  const isAny = messages.length > 0;
  call.answer(isAny ? doneAnswer({ messages: messages.map((message) => ({ message })) }) : nothing);
}

function renewLocks(call: Call): void {
  const { queue } = queueOf(call);
  const ends = tokensIn(call).map((token) => queue.renew(token, call.exchange.turn.now));
  call.answer(doneAnswer({ expirations: types.wrap_array(ends, typecodes.timestamp) }));
}

function updateDisposition(call: Call): void {
  const entity = queueOf(call);
  const tokens = tokensIn(call);
  const settlement = settlementIn(call);
  let waiting = tokens.length;
  let first: Refusal | null = null;
  for (const token of tokens) {
    call.exchange.settling.settle(entity, token, settlement, (refusal) => {
      first ??= refusal;
      waiting -= 1;
      if (waiting === 0) call.answer(first === null ? doneAnswer() : refusalAnswer(first));
    });
  }
}

function settlementIn(call: Call): Settlement {
  const properties = call.body['properties-to-modify'] ?? {};
  if (typeof properties !== 'object') throw wrongArgument('properties-to-modify');
  const altered = properties as Readonly<Record<string, unknown>>;
  const status = textIn(call, 'disposition-status');
  switch (status) {
    case 'completed':
      return { kind: 'complete' };
    case 'abandoned':
      return { kind: 'abandon', properties: altered };
    case 'defered':
      return { kind: 'defer', properties: altered };
    case 'suspended': {
      const { body } = call;
      const reason = deadReason(body['deadletter-reason'], body['deadletter-description']);
      return { kind: 'dead-letter', reason, properties: altered };
    }
    default:
      throw new Refusal(conditions.argument, `'${status}' is not a disposition.`);
  }
}

function receiveDeferred(call: Call): void {
  const entity = queueOf(call);
  const sessionId = optionalTextIn(call, 'session-id');
  const owner = sessionId === null ? null : holderOf(call, sessionId);
  const isPeekLock = numberIn(call, 'receiver-settle-mode') === 1;
  const mode = isPeekLock ? 'peek-lock' : 'receive-and-delete';
  call.exchange.looking.takeDeferred(
    entity,
    sequencesIn(call),
    { owner, mode },
    (refusal, taken) => {
      if (refusal !== null) {
        call.answer(refusalAnswer(refusal));
        return;
      }
      const messages = taken.map(({ token, bytes }) => ({
        message: bytes,
        ...(token !== null && { 'lock-token': types.wrap_uuid(lockUuid(token)) }),
      }));
      call.answer(doneAnswer({ messages }));
    },
  );
}

function schedule(call: Call): void {
  const messages = listIn(call, 'messages').map((entry) => {
    const { message } = (entry ?? {}) as { readonly message?: unknown };
    if (!Buffer.isBuffer(message)) throw wrongArgument('messages');
    if (message.length > call.exchange.bounds.messageBytesMax) {
      throw new Refusal(conditions.tooLarge, 'A message is larger than the broker takes.');
    }
    return message;
  });
  call.exchange.sending.schedule(call.address.entity, messages, (refusal, sequences) => {
    const body = { 'sequence-numbers': types.wrap_array(sequences, typecodes.long) };
    call.answer(refusal === null ? doneAnswer(body) : refusalAnswer(refusal));
  });
}

function cancel(call: Call): void {
  call.exchange.sending.cancel(call.address.entity, sequencesIn(call), (refusal) => {
    call.answer(refusal === null ? doneAnswer() : refusalAnswer(refusal));
  });
}

/** One that is no number is no message's either. */
function sequencesIn(call: Call): readonly number[] {
  return listIn(call, 'sequence-numbers').map((each) => (typeof each === 'number' ? each : 0));
}

function tokensIn(call: Call): readonly number[] {
  const tokens = listIn(call, 'lock-tokens').map(tokenOf);
  if (tokens.length === 0) throw wrongArgument('lock-tokens');
  return tokens;
}
