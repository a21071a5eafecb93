/**
 * `$management`: what a client asks of an entity beside its links. Each operation is a function in one
 * of the files named for them.
 */
import { asRefusal, conditions, Refusal } from '../core/refusal.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Address } from '../exchange/namespace.ts';
import { type Call, type Operation, wrongArgument } from './call.ts';
import { messageOperations } from './message-operations.ts';
import type { Outlet } from './outlet.ts';
import { type Answer, type Request, refusalAnswer } from './request.ts';
import { ruleOperations } from './rule-operations.ts';
import { sessionOperations } from './session-operations.ts';

const operations: ReadonlyMap<string, Operation> = new Map([
  ...messageOperations,
  ...sessionOperations,
  ...ruleOperations,
]);

export class Management {
  readonly #exchange: Exchange;
  readonly #outlets: () => readonly Outlet[];

  constructor(exchange: Exchange, outlets: () => readonly Outlet[]) {
    this.#exchange = exchange;
    this.#outlets = outlets;
  }

  take(address: Address, request: Request, answer: (answer: Answer) => void): void {
    const { operation: name } = request;
    const operation = operations.get(name);
    const body = (request.body ?? {}) as Call['body'];
    try {
      if (operation === undefined) {
        throw new Refusal(conditions.notImplemented, `'${name}' is not supported here.`);
      }
      if (typeof body !== 'object') throw wrongArgument('body');
      operation({ exchange: this.#exchange, address, body, outlets: this.#outlets(), answer });
    } catch (thrown) {
      answer(refusalAnswer(asRefusal(thrown)));
    }
  }
}
