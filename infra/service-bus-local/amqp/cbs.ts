/**
 * `$cbs`: a client shows its token before it attaches anything.
 *
 * The token's audience is where the client means to go. Like Azure, it is told here already when there
 * is no such entity: a sending link would learn it too late. What a key allows is not looked at: who
 * has the key may do everything.
 */
import { conditions, entityNotFound, Refusal } from '../core/refusal.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { type Answer, type Request, refusalAnswer } from './request.ts';
import { isValidToken } from './sas-token.ts';

export function answerToken(exchange: Exchange, request: Request): Answer {
  const { operation, body } = request;
  const { name, type } = request.properties;
  if (operation !== 'put-token') {
    const text = `'${operation}' is not an operation of $cbs.`;
    return refusalAnswer(new Refusal(conditions.notImplemented, text));
  }
  if (type !== 'servicebus.windows.net:sastoken' || !isValidToken(body, exchange.turn.now)) {
    const text = 'The token is invalid, expired, or signed with another key.';
    return refusalAnswer(new Refusal(conditions.unauthorized, text));
  }
  if (exchange.namespace.find(String(name)) === undefined) {
    return refusalAnswer(entityNotFound(String(name)));
  }
  return { status: 202, description: 'Accepted' };
}
