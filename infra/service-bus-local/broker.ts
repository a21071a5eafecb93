/**
 * A local broker that an Azure Service Bus client cannot tell apart. A development tool: one process,
 * one well-known key, no TLS. Production is Azure.
 */
import { systemClock } from '#adapters/system';
import type { Clock } from '#runtime';
import { listen } from './amqp/listener.ts';
import { accessKey } from './amqp/sas-token.ts';
import { type BrokerBounds, brokerBounds } from './bounds.ts';
import type { BrokerConfig } from './config/broker-config.ts';
import { Refusal } from './core/refusal.ts';
import { openExchange } from './exchange/exchange.ts';

export interface BrokerOptions {
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  /** Undefined: in memory, and gone with the broker. */
  readonly file: string | undefined;
  readonly config: BrokerConfig;
  readonly clock?: Clock;
  /** Smaller bounds, for tests. */
  readonly bounds?: Partial<BrokerBounds>;
  /** Told of what no client can be told of: a disk that is full, a bug. */
  readonly report?: (trouble: unknown) => void;
}

export interface Broker {
  readonly port: number;
  /** For `ServiceBusClient`, with the key that the broker checks. */
  readonly connectionString: string;
  /** Ends all connections. Whatever was accepted is in the file; locks are gone. */
  close(): Promise<void>;
}

/**
 * Opens a broker; resolves when it takes connections. An accepted message is durable: it survives
 * `kill -9` of the broker and a loss of power, and is there when the file is opened again.
 *
 * Rejects with CONFIG_INVALID (a port that is taken, a configuration that contradicts the file),
 * DATA_FOLDER_IN_USE (another broker has the file), DATA_CORRUPT or DATA_FORMAT_NEWER.
 */
export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const { host = '127.0.0.1', port, file, config, clock = systemClock } = options;
  const report = options.report ?? throwLater;
  const bounds = { ...brokerBounds, ...options.bounds };
  const exchange = openExchange({ file, config, clock, bounds, report });
  try {
    const listener = await listen({ host, port, exchange, report });
    return {
      port: listener.port,
      connectionString: connectionString(host, listener.port),
      async close() {
        await listener.close();
        exchange.close();
      },
    };
  } catch (thrown) {
    exchange.close();
    throw thrown;
  }
}

function connectionString(host: string, port: number): string {
  const { name, value } = accessKey;
  const place = host.includes(':') ? `[${host}]` : host;
  return `Endpoint=sb://${place}:${port};SharedAccessKeyName=${name};SharedAccessKey=${value};UseDevelopmentEmulator=true;`;
}

/** Nobody listens: better the process ends than that a bug goes unseen. */
function throwLater(trouble: unknown): void {
  // What the store refused, the clients know already.
  if (trouble instanceof Refusal) return;
  queueMicrotask(() => {
    throw trouble;
  });
}
