/**
 * An answer of the language model: whole, or as it is written, over Server-Sent Events:
 *
 *     event: context   the ContextAnswer, before the model has said anything
 *     event: text      {"text": …}, piece by piece
 *     event: done      {"model": …}     or     event: error   the problem, where the answer breaks off
 *
 * The model is asked for the next piece when the client has taken the last one. A client that leaves, or
 * takes nothing for limits.feedPatienceMs, ends the request to the model, which has few places.
 */
import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { type ContextAnswer, promptOf } from '#projections';
import { type Chat, type Clock, type Limits, toRuntimeError } from '#runtime';
import { hasRoomWithin } from './feed-room.ts';
import { problemOf } from './problem.ts';

export interface Asked {
  readonly chat: Chat;
  readonly question: string;
  readonly context: ContextAnswer;
  /** Ends the request to the model. */
  readonly signal: AbortSignal;
}

/** The whole answer. Throws as Chat does. */
export async function answerOf(asked: Asked): Promise<{ text: string; model: string }> {
  let text = '';
  for await (const piece of piecesOf(asked)) text += piece;
  return { text, model: asked.chat.model };
}

/** Answers with events; resolves when the last is sent, or the client is gone. */
export async function sendEvents(
  reply: FastifyReply,
  asked: Asked,
  { clock, limits }: { readonly clock: Clock; readonly limits: Limits },
): Promise<void> {
  const { raw } = reply.hijack();
  raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
    'x-request-id': reply.request.id,
  });
  for await (const event of eventsOf(asked, reply)) {
    raw.write(event);
    if (!(await hasRoomWithin(raw, limits.feedPatienceMs, clock))) raw.destroy();
    if (raw.destroyed) return;
  }
  raw.end();
}

/** Never throws: what fails is the last event. */
async function* eventsOf(asked: Asked, { request }: FastifyReply): AsyncGenerator<string> {
  yield eventText('context', asked.context);
  try {
    for await (const text of piecesOf(asked)) yield eventText('text', { text });
    yield eventText('done', { model: asked.chat.model });
  } catch (thrown) {
    if (asked.signal.aborted) return;
    const error = toRuntimeError(thrown);
    request.log.warn({ code: error.code, detail: error.message }, 'an answer broke off');
    yield eventText('error', problemOf(error, request.id));
  }
}

function piecesOf({ chat, context, question, signal }: Asked): AsyncIterable<string> {
  return chat.answer(promptOf(question, context), signal);
}

function eventText(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
