/** The exchange: everything of the broker but the wire. */
import type { Clock } from '#runtime';
import type { BrokerBounds } from '../bounds.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import { Store } from '../store/store.ts';
import { Bodies } from './bodies.ts';
import { Handing } from './handing.ts';
import { Keeping } from './keeping.ts';
import { Looking } from './looking.ts';
import { Namespace } from './namespace.ts';
import { Sending } from './sending.ts';
import { Settling } from './settling.ts';
import { Turn } from './turn.ts';

export interface ExchangeOptions {
  /** Undefined: in memory. */
  readonly file: string | undefined;
  readonly config: BrokerConfig;
  readonly clock: Clock;
  readonly bounds: BrokerBounds;
  /** Told of what no client can be told of. */
  readonly report: (trouble: unknown) => void;
}

export interface Exchange {
  readonly namespace: Namespace;
  readonly turn: Turn;
  readonly sending: Sending;
  readonly settling: Settling;
  readonly looking: Looking;
  readonly keeping: Keeping;
  readonly clock: Clock;
  readonly bounds: BrokerBounds;
  /** What was planned is written; what was not answered is not. */
  close(): void;
}

/** Throws CONFIG_INVALID and what opening the file throws. */
export function openExchange(options: ExchangeOptions): Exchange {
  const { file, config, clock, bounds, report } = options;
  const store = Store.open(file);
  try {
    const namespace = new Namespace(store, config, bounds);
    const turn = new Turn({ store, clock, entities: namespace.entities, report });
    const bodies = new Bodies(store, bounds.cachedBytesMax);
    const sending = new Sending(turn, bodies, bounds);
    const settling = new Settling(turn, bodies, bounds);
    const handing = new Handing(turn, bodies, settling, bounds.handedBytesMax);
    const looking = new Looking({ turn, store, bodies, settling, handing, bounds });
    const keeping = new Keeping(turn, bounds);
    turn.begin({
      due(entity, now) {
        if (entity.schedule !== null)
          sending.arrive(entity, entity.schedule.due(now, bounds.dueMax));
        if (entity.kind === 'queue') settling.end(entity, entity.queue.overdue(now, bounds.dueMax));
      },
      serve: (entity, now) => handing.serve(entity, now),
    });
    const close = () => {
      turn.close();
      store.close();
    };
    return { namespace, turn, sending, settling, looking, keeping, clock, bounds, close };
  } catch (thrown) {
    store.close();
    throw thrown;
  }
}
