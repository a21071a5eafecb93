/**
 * How many messages the namespace holds for us, by its management interface: HTTPS, and other rights than
 * sending and receiving need (Manage on both subscriptions, or the role Data Owner).
 *
 * Without them it can't be told, which is nothing that keeps a node from working; nor can it be with the
 * emulator or the local broker, which have no such interface on their address.
 */
import { DefaultAzureCredential } from '@azure/identity';
import {
  ServiceBusAdministrationClient,
  type ServiceBusAdministrationClientOptions,
} from '@azure/service-bus';
import type { Entities } from './entities.ts';
import type { Access } from './line.ts';

/** Messages that are not settled, and those that never will be. */
interface Counted {
  readonly all: number | null;
  readonly deadLetters: number | null;
}

const untold: Counted = { all: null, deadLetters: null };

export class Counts {
  readonly #client: ServiceBusAdministrationClient | null;
  readonly #entities: Entities;

  constructor(
    access: Access,
    entities: Entities,
    options: ServiceBusAdministrationClientOptions = {},
  ) {
    this.#client = clientOf(access, { ...options, retryOptions: { maxRetries: 0 } });
    this.#entities = entities;
  }

  /** Of both subscriptions. Nulls where the namespace does not tell, or not in time. */
  async read(patienceMs: number): Promise<Counted> {
    if (this.#client === null) return untold;
    const client = this.#client;
    const { topic, subscription, intake } = this.#entities;
    const abortSignal = AbortSignal.timeout(patienceMs);
    try {
      const found = await Promise.all(
        [subscription, intake].map((name) =>
          client.getSubscriptionRuntimeProperties(topic, name, { abortSignal }),
        ),
      );
      return {
        all: found.reduce((sum, { activeMessageCount }) => sum + activeMessageCount, 0),
        deadLetters: found.reduce((sum, one) => sum + one.deadLetterMessageCount, 0),
      };
    } catch {
      // Its absence among the metrics says so; that the broker works is asked elsewhere.
      return untold;
    }
  }
}

/** Null where there is nobody to ask. */
function clientOf(
  access: Access,
  options: ServiceBusAdministrationClientOptions,
): ServiceBusAdministrationClient | null {
  if ('namespace' in access) {
    return new ServiceBusAdministrationClient(
      access.namespace,
      new DefaultAzureCredential(),
      options,
    );
  }
  const isLocal = /UseDevelopmentEmulator=true/i.test(access.connectionString);
  return isLocal ? null : new ServiceBusAdministrationClient(access.connectionString, options);
}
