/** Why a message is a dead letter: two application properties, with the words that Azure uses. */
export interface DeadReason {
  readonly reason?: string;
  readonly description?: string;
}

export const deadReasons = {
  expired: {
    reason: 'TTLExpiredException',
    description: 'The message expired and was dead lettered.',
  },
  sessionMissing: {
    reason: 'Session id is null.',
    description: "Session enabled entity doesn't allow a message whose session identifier is null.",
  },
  exhausted: (deliveries: number) => ({
    reason: 'MaxDeliveryCountExceeded',
    description: `Message could not be consumed after ${deliveries} delivery attempts.`,
  }),
} as const;

export function propertiesOf({ reason, description }: DeadReason): Record<string, unknown> {
  return { DeadLetterReason: reason, DeadLetterErrorDescription: description };
}
