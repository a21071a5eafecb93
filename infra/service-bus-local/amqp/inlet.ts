/**
 * A link on which a client sends. Each transfer is a message or a batch of them; it is accepted when
 * all of it is durable, or rejected with the reason.
 */
import type { Exchange } from '../exchange/exchange.ts';
import type { Target } from '../exchange/sending.ts';
import { unbatched } from '../wire/envelope.ts';
import { errorOf } from './rhea.ts';
import type { Taking } from './transfers.ts';

const batchFormat = 0x80013700;

export function inletOf({ sending }: Exchange, target: Target): Taking {
  return (bytes, delivery) => {
    const messages = delivery.format === batchFormat ? unbatched(bytes) : [bytes];
    sending.send(target, messages, (refusal) => {
      if (refusal === null) delivery.accept();
      else delivery.reject(errorOf(refusal));
    });
  };
}
