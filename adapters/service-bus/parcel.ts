/** One message in a node's hands, until it is settled. */
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import type { DeadLetterReason } from '#runtime';

export interface Parcel {
  readonly received: ServiceBusReceivedMessage;
  /** Its place in the order of arrival. */
  readonly number: number;
  /** Lets the broker send another. */
  readonly done: () => void;
  /** Times that we started it again. */
  again: number;
  startedMs: number;
  isSettled: boolean;
  /** Why it was not settled this time. */
  fault: DeadLetterReason | null;
}
