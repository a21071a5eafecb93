/**
 * The way to a namespace: by connection string, or by the identity that the process has (managed
 * identity, workload identity, `az login`), whose roles are Azure Service Bus Data Sender and Receiver.
 */
import { DefaultAzureCredential } from '@azure/identity';
import { ServiceBusClient } from '@azure/service-bus';
import { RuntimeError } from '#runtime';

export type Access =
  | { readonly connectionString: string }
  /** The namespace's full host name, `<name>.servicebus.windows.net`. */
  | { readonly namespace: string };

/**
 * A client with a connection of its own, made when it is first needed. It tries everything once, for
 * `timeoutMs`: repeating is the caller's, who knows what may be repeated; only a stream of messages
 * comes back by itself. Throws CONFIG_INVALID.
 */
export function connect(access: Access, timeoutMs: number): ServiceBusClient {
  const retryOptions = { maxRetries: 0, timeoutInMs: timeoutMs, retryDelayInMs: 500 };
  try {
    return 'connectionString' in access
      ? new ServiceBusClient(access.connectionString, { retryOptions })
      : new ServiceBusClient(access.namespace, new DefaultAzureCredential(), { retryOptions });
  } catch {
    // Without its cause: the client quotes what it can't read, which may be a key.
    throw new RuntimeError('CONFIG_INVALID', 'the access to Service Bus has the wrong form');
  }
}
