/** Events for a log, and how tests look at them. */
import type {
  EventBatch,
  Log,
  NewEvent,
  RecordedEvent,
  StreamName,
  SubscribeOptions,
} from '#runtime';

/** An event that differs from every other. */
export function newEvent(parts: Partial<NewEvent> = {}): NewEvent {
  return {
    id: crypto.randomUUID(),
    type: 'Noted',
    schemaVersion: 1,
    data: {},
    metadata: { messageId: 'message-1', recordedAt: '2026-11-24T12:00:00.000Z' },
    ...parts,
  };
}

export function newEvents(count: number, parts: Partial<NewEvent> = {}): readonly NewEvent[] {
  return Array.from({ length: count }, () => newEvent(parts));
}

/** The name of a stream that nobody has used yet. */
export function newStream(category = 'entity'): StreamName {
  return `${category}-acme/${crypto.randomUUID()}`;
}

export const idsOf = (events: readonly { readonly id: string }[]) => events.map(({ id }) => id);

export const revisionsOf = (events: readonly RecordedEvent[]) =>
  events.map(({ revision }) => revision);

/** `stream@revision`, which names an event without its position. */
export const placesOf = (events: readonly RecordedEvent[]) =>
  events.map(({ stream, revision }) => `${stream}@${revision}`);

export const eventsOf = (batches: readonly EventBatch[]) => batches.flatMap(({ events }) => events);

type Following = Omit<SubscribeOptions, 'signal' | 'after'> & { readonly after?: number };

/** The batches of a subscription until they are enough; by default until the end of the log. */
export async function follow(
  log: Log,
  { after = 0, ...options }: Following = {},
  isEnough: (batches: readonly EventBatch[]) => boolean = (batches) => batches.at(-1)!.live,
): Promise<readonly EventBatch[]> {
  const { signal } = new AbortController();
  const batches: EventBatch[] = [];
  for await (const batch of log.subscribe({ after, ...options, signal })) {
    batches.push(batch);
    if (isEnough(batches)) break;
  }
  return batches;
}
