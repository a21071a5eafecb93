/** All that happens to entities and relationships, for other services to follow. */
import type { Projection } from '#runtime';
import { type OutboundMessage, outboundMessage } from './message.ts';

export const outboundProjection: Projection<OutboundMessage> = {
  name: 'outbound',
  version: 1,
  filter: { categories: ['entity', 'relationship'] },
  project: (event) => [outboundMessage(event)],
};
