/** What changes the graph, for those who tell it to other services. */
import type { Projection, RecordedEvent } from '#runtime';
import { notifiedEvents } from './notification.ts';

/** The event itself: what is told of it depends on what was before, which only the log knows. */
export const notificationsProjection: Projection<RecordedEvent> = {
  name: 'notifications',
  version: 1,
  filter: notifiedEvents,
  project: (event) => [event],
};
